"""Means and paired differences with bootstrap intervals.

Intervals are percentile bootstrap intervals (Efron and Tibshirani 1993, chapter 13): whole clusters are
drawn with replacement, the statistic is computed on each draw, and its quantiles are the limits. A cluster
is one question with all its answers; without clusters every item is its own. A missing item (None, or NaN
in an array) never counts as 0: it is left out and counted.

Where all items are equal every resample is equal too, and the interval has no width. It then says only that
none of `n` items differed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 2000
CONFIDENCE = 0.95
_DRAWS_AT_ONCE = 1_000_000  # bounds the memory of one block of resamples to some tens of MB


class MetricError(ValueError):
    """Outcomes that a measure cannot be computed from."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval.

    `n` items entered the mean and `missing` did not. `mean` is None for n = 0; `low` and `high` are None
    where there are fewer than two clusters, since one cluster says nothing about spread. `interval` names
    the method.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    missing: int = 0
    interval: str = "bootstrap"

    @property
    def ci(self) -> tuple[float, float] | None:
        """(low, high), or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """`{"mean", "ci": [low, high] or None, "n", "missing", "interval"}`."""
        ci = self.ci
        return {
            "mean": self.mean,
            "ci": None if ci is None else list(ci),
            "n": self.n,
            "missing": self.missing,
            "interval": self.interval,
        }


def bootstrap_mean(
    values: Sequence[float | None],
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Estimate:
    """The mean of the values that are not missing, every value with the same weight.

    `clusters` names each value's cluster (its question) where there are several values per question;
    clusters, not values, are then resampled.

    Raises:
        MetricError: infinite values, lengths that differ, or impossible settings.
    """
    items = as_outcomes(values)
    groups = cluster_numbers(clusters, len(items))
    present = ~np.isnan(items)
    sums, counts = cluster_sums(items[:, None], present[:, None], groups)
    occupied = counts[:, 0] > 0
    draws = np.full(1, np.nan)  # one cluster, or none, has no spread to resample
    if occupied.sum() > 1:
        draws = resampled_means(sums[occupied], counts[occupied], resamples=resamples, seed=seed)[:, 0]
    return estimate_from_draws(
        items[present].mean() if present.any() else np.nan,
        draws,
        n=int(present.sum()),
        missing=int((~present).sum()),
        confidence=confidence,
    )


def paired_difference(
    base: Sequence[float | None],
    edited: Sequence[float | None],
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Estimate:
    """The mean of `edited - base` over items that stand at the same place in both.

    A pair with a missing side is dropped and counted in `missing`.

    Raises:
        MetricError: as `bootstrap_mean`; also sequences of different length.
    """
    before, after = as_outcomes(base), as_outcomes(edited)
    if len(before) != len(after):
        raise MetricError(
            f"paired_difference: base has {len(before)} items and edited {len(after)}; give both in the same "
            "order, with None where a judgement is missing"
        )
    return bootstrap_mean(
        list(after - before), clusters=clusters, resamples=resamples, confidence=confidence, seed=seed
    )


def as_outcomes(values: Sequence[float | None]) -> Floats:
    """Values as float64 [n], with NaN for missing."""
    outcomes = np.array(values, dtype=np.float64)
    if outcomes.ndim != 1:
        raise MetricError(f"outcomes must be one flat sequence, not {outcomes.ndim}-dimensional")
    if np.isinf(outcomes).any():
        raise MetricError(
            f"outcome number {int(np.isinf(outcomes).argmax())} is infinite; use None for missing"
        )
    return outcomes


def cluster_sums(
    values: Floats, present: NDArray[np.bool_], clusters: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Sums of the values that are present and their counts: two arrays [clusters, k] from [items, k]."""
    size = int(clusters.max()) + 1 if len(clusters) else 0
    sums = np.zeros((size, values.shape[1]))
    counts = np.zeros((size, values.shape[1]))
    np.add.at(sums, clusters, np.where(present, values, 0.0))
    np.add.at(counts, clusters, present)
    return sums, counts


def resampled_means(
    sums: Floats, counts: Floats, *, resamples: int = RESAMPLES, seed: int | Sequence[int] = 0
) -> Floats:
    """Means of k columns over clusters drawn with replacement: [resamples, k] from two arrays [clusters, k].

    The same draw serves all columns, so that differences between columns stay paired. NaN where a draw
    holds no item of a column.
    """
    means = np.full((resamples, sums.shape[1]), np.nan)
    start = 0
    for weights in resample_weights(len(sums), resamples, np.random.default_rng(seed)):
        # einsum, not @: BLAS adds in an order that depends on the number of threads.
        totals = np.einsum("rc,ck->rk", weights, counts)
        block = means[start : start + len(weights)]
        np.divide(np.einsum("rc,ck->rk", weights, sums), totals, out=block, where=totals > 0)
        start += len(weights)
    return means


def estimate_from_draws(
    point: float | Floats,
    draws: Floats,
    n: int,
    missing: int = 0,
    *,
    confidence: float = CONFIDENCE,
    basic: bool = False,
) -> Estimate:
    """A statistic's estimate from its value and its resamples [resamples]; NaN means that it is undefined.

    `basic` gives the basic (reversed percentile) interval, cut at 0, which suits non-negative statistics
    that noise inflates.
    """
    mean = float(point)
    low, high = (float(limit) for limit in intervals(draws, confidence))
    if basic:
        low, high = max(0.0, 2 * mean - high), max(0.0, 2 * mean - low)
    defined = not (np.isnan(mean) or np.isnan(low))
    return Estimate(
        mean=None if np.isnan(mean) else mean,
        low=low if defined else None,
        high=high if defined else None,
        n=n,
        missing=missing,
        interval="basic bootstrap" if basic else "bootstrap",
    )


def intervals(draws: Floats, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """The limits of the central `confidence` part of each entry's resamples [resamples, ...].

    NaN marks an undefined resample, which is passed over, and an entry without any defined one.
    """
    if not 0 < confidence < 1:
        raise MetricError(f"confidence is {confidence}; it must lie between 0 and 1, such as 0.95")
    defined = ~np.isnan(draws).all(axis=0)
    filled = np.where(defined, draws, 0.0)
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(filled, [tail, 1 - tail], axis=0)
    return np.where(defined, low, np.nan), np.where(defined, high, np.nan)


def resample_weights(clusters: int, resamples: int, generator: np.random.Generator) -> Iterator[Floats]:
    """Blocks [some resamples, clusters] of how often each cluster was drawn, `resamples` rows in all."""
    if resamples < 1:
        raise MetricError(f"resamples is {resamples}; it must be at least 1")
    rows = max(1, _DRAWS_AT_ONCE // max(1, clusters))
    for start in range(0, resamples, rows):
        block = min(rows, resamples - start)
        if clusters == 0:
            yield np.zeros((block, 0))
            continue
        drawn = generator.integers(0, clusters, size=(block, clusters))
        drawn += np.arange(block)[:, None] * clusters
        times = np.bincount(drawn.ravel(), minlength=block * clusters)
        yield times.reshape(block, clusters).astype(np.float64)


def cluster_numbers(clusters: Sequence[Hashable] | None, items: int) -> NDArray[np.int64]:
    """A number 0, 1, ... for each item's cluster, in order of first appearance."""
    if clusters is None:
        return np.arange(items)
    if len(clusters) != items:
        raise MetricError(f"clusters names {len(clusters)} items, but there are {items}; name one per item")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.int64)
