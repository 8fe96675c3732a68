"""Leakage against the distance of two values on the theory's circle: neighbours should move together.

NeVA finds leakage "largely confined to semantically related values" by eye (section 4.3). `neighbour_test` is a
permutation test of it (Mantel 1967): the values' places on the circle are exchanged, rows and columns of the matrix
together, so that a value that leaks everywhere, or that everything leaks into, takes its row and column along and proves
nothing. The statistic is the mean change of direct neighbours less that of all other values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.delta import DeltaMatrix, mean_present, over_cells, positive_part
from valuescope.metrics.diagonal_test import PERMUTATIONS, orders, p_value
from valuescope.metrics.result import Estimate, Floats, MetricResult


@dataclass(frozen=True)
class CircleLeakage(MetricResult):
    """Mean change and mean Leak of all pairs of values (steered, evaluated) at each distance.

    In these estimates `n` counts pairs. `delta` is the signed change, with percentile intervals; `leak` the
    increases only, with basic intervals (see `leakage`). `correlation` is Pearson's between distance and
    signed change over all pairs: negative where neighbours move together. It is undefined where the changes
    do not vary.
    """

    distances: tuple[int, ...]
    delta: tuple[Estimate, ...]
    leak: tuple[Estimate, ...]
    correlation: Estimate


@dataclass(frozen=True)
class NeighbourTest(MetricResult):
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


def circle_leakage(delta: DeltaMatrix, distance: Callable[[str, str], int]) -> CircleLeakage:
    """Leakage by distance; `distance` is `system.distance` of a value system with a circle.

    Raises:
        ValueSystemError: from `system.distance`, where a value is not on the circle.
    """
    apart = _distances(delta, distance)
    distances = np.unique(apart[apart > 0]).tolist()
    leak = positive_part(delta.mean), positive_part(delta.draws)
    pairs = (apart > 0) & ~np.isnan(delta.mean)
    n = int(pairs.sum())
    return CircleLeakage(
        distances=tuple(distances),
        delta=tuple(over_cells(delta.how, apart == steps, delta.mean, delta.draws) for steps in distances),
        leak=tuple(over_cells(delta.how, apart == steps, *leak, basic=True) for steps in distances),
        correlation=delta.how.estimate(
            _correlation(apart[pairs], delta.mean[pairs]),
            _correlation(apart[pairs], delta.draws[:, pairs]),
            n=n,
            missing=int((apart > 0).sum()) - n,
        ),
    )


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
    apart = _distances(delta, distance)
    near, far = apart == 1, apart > 1

    def contrasts(matrices: Floats) -> Floats:
        difference: Floats = mean_present(matrices[..., near]) - mean_present(matrices[..., far])
        return difference

    pairs = int((~np.isnan(delta.mean) & (apart > 0)).sum())
    contrast = delta.how.estimate(
        contrasts(delta.mean), contrasts(delta.draws), n=pairs, missing=size * (size - 1) - pairs
    )
    neighbours, others = (over_cells(delta.how, cells, delta.mean, delta.draws) for cells in (near, far))
    if contrast.mean is None or size < 4:
        reason = (
            "no change was measured for one of them"
            if size >= 4
            else "no value has both neighbours and others"
        )
        return NeighbourTest(contrast, neighbours, others, p=None, permutations=0, exact=False, reason=reason)
    exchanged, exact = orders(size, permutations, (seed, 0xC14C))
    # The observed order is one of them, whatever rounding does to its sum.
    null = contrasts(delta.mean[exchanged[:, :, None], exchanged[:, None, :]])
    p = p_value(null >= contrast.mean - 1e-12)
    return NeighbourTest(contrast, neighbours, others, p=p, permutations=len(exchanged), exact=exact)


def _distances(delta: DeltaMatrix, distance: Callable[[str, str], int]) -> NDArray[np.int64]:
    """Steps between every two values [V, V]."""
    return np.array([[distance(a, b) if a != b else 0 for b in delta.values] for a in delta.values])


def _correlation(apart: NDArray[np.int64], change: Floats) -> Floats:
    """Pearson's correlation of distances [n] with each row [..., n]; NaN where either does not vary."""
    x = apart - mean_present(apart.astype(np.float64))
    y = change - mean_present(change)[..., None]
    scale = np.sqrt((x**2).sum() * (y**2).sum(axis=-1))
    correlation = np.full(scale.shape, np.nan)
    np.divide((x * y).sum(axis=-1), scale, out=correlation, where=scale > 1e-12)
    return correlation
