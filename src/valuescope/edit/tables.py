"""Slopes as dense tables that act on a layer's activations in one or two element-wise passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from valuescope.edit.slopes import Slopes


@dataclass(frozen=True, eq=False)
class LayerTable:
    """Alpha and beta of one layer, [1, 1, width] (any batch) or [rows, 1, width] (one row each).

    None stands for the neutral table (alpha all 1, beta all 0), so that its pass is skipped.
    """

    alpha: Tensor | None
    beta: Tensor | None

    def to(self, device: torch.device, dtype: torch.dtype) -> LayerTable:
        """The same tables where and as the activations are."""
        # Tables first used under inference_mode must stay usable in a forward pass with gradients.
        with torch.inference_mode(False):
            return LayerTable(
                alpha=None if self.alpha is None else self.alpha.to(device, dtype),
                beta=None if self.beta is None else self.beta.to(device, dtype),
            )

    def rows(self, place: Tensor) -> LayerTable:
        """The table whose row i is row `place[i]` of this one."""
        with torch.inference_mode(False):
            return LayerTable(
                alpha=None if self.alpha is None else self.alpha[place.to(self.alpha.device)],
                beta=None if self.beta is None else self.beta[place.to(self.beta.device)],
            )

    def apply(self, m: Tensor) -> Tensor:
        """`alpha * m + beta * |m|` for m [batch, seq, width]; neurons without an edit keep their value."""
        scaled = m if self.alpha is None else m * self.alpha
        return scaled if self.beta is None else torch.addcmul(scaled, m.abs(), self.beta)


def build_tables(slopes: Sequence[Slopes | None], width: int) -> dict[int, LayerTable]:
    """Tables [len(slopes), 1, width] for the layers that some of the slopes touch."""
    touched = sorted({layer for one in slopes if one is not None for layer in one.touched()})
    return {layer: _layer_table(slopes, layer, width) for layer in touched}


def _layer_table(slopes: Sequence[Slopes | None], layer: int, width: int) -> LayerTable:
    alpha = torch.ones(len(slopes), 1, width)
    beta = torch.zeros(len(slopes), 1, width)
    for row, one in enumerate(slopes):
        if one is not None:
            here = one.at(layer)
            alpha[row, 0, here.indices] = here.alpha.to(alpha.dtype)
            beta[row, 0, here.indices] = here.beta.to(beta.dtype)
    neutral_alpha, neutral_beta = bool((alpha == 1).all()), bool((beta == 0).all())
    return LayerTable(alpha=None if neutral_alpha else alpha, beta=None if neutral_beta else beta)
