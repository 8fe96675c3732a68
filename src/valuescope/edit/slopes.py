"""The common form of every edit: a line on each side of zero, per neuron."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


class EditError(ValueError):
    """An edit that cannot be built or applied as asked; the message says why and what to change."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """What an edit does to each of its n neurons at the product site: `m' = alpha * m + beta * |m|`.

    `layers` and `indices` are int64 [n], `alpha` and `beta` float64 [n], all on the CPU. A neuron that is not
    listed keeps its m.
    """

    layers: Tensor
    indices: Tensor
    alpha: Tensor
    beta: Tensor

    def __len__(self) -> int:
        return int(self.layers.numel())

    def apply(self, m: Tensor) -> Tensor:
        """The edit of n activations [..., n], neuron by neuron in this order (for tests and pictures)."""
        return self.alpha.to(m) * m + self.beta.to(m) * m.abs()

    def at(self, layer: int) -> Slopes:
        """The part that acts in one layer."""
        here = self.layers == layer
        return Slopes(self.layers[here], self.indices[here], self.alpha[here], self.beta[here])

    def touched(self) -> tuple[int, ...]:
        """The layers, ascending, in which some neuron does not keep its m."""
        changes = (self.alpha != 1) | (self.beta != 0)
        return tuple(torch.unique(self.layers[changes]).tolist())
