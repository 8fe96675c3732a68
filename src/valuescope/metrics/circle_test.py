"""Is leakage confined to neighbours on the theory's circle: a permutation test (Mantel 1967).

NeVA finds leakage "largely confined to semantically related values" by eye (section 4.3). Here the values' places on the
circle are exchanged, rows and columns of the matrix together, so that a value that leaks everywhere, or that everything
leaks into, takes its row and column along and proves nothing. The statistic is the mean change of direct neighbours less
that of all other values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations as all_orders
from typing import Any

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import Estimate, Floats
from valuescope.metrics.delta import DeltaMatrix
from valuescope.metrics.leakage import mean_present

PERMUTATIONS = 10_000
EXACT_UP_TO = 7
"""Up to this many values every order is taken."""


@dataclass(frozen=True)
class NeighbourTest:
    """Mean change of neighbours (one step) less that of the others, and how rare it is.

    `contrast`: with its bootstrap interval over questions; its `n` counts pairs of values. `p`: the share of orders with a
    contrast at least as large, the observed one among them; None where there is nothing to compare, and `reason` says why.
    """

    contrast: Estimate
    neighbours: Estimate
    others: Estimate
    p: float | None
    permutations: int
    exact: bool
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return {
            "contrast": self.contrast.to_dict(),
            "neighbours": self.neighbours.to_dict(),
            "others": self.others.to_dict(),
            "p": self.p,
            "permutations": self.permutations,
            "exact": self.exact,
            "reason": self.reason,
        }


def neighbour_test(
    delta: DeltaMatrix,
    distance: Callable[[str, str], int],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> NeighbourTest:
    """Test the changes of a leakage matrix; `distance` is `system.distance` of a value system with a circle.

    Raises:
        ValueSystemError: from `distance`, where a value is not on the circle.
    """
    size = len(delta.values)
    apart = np.array([[distance(a, b) if a != b else 0 for b in delta.values] for a in delta.values])
    near, far = apart == 1, apart > 1
    neighbours, others = _mean(delta, near), _mean(delta, far)
    point, draws = (_contrast(matrix, near, far) for matrix in (delta.mean[None], delta.draws))
    pairs = int((~np.isnan(delta.mean) & (apart > 0)).sum())
    contrast = delta.how.estimate(float(point[0]), draws, n=pairs, missing=size * (size - 1) - pairs)
    if contrast.mean is None or size < 4:
        reason = (
            "no value has both neighbours and others"
            if size < 4
            else "no change was measured for one of them"
        )
        return NeighbourTest(contrast, neighbours, others, p=None, permutations=0, exact=False, reason=reason)
    exact = size <= EXACT_UP_TO
    orders = _orders(size, permutations, seed, exact=exact)
    exchanged = delta.mean[orders[:, :, None], orders[:, None, :]]
    # The observed order is one of them, whatever rounding does to its sum.
    as_large = int((_contrast(exchanged, near, far) >= contrast.mean - 1e-12).sum())
    p = as_large / len(orders) if exact else (as_large + 1) / (len(orders) + 1)
    return NeighbourTest(contrast, neighbours, others, p=p, permutations=len(orders) - exact, exact=exact)


def _contrast(matrices: Floats, near: NDArray[np.bool_], far: NDArray[np.bool_]) -> Floats:
    """Of matrices [..., V, V] the mean over `near` less that over `far`."""
    difference: Floats = mean_present(matrices[..., near]) - mean_present(matrices[..., far])
    return difference


def _mean(delta: DeltaMatrix, cells: NDArray[np.bool_]) -> Estimate:
    present = int((~np.isnan(delta.mean[cells])).sum())
    return delta.how.estimate(
        float(mean_present(delta.mean[cells])),
        mean_present(delta.draws[:, cells]),
        n=present,
        missing=int(cells.sum()) - present,
    )


def _orders(size: int, permutations: int, seed: int, *, exact: bool) -> NDArray[np.int64]:
    """Orders of the values, int64 [orders, values]."""
    if exact:
        return np.array(list(all_orders(range(size))))
    generator = np.random.default_rng((seed, 0xC14C))
    return generator.permuted(np.tile(np.arange(size), (permutations, 1)), axis=1)
