"""The load-time proof that the resolved sites are the model's neurons.

One short forward pass gives every layer's inputs; then each layer runs alone on them, with one neuron zeroed
at the gate, at the product, and with its value vector zeroed in the weights. All three must agree, and must
change the layer's output. At the end the same is checked on the logits with one neuron of every layer off at
once. No weights are copied but one vector per layer, and they are restored bit-exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from valuescope.models.hooks import first_tensor, site_hooks
from valuescope.models.neuron_model import LayerProof, NeuronModel, SiteReport
from valuescope.models.sites import LayerSites, SiteError

_TOLERANCE = 0.01  # of the effect: the agreement is exact but for kernels that sum in no fixed order
_ROWS, _TOKENS = 2, 3


class _ProofError(Exception):
    """What was measured at a layer that failed."""


@dataclass
class _Record:
    """What one layer did in a forward pass; one entry per call of each site."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    gates: list[Tensor] = field(default_factory=list)
    products: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)


@torch.no_grad()
def prove_sites(model: NeuronModel) -> SiteReport:
    """Prove the sites of every layer; SiteError names the layer that failed and what was measured.

    The model must be in eval mode. Costs about six forward passes over six tokens.
    """
    if model.model.training:
        raise SiteError(
            "the model is in training mode, where dropout hides an edit's effect: call model.eval()"
        )
    ids = _proof_ids(model)
    records, logits = _record(model, ids)
    layers = []
    for layer, record in enumerate(records):
        try:
            layers.append(_prove_layer(model, layer, record))
        except _ProofError as error:
            raise SiteError(f"layer {layer} ({model.sites[layer].decoder}): {error}") from None
    return _prove_logits(model, ids, logits, tuple(layers))


def _proof_ids(model: NeuronModel) -> Tensor:
    """[2, 3] ids spread over the vocabulary, special tokens left out."""
    size = min(len(model.tokenizer), model.model.get_input_embeddings().weight.shape[0])
    special = set(model.tokenizer.all_special_ids)
    plain = [index for index in range(size) if index not in special] or list(range(size))
    count = _ROWS * _TOKENS
    ids = [plain[(place + 1) * len(plain) // (count + 1)] for place in range(count)]
    return torch.tensor(ids, device=model.device).reshape(_ROWS, _TOKENS)


def _record(model: NeuronModel, ids: Tensor) -> tuple[list[_Record], Tensor]:
    """The untouched forward pass: every layer's call and sites, and the logits."""
    records = [_Record() for _ in range(model.layers)]

    def keep_call(record: _Record, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        record.args, record.kwargs = args, kwargs

    with ExitStack() as stack:
        for layer, record in enumerate(records):
            keep = partial(keep_call, record)
            stack.callback(model.decoder(layer).register_forward_pre_hook(keep, with_kwargs=True).remove)
        watching = site_hooks(
            model,
            gate=lambda layer, a: records[layer].gates.append(a.clone()),
            product=lambda layer, m: records[layer].products.append(m.clone()),
            residual=lambda layer, h: records[layer].outputs.append(h.clone()),
        )
        stack.enter_context(watching)
        return records, _logits(model, ids)


def _prove_layer(model: NeuronModel, layer: int, record: _Record) -> LayerProof:
    site = model.sites[layer]
    gate, product, output = _check_calls(site, record)
    _check_activation(model, layer)
    same = torch.equal(gate, product)
    if same == site.gated:
        claim, seen = ("gated", "equals") if same else ("plain", "differs from")
        raise _ProofError(f"resolved as {claim}, but the product {seen} the gate activation")
    # the neuron that writes most: one whose value vector is zero could not show that it matters
    writes = product.abs().amax(dim=(0, 1)) * model.value_vectors(layer).norm(dim=1)
    neuron = int(writes.argmax())

    def zero(_: int, tensor: Tensor) -> None:
        tensor[..., neuron] = 0

    products: list[Tensor] = []
    with site_hooks(model, layers=[layer], gate=zero, product=lambda _, m: products.append(m.clone())):
        at_gate = _run_layer(model, layer, record)
    if not _is_zeroed_alone(products, product, neuron):
        raise _ProofError(f"zeroing neuron {neuron} at the gate does not zero it alone in the product")
    with site_hooks(model, layers=[layer], product=zero):
        at_product = _run_layer(model, layer, record)
    with _zeroed_value_vectors(model, {layer: neuron}):
        in_weights = _run_layer(model, layer, record)
    proof = LayerProof(
        layer=layer,
        neuron=neuron,
        effect=_distance(output, at_product),
        gate_error=_distance(at_gate, in_weights),
        product_error=_distance(at_product, in_weights),
    )
    if not proof.effect > 0:
        raise _ProofError(f"zeroing neuron {neuron} at the product leaves the layer's output unchanged")
    if not max(proof.gate_error, proof.product_error) <= _TOLERANCE * proof.effect:
        raise _ProofError(
            f"zeroing neuron {neuron} at the sites is not zeroing its value vector in {site.down}: "
            f"the outputs differ by {proof.gate_error:.3g} (gate) and {proof.product_error:.3g} (product), "
            f"its effect is {proof.effect:.3g}. Merge adapters into the weights first, if there are any"
        )
    return proof


def _is_zeroed_alone(seen: list[Tensor], before: Tensor, neuron: int) -> bool:
    expected = before.clone()
    expected[..., neuron] = 0
    return (
        len(seen) == 1
        and not bool(seen[0][..., neuron].any())
        and _distance(seen[0], expected) <= _TOLERANCE * float(before.abs().max())
    )


def _prove_logits(
    model: NeuronModel, ids: Tensor, logits: Tensor, layers: tuple[LayerProof, ...]
) -> SiteReport:
    neurons = {proof.layer: proof.neuron for proof in layers}

    def zero(layer: int, m: Tensor) -> None:
        m[..., neurons[layer]] = 0

    with site_hooks(model, product=zero):
        hooked = _logits(model, ids)
    with _zeroed_value_vectors(model, neurons):
        edited = _logits(model, ids)
    report = SiteReport(layers, logit_effect=_distance(logits, hooked), logit_error=_distance(hooked, edited))
    if not (report.logit_effect > 0 and report.logit_error <= _TOLERANCE * report.logit_effect):
        raise SiteError(
            "with one neuron of every layer zeroed, hooks and weights give other logits: they differ by "
            f"{report.logit_error:.3g}, the effect is {report.logit_effect:.3g}"
        )
    return report


@contextmanager
def _zeroed_value_vectors(model: NeuronModel, neurons: Mapping[int, int]) -> Iterator[None]:
    """Set one value vector per layer ({layer: neuron}) to zero in the weights; restored bit-exactly."""
    rows = [model.value_vectors(layer)[neuron] for layer, neuron in neurons.items()]
    kept = [row.clone() for row in rows]
    try:
        for row in rows:
            row.zero_()
        yield
    finally:
        for row, before in zip(rows, kept, strict=True):
            row.copy_(before)


def _check_calls(site: LayerSites, record: _Record) -> tuple[Tensor, Tensor, Tensor]:
    """The layer's gate, product and output, each made once and of the right shape."""
    wanted = {
        "activation": (record.gates, site.activation, site.width),
        "down projection": (record.products, site.down, site.width),
        "decoder layer": (record.outputs, site.decoder, site.hidden),
    }
    for what, (seen, path, width) in wanted.items():
        if len(seen) != 1:
            raise _ProofError(f"the {what} {path} ran {len(seen)} times in one forward pass, expected once")
        if seen[0].shape != (_ROWS, _TOKENS, width):
            raise _ProofError(
                f"at the {what} {path} a tensor of shape {tuple(seen[0].shape)} passes, "
                f"expected {(_ROWS, _TOKENS, width)}"
            )
        if not bool(seen[0].isfinite().all()):
            raise _ProofError(f"at the {what} {path} numbers are not finite; try another dtype")
    return record.gates[0], record.products[0], record.outputs[0]


def _check_activation(model: NeuronModel, layer: int) -> None:
    """The gate site must be nonlinear: at a dropout or a projection the wrong thing would be counted."""
    activation = model.activation(layer)
    if any(parameter.dim() > 1 for parameter in activation.parameters()):
        raise _ProofError(f"{model.sites[layer].activation} has weight matrices: no activation function")
    value = model.value_vectors(layer)
    x = torch.linspace(-3, 3, model.sites[layer].width, device=value.device, dtype=value.dtype)
    y = activation(x)
    scaled = torch.allclose(activation(2 * x), 2 * y, rtol=1e-2, atol=1e-2)
    mirrored = torch.allclose(activation(-x), -y, rtol=1e-2, atol=1e-2)
    if scaled and mirrored:
        raise _ProofError(f"{model.sites[layer].activation} is linear: no activation function")


def _run_layer(model: NeuronModel, layer: int, record: _Record) -> Tensor:
    return first_tensor(model.decoder(layer)(*record.args, **record.kwargs))


def _logits(model: NeuronModel, ids: Tensor) -> Tensor:
    logits: Tensor = model.model(input_ids=ids, use_cache=False).logits
    return logits


def _distance(left: Tensor, right: Tensor) -> float:
    return float((left.float() - right.float()).abs().max())
