"""Where chosen neurons are highest and lowest over many texts: one streaming pass, and never more than k texts a neuron."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from valuescope.activations import ActivationError
from valuescope.models import Encoded, NeuronModel, forward_inputs, left_pad, site_hooks
from valuescope.progress import StepProgress

SIDES = (1, -1)
"""Highest, and lowest: an extreme of m times the side."""


@dataclass(frozen=True, eq=False)
class Peaks:
    """For n neurons, in the order they were asked for, the k texts in which m is most extreme, best first.

    `values` float32 [2, n, k] holds m at its peak in a text, first where it is highest, then where it is lowest; NaN where
    there are fewer texts. `texts` and `places` int64 [2, n, k]: the number of the text and of the token in it (-1: none).
    `active` float64 [n]: the share of all tokens whose gate activation a is above 0; `tokens` how many were read.
    """

    values: Tensor
    texts: Tensor
    places: Tensor
    active: Tensor
    tokens: int


def read_peaks(
    model: NeuronModel,
    rows: Sequence[Encoded],
    layers: Tensor,
    indices: Tensor,
    *,
    keep: int = 8,
    batch_size: int = 32,
    progress: StepProgress | None = None,
) -> Peaks:
    """Read every text once and keep, for each neuron (layers[i], indices[i]), its `keep` highest and lowest texts.

    A text counts by its most extreme token. A token that begins a text (a BOS) is left out where the text has others: its
    activations are extreme in every text alike. Among equal peaks the lower text number stays first. Memory grows with
    neurons x keep, not with the texts. ActivationError where there is nothing to read.
    """
    if not rows or not len(layers):
        raise ActivationError(
            f"there are {len(rows)} texts and {len(layers)} neurons; give at least one of each"
        )
    running = _Running(model, layers, indices, keep)
    done = 0
    with (
        torch.inference_mode(),
        site_hooks(model, gate=running.gate, product=running.product, layers=sorted(running.columns)),
    ):
        for numbers in batches_by_length(rows, batch_size):
            batch = left_pad(model, [rows[number] for number in numbers])
            running.begin(torch.tensor(numbers, device=model.device), batch.attention_mask.bool())
            model.backbone()(**forward_inputs(model, batch), use_cache=False)
            done += len(numbers)
            if progress is not None:
                progress(done, len(rows))
    return running.peaks()


def batches_by_length(rows: Sequence[Encoded], batch_size: int) -> Iterator[list[int]]:
    """The numbers of texts in batches of like length, the longest first."""
    order = sorted(range(len(rows)), key=lambda number: -len(rows[number].input_ids))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


class _Running:
    """What a pass has seen so far, on the device."""

    def __init__(self, model: NeuronModel, layers: Tensor, indices: Tensor, keep: int) -> None:
        count, device = len(layers), model.device
        self.columns = {
            layer: ((layers == layer).nonzero().flatten().to(device), indices[layers == layer].to(device))
            for layer in sorted(set(layers.tolist()))
        }
        """By layer: the neurons' places in the order asked for, and their columns."""
        self._values = torch.full((2, count, keep), -torch.inf, device=device)
        self._texts = torch.full((2, count, keep), -1, device=device)
        self._places = self._texts.clone()
        self._active = torch.zeros(count, dtype=torch.float64, device=device)
        self._tokens = 0

    def begin(self, numbers: Tensor, mask: Tensor) -> None:
        """The next batch: the texts' numbers [rows], and which tokens are no padding [rows, seq]."""
        position = mask.long().cumsum(dim=1) - 1
        later = mask & (position > 0)
        self._numbers, self._position = numbers, position
        self._mask = torch.where(later.any(dim=1, keepdim=True), later, mask)
        self._tokens += int(self._mask.sum())

    def gate(self, layer: int, a: Tensor) -> None:
        """Count the tokens at which a is above 0."""
        places, columns = self.columns[layer]
        self._active[places] += ((a[..., columns] > 0) & self._mask[..., None]).sum(dim=(0, 1)).double()

    def product(self, layer: int, m: Tensor) -> None:
        """Take in the extremes of m."""
        places, columns = self.columns[layer]
        mine = m[..., columns].float()
        for number, side in enumerate(SIDES):
            extreme = (mine * side).masked_fill(~self._mask[..., None], -torch.inf).max(dim=1)
            where = self._position.gather(1, extreme.indices)
            self._take(number, places, extreme.values.T, where.T)

    def _take(self, side: int, places: Tensor, values: Tensor, where: Tensor) -> None:
        """Merge candidates [neurons, rows] with what is kept; ties go to the lower text number."""
        texts = self._numbers.expand_as(values)
        candidates = [
            torch.cat([kept[side, places], new], dim=1)
            for kept, new in ((self._values, values), (self._texts, texts), (self._places, where))
        ]
        order = candidates[1].argsort(dim=1, stable=True)
        order = order.gather(1, candidates[0].gather(1, order).argsort(dim=1, descending=True, stable=True))
        order = order[:, : self._values.shape[2]]
        for kept, candidate in zip((self._values, self._texts, self._places), candidates, strict=True):
            kept[side, places] = candidate.gather(1, order)

    def peaks(self) -> Peaks:
        """What was kept, on the CPU."""
        signs = torch.tensor(SIDES, device=self._values.device)[:, None, None]
        values = (self._values * signs).masked_fill(self._texts < 0, torch.nan)
        return Peaks(
            values.cpu(),
            self._texts.cpu(),
            self._places.cpu(),
            (self._active / self._tokens).cpu(),
            self._tokens,
        )
