"""Agreement of two judges' labels (kappa), and correlation of two measures of the same items.

Cohen's kappa (1960) is `(observed - expected) / (1 - expected)`, where `expected` is the agreement of two judges who
give the same labels as often and independently of each other; weighted kappa (Cohen 1968) lets near labels agree in
part. Pearson's r says how near two measures lie to a straight line, Spearman's rho (Pearson's r of the ranks, ties at
their mean rank) how far they order the items alike. Intervals are bootstrap intervals over clusters; ranks are taken anew
within every resample.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import (
    Bootstrap,
    Clusters,
    Values,
    as_outcomes,
    cluster_numbers,
    cluster_sums,
)
from valuescope.metrics.result import Estimate, Floats, MetricError, MetricResult

Weights = Literal["linear", "quadratic"]
_ITEMS_AT_ONCE = 2_000_000  # weights of one block of resamples, by item


@dataclass(frozen=True, eq=False)
class Agreement(MetricResult):
    """Cohen's kappa of two judges.

    `observed` and `expected` are (weighted) shares of agreement; None where there is nothing to compare. `table`
    [labels, labels] counts the pairs, the first judge in rows. `kappa.n` pairs were compared, and `kappa.missing` lack a
    label. `reason` says why kappa is undefined, "" where it is not. `undefined_draws` is the share of resamples in
    which it is; the interval passes over them.
    """

    kappa: Estimate
    observed: float | None
    expected: float | None
    labels: tuple[Any, ...]
    table: NDArray[np.int64]
    weights: Weights | None = None
    reason: str = ""
    undefined_draws: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content, labels as texts."""
        return {**super().to_dict(), "labels": [str(label) for label in self.labels]}


@dataclass(frozen=True)
class Correlation(MetricResult):
    """Pearson's and Spearman's correlation, -1..1; `reason` says why they are undefined, "" where they are not.

    `undefined_draws` is the share of resamples in which one side did not vary; the intervals pass over them.
    """

    pearson: Estimate
    spearman: Estimate
    reason: str = ""
    undefined_draws: float = 0.0


def cohen_kappa(
    first: Sequence[Any],
    second: Sequence[Any],
    *,
    weights: Weights | None = None,
    labels: Sequence[Hashable] | None = None,
    clusters: Clusters = None,
    how: Bootstrap = Bootstrap(),
) -> Agreement:
    """Cohen's kappa of two judges' labels for the same items, None where a label is missing.

    `weights`: None, any two different labels disagree in full; "linear", "quadratic": by their distance, or its
    square, in the order of `labels`. Give `labels` (such as 1..5) wherever there are weights and a label may not occur:
    distances are counted in places. Without it the labels are those that occur, sorted.

    Kappa is undefined where both judges give one and the same label throughout (`expected` is 1): the estimate is
    then missing, with the reason. Where the judges agree on every item the bootstrap has nothing to vary: the lower limit
    is then the one that goes with Wilson's interval of the agreement, and `interval` says "wilson".

    Raises:
        MetricError: lengths that differ, a label that is not among `labels`, labels that cannot be sorted.
    """
    if len(first) != len(second):
        raise MetricError(
            f"cohen_kappa: {len(first)} labels and {len(second)}; give both judges' labels of the same items"
        )
    if weights not in (None, "linear", "quadratic"):
        raise MetricError(f"weights is {weights!r}; give None, 'linear' or 'quadratic'")
    names = _labels([*first, *second], labels)
    place = {name: number for number, name in enumerate(names)}
    size = len(names)
    pairs = np.zeros((len(first), size * size))
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        if a is not None and b is not None:
            pairs[row, place[a] * size + place[b]] = 1
    counts, _ = cluster_sums(pairs, np.ones_like(pairs, dtype=bool), cluster_numbers(clusters, len(first)))
    counts = counts[counts.sum(axis=1) > 0]
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    # How far two labels disagree, [labels, labels], 0 on the diagonal and at most 1.
    distance = np.minimum(steps, 1.0)
    if weights is not None:
        distance = (steps / max(1, size - 1)) ** (1 if weights == "linear" else 2)
    table = counts.sum(axis=0)
    square = table.reshape(size, size).astype(np.int64)
    n = int(table.sum())
    missing = len(first) - n
    if n == 0:
        nothing = Estimate(None, None, None, 0, missing)
        return Agreement(nothing, None, None, names, square, weights, "no item has a label from both")
    point, observed, expected = (float(value[0]) for value in _kappas(table[None], distance))
    draws = how.draws(len(counts), lambda block: _kappas(np.einsum("rc,ck->rk", block, counts), distance)[0])
    kappa = how.estimate(point, draws, n, missing)
    reason = "both judges give the same label to every item" if kappa.mean is None else ""
    if observed == 1 and kappa.mean is not None and len(counts) > 1:
        agreement = 1 - how.wilson_reach(len(counts))  # Wilson's lower limit of a share of 1
        low = max(-1.0, (agreement - expected) / (1 - expected))
        kappa = replace(kappa, low=low, high=1.0, interval="wilson")
    undefined = float(np.isnan(draws).mean()) if len(counts) > 1 else 0.0
    return Agreement(kappa, observed, expected, names, square, weights, reason, undefined)


def correlation(
    first: Values, second: Values, *, clusters: Clusters = None, how: Bootstrap = Bootstrap()
) -> Correlation:
    """How two measures of the same items, in the same order, go together.

    An item with a missing side is left out and counted. Undefined, with the reason, below three items and where one side
    does not vary.

    Raises:
        MetricError: lengths that differ, or infinite values.
    """
    x, y = as_outcomes(first), as_outcomes(second)
    if len(x) != len(y):
        raise MetricError(
            f"correlation: {len(x)} items and {len(y)}; give both measures of the same items, None where missing"
        )
    used = ~np.isnan(x) & ~np.isnan(y)
    n, missing = int(used.sum()), int((~used).sum())
    x, y = x[used], y[used]
    reason = f"{n} item(s) with both measures: a correlation needs 3" if n < 3 else ""
    if not reason:
        flat = [name for name, side in (("first", x), ("second", y)) if np.ptp(side) == 0]
        reason = f"the {' and the '.join(flat)} measure is the same for every item" if flat else ""
    if reason:
        nothing = Estimate(None, None, None, n, missing)
        return Correlation(nothing, nothing, reason)
    occupied, group = np.unique(cluster_numbers(clusters, len(used))[used], return_inverse=True)
    step = max(1, _ITEMS_AT_ONCE // n)

    def resampled(block: Floats) -> Floats:
        parts = (block[start : start + step][:, group] for start in range(0, len(block), step))
        return np.concatenate([_correlations(part, x, y) for part in parts])

    points, draws = _correlations(np.ones((1, n)), x, y)[0], how.draws(len(occupied), resampled)
    pearson, spearman = (how.estimate(points[side], draws[:, side], n, missing) for side in (0, 1))
    undefined = float(np.isnan(draws[:, 0]).mean()) if len(occupied) > 1 else 0.0
    return Correlation(pearson, spearman, undefined_draws=undefined)


def _labels(given: Sequence[Any], labels: Sequence[Hashable] | None) -> tuple[Any, ...]:
    """The labels in order, each once."""
    occurring = dict.fromkeys(label for label in given if label is not None)
    if labels is None:
        try:
            return tuple(sorted(occurring))
        except TypeError as error:
            raise MetricError(
                f"the labels cannot be sorted ({error}); give labels=, in their order"
            ) from None
    names = tuple(dict.fromkeys(labels))
    for label in occurring:
        if label not in names:
            raise MetricError(
                f"label {label!r} is not among labels={list(names)}; add it, or None for missing"
            )
    return names


def _kappas(tables: Floats, distance: Floats) -> tuple[Floats, Floats, Floats]:
    """Kappa, observed and expected agreement of each flattened table [resamples, labels * labels]; kappa is NaN where
    the expected disagreement is 0."""
    size = len(distance)
    shares = tables.reshape(-1, size, size) / tables.sum(axis=1)[:, None, None]
    observed = np.einsum("rab,ab->r", shares, distance)
    expected = np.einsum("ra,rb,ab->r", shares.sum(axis=2), shares.sum(axis=1), distance)
    kappa = np.full(len(tables), np.nan)
    np.divide(observed, expected, out=kappa, where=expected > 0)
    return 1 - kappa, 1 - observed, 1 - expected


def _correlations(weights: Floats, x: Floats, y: Floats) -> Floats:
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
    pearson = np.full(len(weights), np.nan)
    np.divide((weights * dx * dy).sum(axis=1), spread, out=pearson, where=spread > 1e-9)
    return pearson.clip(-1.0, 1.0)


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
