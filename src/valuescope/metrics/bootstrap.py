"""Means, differences and rates with bootstrap intervals.

Intervals are percentile bootstrap intervals (Efron and Tibshirani 1993, chapter 13): whole clusters are
drawn with replacement, the statistic is computed on each draw, and its quantiles are the limits. A cluster
is one question with all its answers; without clusters every item is its own. A missing item (None, or NaN
in an array) never counts as 0: it is left out and counted.

Where all items are equal every resample is equal too, and the interval has no width. It then says only that
none of `n` items differed.

`scipy.stats.bootstrap` draws the same resamples (a test compares them). It is not used because its statistics see the
items drawn, not how often each was: with weights one sum serves clusters, missing items and many columns at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.result import Estimate, Floats, MetricError

Values: TypeAlias = Sequence[float | None] | Floats
"""Outcomes of items; None and NaN are missing."""
Clusters: TypeAlias = Sequence[Hashable] | NDArray[np.int64] | None
"""Each item's cluster; None where every item is its own."""
_DRAWS_AT_ONCE = 1_000_000  # bounds the memory of one block of resamples to some tens of MB


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: `resamples` draws of the clusters, of which the central `confidence` part is the interval.

    Raises:
        MetricError: no resamples, or a confidence that is not between 0 and 1.
    """

    resamples: int = 2000
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise MetricError(f"resamples is {self.resamples}; it must be at least 1")
        if not 0 < self.confidence < 1:
            raise MetricError(f"confidence is {self.confidence}; it must lie between 0 and 1, such as 0.95")

    def mean(self, values: Values, clusters: Clusters = None) -> Estimate:
        """The mean of the values that are not missing, every value with the same weight.

        `clusters` names each value's cluster (its question) where there are several values per question;
        clusters, not values, are then resampled.

        Raises:
            MetricError: infinite values, or lengths that differ.
        """
        items = as_outcomes(values)
        present = ~np.isnan(items)
        groups = cluster_numbers(clusters, len(items))
        sums, counts = cluster_sums(items[:, None], present[:, None], groups)
        occupied = counts[:, 0] > 0
        statistic = partial(_means, sums=sums[occupied], counts=counts[occupied])
        return self.estimate(
            items[present].mean() if present.any() else np.nan,
            self.draws(int(occupied.sum()), statistic)[:, 0],
            n=int(present.sum()),
            missing=int((~present).sum()),
        )

    def difference(
        self,
        base: Values,
        edited: Values,
        clusters: Clusters = None,
    ) -> Estimate:
        """The mean of `edited - base` over items that stand at the same place in both.

        A pair with a missing side is dropped and counted in `missing`.

        Raises:
            MetricError: as `mean`; also sequences of different length.
        """
        before, after = as_outcomes(base), as_outcomes(edited)
        if len(before) != len(after):
            raise MetricError(
                f"paired difference: base has {len(before)} items and edited {len(after)}; give both in the same "
                "order, with None where a judgement is missing"
            )
        return self.mean(after - before, clusters)

    def rate(self, judgements: Sequence[bool | None], clusters: Clusters = None) -> Estimate:
        """The share of yes among judgements that are not missing.

        Where every judgement is the same, the bootstrap has nothing to vary and would claim certainty. The
        interval is then Wilson's (1927) for as many trials as there are clusters, and `interval` says "wilson".

        Raises:
            MetricError: as `mean`; also a judgement that is not a bool or None.
        """
        for position, judgement in enumerate(judgements):
            if judgement is not None and not isinstance(judgement, bool | np.bool_):
                raise MetricError(f"judgement number {position} is {judgement!r}; give True, False or None")
        estimate = self.mean(judgements, clusters)
        if estimate.ci is None or estimate.mean not in (0.0, 1.0):
            return estimate
        reach = self.wilson_reach(clusters_present(judgements, clusters))
        low, high = (0.0, reach) if estimate.mean == 0 else (1 - reach, 1.0)
        return replace(estimate, low=low, high=high, interval="wilson")

    def wilson_reach(self, trials: int) -> float:
        """Wilson's interval at a share of 0 of `trials` is from 0 to this."""
        z = NormalDist().inv_cdf((1 + self.confidence) / 2)
        return z * z / (trials + z * z)

    def draws(self, clusters: int, statistic: Callable[[Floats], Floats]) -> Floats:
        """The statistic on every resample, [resamples, ...].

        It gets blocks [some resamples, clusters] of how often each cluster was drawn. With fewer than two clusters there
        is no spread to resample: one row of NaN.
        """
        if clusters < 2:
            return np.full_like(statistic(np.ones((1, clusters))), np.nan)
        return np.concatenate([statistic(block) for block in self.weights(clusters)])

    def means(self, sums: Floats, counts: Floats, stream: int | None = None) -> Floats:
        """Means of k columns over clusters drawn with replacement: [resamples, k] from two arrays [clusters, k].

        The same draw serves all columns, so that differences between columns stay paired. NaN where a draw
        holds no item of a column. `stream` makes draws that are independent of those without, or with another.
        """
        return np.concatenate([_means(block, sums, counts) for block in self.weights(len(sums), stream)])

    def weights(self, clusters: int, stream: int | None = None) -> Iterator[Floats]:
        """Blocks [some resamples, clusters] of how often each cluster was drawn, `resamples` rows in all."""
        generator = np.random.default_rng(self.seed if stream is None else (self.seed, stream))
        rows = max(1, _DRAWS_AT_ONCE // max(1, clusters))
        for start in range(0, self.resamples, rows):
            block = min(rows, self.resamples - start)
            if clusters == 0:
                yield np.zeros((block, 0))
                continue
            drawn = generator.integers(0, clusters, size=(block, clusters))
            drawn += np.arange(block)[:, None] * clusters
            times = np.bincount(drawn.ravel(), minlength=block * clusters)
            yield times.reshape(block, clusters).astype(np.float64)

    def intervals(self, draws: Floats) -> tuple[Floats, Floats]:
        """The limits of each entry's resamples [resamples, ...].

        NaN marks an undefined resample, which is passed over, and an entry without any defined one.
        """
        defined = ~np.isnan(draws).all(axis=0)
        filled = np.where(defined, draws, 0.0)
        tail = (1 - self.confidence) / 2
        low, high = np.nanquantile(filled, [tail, 1 - tail], axis=0)
        return np.where(defined, low, np.nan), np.where(defined, high, np.nan)

    def estimate(
        self, point: float | Floats, draws: Floats, n: int, missing: int = 0, *, basic: bool = False
    ) -> Estimate:
        """A statistic's estimate from its value and its resamples [resamples]; NaN means that it is undefined.

        `basic` gives the basic (reversed percentile) interval, cut at 0, which suits non-negative statistics
        that noise inflates.
        """
        mean = float(point)
        low, high = (float(limit) for limit in self.intervals(draws))
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


def as_outcomes(values: Values) -> Floats:
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
    sums, counts = np.zeros((2, size, values.shape[1]))
    np.add.at(sums, clusters, np.where(present, values, 0.0))
    np.add.at(counts, clusters, present)
    return sums, counts


def cluster_numbers(clusters: Clusters, items: int) -> NDArray[np.int64]:
    """A number 0, 1, ... for each item's cluster, in order of first appearance."""
    if clusters is None:
        return np.arange(items)
    if len(clusters) != items:
        raise MetricError(f"clusters names {len(clusters)} items, but there are {items}; name one per item")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.int64)


def clusters_present(values: Values, clusters: Clusters = None) -> int:
    """How many clusters hold a value that is not missing."""
    outcomes = as_outcomes(values)
    return len(np.unique(cluster_numbers(clusters, len(outcomes))[~np.isnan(outcomes)]))


def _means(weights: Floats, sums: Floats, counts: Floats) -> Floats:
    # einsum, not @: BLAS adds in an order that depends on the number of threads.
    totals = np.einsum("rc,ck->rk", weights, counts)
    means = np.full(totals.shape, np.nan)
    np.divide(np.einsum("rc,ck->rk", weights, sums), totals, out=means, where=totals > 0)
    return means
