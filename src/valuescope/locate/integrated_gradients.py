"""Integrated gradients of a token's probability along the products m at the last token."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from valuescope.locate.evidence import LocateError
from valuescope.locate.next_token import last_logits, log_probability
from valuescope.locate.parameters import require_choice
from valuescope.locate.stream import held_output_norms
from valuescope.models import Batch, NeuronModel, forward_inputs, site_hooks

PATHS = ("layer", "joint")
RULES = ("gauss", "riemann")


@dataclass(frozen=True, eq=False)
class Attribution:
    """What every neuron contributes to F, and how well that adds up.

    `neurons` float32 [B, layers, width]. `total` and `difference` float64 [B, paths]: the sum of a path's
    attributions, and F at its end minus F at its beginning, which it should equal (completeness).
    """

    neurons: Tensor
    total: Tensor
    difference: Tensor


def quadrature(rule: str, steps: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [0, 1], float64 [steps]; LocateError for an unknown rule or fewer than 2 steps.

    "gauss": Gauss-Legendre. "riemann": equal weights at equal distances from 0 to 1, as the released code does.
    """
    require_choice("rule", rule, RULES)
    if steps < 2:
        raise LocateError(f"steps is {steps}; an integral needs at least 2")
    if rule == "riemann":
        return torch.linspace(0, 1, steps, dtype=torch.float64), torch.full(
            (steps,), 1 / steps, dtype=torch.float64
        )
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)


def integrated_gradients(
    model: NeuronModel, batch: Batch, targets: Tensor, nodes: Tensor, weights: Tensor, *, path: str = "layer"
) -> Attribution:
    """m_k times the integral over t in [0, 1] of dF/dm_k, F the probability of `targets` [B] as next token.

    `path` "layer": F(t m) is the probability when the products of one layer at the last token are t times what they
    are, and all that comes after responds; a layer by itself. "joint": when those of all layers are, each held
    at t times its value in the unchanged pass; one path for the whole model, and one backward pass per node.
    All nodes run as rows of one batch, F at 0 and 1 beside them. What stands before the last token does not
    depend on it, so it is read once, into a cache of keys and values (families with another kind of cache
    read the whole text at every node). Where the family normalises what the block writes (Gemma 2 and 3, OLMo 2), that
    norm's factor is held (see `held_output_norms`). The model must be frozen.
    """
    require_choice("path", path, PATHS)
    every = range(model.layers)
    groups = [list(every)] if path == "joint" else [[layer] for layer in every]
    points = torch.cat([nodes, torch.tensor([0.0, 1.0], dtype=nodes.dtype)])
    rows, count = len(batch.input_ids), len(points)
    run = _LastToken(model, batch, count)
    products = run.products()
    neurons = torch.zeros(rows, model.layers, model.width)
    total, difference = torch.zeros(rows, len(groups)).double(), torch.zeros(rows, len(groups)).double()
    for index, group in enumerate(groups):
        leaves = {}
        for layer in group:
            m = products[layer]
            scaled = m[:, None].float() * points.to(m.device, torch.float32)[None, :, None]
            leaves[layer] = scaled.flatten(0, 1).to(m.dtype).requires_grad_(True)
        with held_output_norms(model, {layer: products[layer] for layer in group}, count):
            probability = run.probability(leaves, targets)
        gradients = torch.autograd.grad(probability.sum(), list(leaves.values()))
        for layer, gradient in zip(group, gradients, strict=True):
            slopes = gradient.view(rows, count, -1)[:, : len(nodes)].float()
            mean = torch.einsum("bnk,n->bk", slopes, weights.to(slopes.device, torch.float32))
            neurons[:, layer] = (mean * products[layer].float()).cpu()
        ends = probability.detach().view(rows, count)[:, len(nodes) :].double().cpu()
        difference[:, index] = ends[:, 1] - ends[:, 0]
        total[:, index] = neurons[:, group].double().sum(dim=(1, 2))
    return Attribution(neurons, total, difference)


class _LastToken:
    """Passes over the last token alone, in `repeats` versions of each row, behind one pass over the rest."""

    def __init__(self, model: NeuronModel, batch: Batch, repeats: int):
        self.model, self.batch, self.repeats = model, batch, repeats
        self.begin = batch.input_ids.shape[1] - 1
        self.past = self._read(slice(0, self.begin)) if self.begin else None
        if self.begin and not _can_branch(self.past):
            self.past, self.begin = None, 0

    def products(self) -> list[Tensor]:
        """The products of every layer at the last token, [B, width] each."""
        kept: list[Tensor] = []
        with torch.no_grad(), site_hooks(self.model, product=lambda _, m: kept.append(m[:, -1].clone())):
            inputs = forward_inputs(self.model, self._cut(slice(self.begin, None)))
            self.model.backbone()(**inputs, past_key_values=_branch(self.past, 1), use_cache=bool(self.past))
        return kept

    def probability(self, products: dict[int, Tensor], targets: Tensor) -> Tensor:
        """Probability of the targets [B] with products [B * repeats, width] put in; float32 [B * repeats]."""

        def put(layer: int, m: Tensor) -> Tensor:
            return torch.cat([m[:, :-1], products[layer][:, None].to(m.device)], dim=1)

        batch = self._cut(slice(self.begin, None), self.repeats)
        with torch.enable_grad(), site_hooks(self.model, product=put, layers=list(products)):
            logits = last_logits(self.model, batch, _branch(self.past, self.repeats))
        return log_probability(logits, targets.repeat_interleave(self.repeats).to(logits.device)).exp()

    @torch.no_grad()
    def _read(self, part: slice) -> Any:
        inputs = forward_inputs(self.model, self._cut(part))
        return self.model.backbone()(**inputs, use_cache=True).past_key_values

    def _cut(self, part: slice, repeats: int = 1) -> Batch:
        """Some tokens of the batch, with the mask of all up to them; each row `repeats` times."""
        batch = self.batch
        cut = (
            batch.input_ids[:, part],
            batch.attention_mask[:, : part.stop],
            batch.position_ids[:, part],
            batch.response_mask[:, part],
        )
        return Batch(*(tensor.repeat_interleave(repeats, dim=0) for tensor in cut))


def _can_branch(cache: Any) -> bool:
    """Whether every layer keeps plain keys and values, which updates replace and do not overwrite."""
    return type(cache) is DynamicCache and all(
        type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers
    )


def _branch(cache: Any, repeats: int) -> Any:
    """A cache that can be written to without changing `cache`, each row `repeats` times."""
    if cache is None:
        return None
    branch = copy.copy(cache)
    branch.layers = [copy.copy(layer) for layer in cache.layers]
    if repeats > 1:
        branch.batch_repeat_interleave(repeats)
    return branch
