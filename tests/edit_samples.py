"""Neuron sets, prompts and forward passes that the tests of edits and of generation share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from valuescope.edit import Edit
from valuescope.locate import NeuronSet
from valuescope.models import Batch, NeuronModel, forward_inputs

# Lengths differ, so that every batch of them is padded; one is longer than the tiny models' sliding window.
PROMPTS = (
    "I help my friend",
    "you should always rule the people with power and money or",
    "peace",
    "we share the old story of nature and the family never did risk",
)


def some_neurons(model: NeuronModel, seed: int, *, share: float = 0.3, sign: int | None = None) -> NeuronSet:
    """A random `share` of the model's neurons with |score| in [0.1, 0.5]; signs mixed unless one is given."""
    generator = torch.Generator().manual_seed(seed)
    count = int(model.neurons * share)
    flat = torch.randperm(model.neurons, generator=generator)[:count]
    signs = torch.where(torch.rand(count, generator=generator) < 0.5, -1, 1)
    if sign is not None:
        signs = torch.full_like(signs, sign)
    scores = signs * (0.1 + 0.4 * torch.rand(count, generator=generator))
    return neuron_set(model, flat // model.width, flat % model.width, scores, signs)


def neuron_set(model: NeuronModel, layers: Any, indices: Any, scores: Any, signs: Any) -> NeuronSet:
    """A neuron set of the given numbers."""
    return NeuronSet(
        value="care",
        model=model.identity,
        site="product",
        method="test",
        parameters={},
        data_hash="none",
        seed=0,
        layers=torch.as_tensor(layers),
        indices=torch.as_tensor(indices),
        scores=torch.as_tensor(scores, dtype=torch.float32),
        signs=torch.as_tensor(signs),
    )


def logits_of(model: NeuronModel, batch: Batch, **more: Any) -> Tensor:
    """float32 logits [batch, seq, vocabulary] of one pass; pads hold whatever the model gives."""
    return forward(model, batch, **more).logits.float()


def forward(model: NeuronModel, batch: Batch, **more: Any) -> Any:
    """One forward pass of the whole model."""
    with torch.no_grad():
        return model.model(**forward_inputs(model, batch), **more)


def part(batch: Batch, columns: slice) -> Batch:
    """The tokens of some columns, with the mask of everything up to them, as a cached pass needs them."""
    return Batch(
        input_ids=batch.input_ids[:, columns],
        attention_mask=batch.attention_mask[:, : columns.stop],
        position_ids=batch.position_ids[:, columns],
        response_mask=batch.response_mask[:, columns],
    )


def hooks_on(model: NeuronModel) -> list[str]:
    """Names of the modules that carry a forward hook of any kind."""
    return [
        name
        for name, module in model.model.named_modules()
        if isinstance(module, nn.Module) and (module._forward_hooks or module._forward_pre_hooks)
    ]


def by_the_papers(edit: Edit, m: Tensor, layer: int) -> Tensor:
    """The edit of m [..., width] written from the papers' formulas, one neuron after the other."""
    result = m.clone()
    neurons = edit.neurons
    for at, index, score, sign in zip(
        neurons.layers.tolist(),
        neurons.indices.tolist(),
        neurons.scores.tolist(),
        neurons.signs.tolist(),
        strict=True,
    ):
        if at != layer:
            continue
        value = m[..., index]
        role = sign if getattr(edit, "direction", "positive") == "positive" else -sign
        if edit.kind == "deactivate":
            changed = torch.zeros_like(value)
        elif edit.kind == "amplify":
            delta = abs(score) * edit.delta_scale
            changed = value * (1 + delta * edit.gamma) if role > 0 else torch.clamp(value, max=0)
        else:
            changed = value * (1 + torch.sign(value) * role * edit.beta)
        result[..., index] = changed
    return result
