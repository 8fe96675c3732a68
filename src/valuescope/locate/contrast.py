"""Numbers per text and neuron, contrasted between the texts for and against each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Location, empty_warnings
from valuescope.models import NeuronModel


class LabelSums:
    """Running sums and sums of squares of numbers [layers, width] per label, float64 on the CPU."""

    def __init__(self, labels: int, layers: int, width: int):
        self.count = torch.zeros(labels, dtype=torch.float64)
        self.sum = torch.zeros(labels, layers, width, dtype=torch.float64)
        self.square = torch.zeros_like(self.sum)

    def add(self, labels: Tensor, numbers: Tensor) -> None:
        """Add the numbers [B, layers, width] of some texts; LocateError where they are not finite."""
        bad = ~torch.isfinite(numbers).all(dim=2).all(dim=0)
        if bool(bad.any()):
            raise LocateError(
                f"layer {int(bad.nonzero()[0])}: numbers overflow; load the model in bfloat16 or float32"
            )
        numbers = numbers.cpu().double()
        self.count.index_add_(0, labels, torch.ones(len(labels), dtype=torch.float64))
        self.sum.index_add_(0, labels, numbers)
        self.square.index_add_(0, labels, numbers.square())

    def mean(self) -> Tensor:
        """Mean per label [labels, layers, width]."""
        return self.sum / self.count[:, None, None]

    def variance_of_mean(self) -> Tensor:
        """Squared standard error of the mean per label [labels, layers, width]."""
        spread = (self.square / self.count[:, None, None] - self.mean().square()).clamp(min=0)
        return spread / self.count[:, None, None]


def contrast_labels(evidence: Evidence, method: str) -> tuple[list[str], Tensor, Tensor]:
    """The labels of all values, each once, and the rows of every value's positive and negative one."""
    positive, negative = evidence.positive_labels(), evidence.negative_labels(method)
    labels = list(dict.fromkeys([*positive, *negative]))
    for value, plus, minus in zip(evidence.values, positive, negative, strict=True):
        if plus == minus:
            raise LocateError(
                f"{method} contrasts texts: {value!r} has the same label {plus!r} on both sides"
            )
    return (
        labels,
        torch.tensor([labels.index(label) for label in positive]),
        torch.tensor([labels.index(label) for label in negative]),
    )


def strongest(scores: Tensor, top: int) -> Tensor:
    """The `top` neurons of largest score above 0 per value [V, layers, width] (ties: lower layer, index)."""
    flat = scores.flatten(1)
    order = flat.argsort(dim=1, descending=True, stable=True)[:, :top]
    return (torch.zeros_like(flat, dtype=torch.bool).scatter_(1, order, True) & (flat > 0)).view_as(scores)


def require_limits(method: str, model: NeuronModel, top: int, texts: int | None) -> None:
    """Raise LocateError for a number of neurons or texts that cannot be."""
    if not 1 <= top <= model.neurons:
        raise LocateError(f"{method}: top is {top}; the model has {model.neurons} neurons")
    if texts is not None and texts < 1:
        raise LocateError(f"{method}: texts is {texts}; give at least 1 per label, or None for all")


def contrast_location(
    method: str,
    model: NeuronModel,
    evidence: Evidence,
    *,
    signed: Tensor,
    top: int,
    seed: int,
    parameters: Mapping[str, Any],
    diagnostics: Mapping[str, Any],
    warnings: Sequence[str] = (),
) -> Location:
    """The location of a method whose number is signed: score |signed|, the `top` largest are taken."""
    signed = signed.float()
    selected = strongest(signed.abs(), top)
    return Location(
        method=method,
        site="product",
        values=evidence.values,
        scores=signed.abs(),
        signed=signed,
        signs=torch.where(signed < 0, -1, 1),
        selected=selected,
        parameters={"top": top, **parameters},
        model=model.identity,
        data_hash=evidence.data_hash,
        seed=seed,
        diagnostics=diagnostics,
        warnings=(
            *empty_warnings(evidence.values, selected, "no neuron tells the two sides apart"),
            *warnings,
        ),
    )
