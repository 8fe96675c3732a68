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

    def apply(self, m: Tensor) -> Tensor:
        """`alpha * m + beta * |m|` for m [batch, seq, width]; neurons without an edit keep their value."""
        scaled = m if self.alpha is None else m * self.alpha
        return scaled if self.beta is None else torch.addcmul(scaled, m.abs(), self.beta)


def build_tables(slopes: Slopes, width: int) -> dict[int, LayerTable]:
    """Tables [1, 1, width] of the layers that the slopes touch."""
    alpha = _dense(slopes, slopes.alpha, width, neutral=1.0)
    beta = _dense(slopes, slopes.beta, width, neutral=0.0)
    return {
        layer: LayerTable(None if alpha is None else alpha[layer], None if beta is None else beta[layer])
        for layer in slopes.touched()
    }


def stack_tables(tables: Sequence[LayerTable | None], place: Sequence[int]) -> LayerTable:
    """Table [rows, 1, width] whose row i is `tables[place[i]]`; at least one of `tables` is not None."""
    with torch.inference_mode(False):
        return LayerTable(
            stacked([None if table is None else table.alpha for table in tables], place, neutral=1.0),
            stacked([None if table is None else table.beta for table in tables], place, neutral=0.0),
        )


def stacked(parts: Sequence[Tensor | None], place: Sequence[int], *, neutral: float) -> Tensor | None:
    """Row i is `parts[place[i]]`, each [1, ...], or neutral where that is None; None where all are."""
    some = next((part for part in parts if part is not None), None)
    if some is None:
        return None
    rows = torch.cat([torch.full_like(some, neutral) if part is None else part for part in parts])
    return rows[torch.tensor(place, device=some.device)]


def _dense(slopes: Slopes, values: Tensor, width: int, *, neutral: float) -> Tensor | None:
    """The neurons' values among neutral ones, float32 [layers, 1, 1, width]; None where they are neutral as well."""
    if bool((values == neutral).all()):
        return None
    table = torch.full((int(slopes.layers.max()) + 1, 1, 1, width), neutral)
    table[slopes.layers, 0, 0, slopes.indices] = values.to(table.dtype)
    return table
