"""Correlation of two measures of the same items, such as stated percentages and log-probability support.

Pearson's r says how near the two lie to a straight line, Spearman's rho (Pearson's r of the ranks, ties at their mean
rank) how far they order the items alike. Intervals are bootstrap intervals over clusters; the ranks are taken anew within
every resample.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from valuescope.metrics.bootstrap import (
    Bootstrap,
    Estimate,
    Floats,
    MetricError,
    as_outcomes,
    cluster_numbers,
)

_ITEMS_AT_ONCE = 2_000_000  # weights of one block of resamples, by item


@dataclass(frozen=True)
class Correlation:
    """Pearson's and Spearman's correlation, -1..1; `reason` says why they are undefined, "" where they are not.

    `undefined_draws` is the share of resamples in which one side did not vary; the intervals pass over them.
    """

    pearson: Estimate
    spearman: Estimate
    reason: str = ""
    undefined_draws: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return {
            "pearson": self.pearson.to_dict(),
            "spearman": self.spearman.to_dict(),
            "reason": self.reason,
            "undefined_draws": self.undefined_draws,
        }


def correlation(
    first: Sequence[float | None],
    second: Sequence[float | None],
    *,
    clusters: Sequence[Hashable] | None = None,
    how: Bootstrap = Bootstrap(),
) -> Correlation:
    """How two measures of the same items, in the same order, go together.

    An item with a missing side is left out and counted. Undefined, with the reason, below three items and where one side
    does not vary.

    Raises:
        MetricError: lengths that differ, or infinite values.
    """
    one, other = as_outcomes(first), as_outcomes(second)
    if len(one) != len(other):
        raise MetricError(
            f"correlation: {len(one)} items and {len(other)}; give both measures of the same items, None where missing"
        )
    used = np.flatnonzero(~np.isnan(one) & ~np.isnan(other))
    n, missing = len(used), len(one) - len(used)
    numbers = cluster_numbers(clusters, len(one))[used]
    x, y = one[used], other[used]
    reason = _cannot_tell(x, y)
    if reason:
        nothing = Estimate(None, None, None, n, missing)
        return Correlation(nothing, nothing, reason)
    occupied, group = np.unique(numbers, return_inverse=True)
    points = _both(np.ones((1, n)), x, y)[0]
    step = max(1, _ITEMS_AT_ONCE // n)

    def resampled(block: Floats) -> Floats:
        parts = (block[start : start + step][:, group] for start in range(0, len(block), step))
        return np.concatenate([_both(part, x, y) for part in parts])

    draws = how.draws(len(occupied), resampled)
    pearson, spearman = (
        how.estimate(point, draws[:, column], n, missing) for column, point in enumerate(points)
    )
    undefined = float(np.isnan(draws[:, 0]).mean()) if len(occupied) > 1 else 0.0
    return Correlation(pearson, spearman, undefined_draws=undefined)


def _cannot_tell(x: Floats, y: Floats) -> str:
    if len(x) < 3:
        return f"{len(x)} item(s) with both measures: a correlation needs 3"
    flat = [name for name, side in (("first", x), ("second", y)) if np.ptp(side) == 0]
    return f"the {' and the '.join(flat)} measure is the same for every item" if flat else ""


def _both(weights: Floats, x: Floats, y: Floats) -> Floats:
    """Pearson's and Spearman's correlation for each row of weights [resamples, items]: [resamples, 2]."""
    ranks = [_ranks(weights, side) for side in (x, y)]
    scaled = [((side - side.mean()) / side.std())[None] for side in (x, y)]  # keeps the sums well conditioned
    return np.stack([_weighted(weights, *scaled), _weighted(weights, *ranks)], axis=1)


def _weighted(weights: Floats, x: Floats, y: Floats) -> Floats:
    """Pearson's r of each row; NaN where a side does not vary among the items drawn."""
    total = weights.sum(axis=1, keepdims=True)
    dx = x - (weights * x).sum(axis=1, keepdims=True) / total
    dy = y - (weights * y).sum(axis=1, keepdims=True) / total
    spread = np.sqrt((weights * dx * dx).sum(axis=1) * (weights * dy * dy).sum(axis=1))
    found = np.full(len(weights), np.nan)
    np.divide((weights * dx * dy).sum(axis=1), spread, out=found, where=spread > 1e-9)
    clipped: Floats = np.clip(found, -1.0, 1.0)
    return clipped


def _ranks(weights: Floats, side: Floats) -> Floats:
    """Each item's mean rank among the items drawn [resamples, items], about their mean: an item drawn twice ties with
    itself."""
    levels, level_of = np.unique(side, return_inverse=True)
    order = np.argsort(level_of, kind="stable")
    starts = np.searchsorted(level_of[order], np.arange(len(levels)))
    drawn = np.add.reduceat(weights[:, order], starts, axis=1)
    middle = drawn.cumsum(axis=1) - (drawn - 1) / 2
    ranks: Floats = (middle - (weights.sum(axis=1, keepdims=True) + 1) / 2)[:, level_of] / len(side)
    return ranks
