"""Numbers per text and neuron, contrasted between the texts for and against each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Located, largest
from valuescope.models import NeuronModel


class LabelSums:
    """Running sums and sums of squares of numbers [layers, width] per label, float64 on the CPU."""

    def __init__(self, labels: int, layers: int, width: int):
        self.count = torch.zeros(labels, dtype=torch.float64)
        self.sum = torch.zeros(labels, layers, width, dtype=torch.float64)
        self.square = torch.zeros_like(self.sum)

    def add(self, labels: Tensor, numbers: Tensor) -> None:
        """Add the numbers [B, layers, width] of some texts; LocateError where they are not finite."""
        require_finite(numbers, "numbers")
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


def require_finite(numbers: Tensor, name: str) -> None:
    """LocateError that names the first layer of [B, layers, width] with a number that is not finite."""
    bad = ~torch.isfinite(numbers).all(dim=2).all(dim=0)
    if bool(bad.any()):
        layer = int(bad.nonzero()[0])
        raise LocateError(f"layer {layer}: {name} overflow; load the model in bfloat16 or float32")


def require_limits(method: str, model: NeuronModel, top: int, texts: int | None) -> None:
    """Raise LocateError for a number of neurons or texts that cannot be."""
    if not 1 <= top <= model.neurons:
        raise LocateError(f"{method}: top is {top}; the model has {model.neurons} neurons")
    if texts is not None and texts < 1:
        raise LocateError(f"{method}: texts is {texts}; give at least 1 per label, or None for all")


def contrast_located(
    signed: Tensor, top: int, diagnostics: Mapping[str, Any], warnings: Sequence[str] = ()
) -> Located:
    """By a signed number at the product site: score |signed|, the `top` largest above 0 are taken."""
    signed = signed.float()
    return Located(
        site="product",
        signed=signed,
        selected=largest(signed.abs().flatten(1), top).view_as(signed) & (signed != 0),
        diagnostics=diagnostics,
        empty="no neuron tells the two sides apart",
        warnings=warnings,
    )
