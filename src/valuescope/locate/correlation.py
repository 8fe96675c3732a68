"""How far the values' score vectors are one and the same."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_correlation(signed: Tensor) -> float | None:
    """Mean Pearson correlation over all pairs of values of their numbers per neuron, [V, layers, width].

    None for one value. A value whose numbers are all equal has no correlation; its pairs are left out, and
    where none is left the result is None.
    """
    rows = signed.double().flatten(1)
    rows = rows - rows.mean(dim=1, keepdim=True)
    length = rows.norm(dim=1)
    rows = rows[length > 0] / length[length > 0, None]
    if len(rows) < 2:
        return None
    return float((rows @ rows.T)[torch.triu(torch.ones(len(rows), len(rows)), 1) > 0].mean())
