"""Agreement of two judges, and of a judge with the truth.

Cohen's kappa (1960) is `(observed - expected) / (1 - expected)`, where `expected` is the agreement of two judges who
give the same labels as often and independently of each other; weighted kappa (Cohen 1968) lets near labels agree in
part. Intervals are bootstrap intervals over clusters.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import (
    Bootstrap,
    Estimate,
    Floats,
    MetricError,
    cluster_numbers,
    cluster_sums,
)

Weights = Literal["linear", "quadratic"]


@dataclass(frozen=True, eq=False)
class Agreement:
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
        return {
            "kappa": self.kappa.to_dict(),
            "observed": self.observed,
            "expected": self.expected,
            "labels": [str(label) for label in self.labels],
            "table": self.table.tolist(),
            "weights": self.weights,
            "reason": self.reason,
            "undefined_draws": self.undefined_draws,
        }


@dataclass(frozen=True)
class Accuracy:
    """How often a judge is right where the truth is known: over all, and for the items of each true label (a judge
    that always says the commonest label is often right over all)."""

    overall: Estimate
    by_truth: Mapping[Any, Estimate]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content, labels as texts."""
        by_truth = {str(label): estimate.to_dict() for label, estimate in self.by_truth.items()}
        return {"overall": self.overall.to_dict(), "by_truth": by_truth}


def cohen_kappa(
    first: Sequence[Any],
    second: Sequence[Any],
    *,
    weights: Weights | None = None,
    labels: Sequence[Hashable] | None = None,
    clusters: Sequence[Hashable] | None = None,
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
    names = _labels(first, second, labels)
    place = {name: number for number, name in enumerate(names)}
    size = len(names)
    pairs = np.zeros((len(first), size * size))
    for row, (one, other) in enumerate(zip(first, second, strict=True)):
        if one is not None and other is not None:
            pairs[row, place[one] * size + place[other]] = 1
    counts, _ = cluster_sums(pairs, np.ones_like(pairs, dtype=bool), cluster_numbers(clusters, len(first)))
    counts = counts[counts.sum(axis=1) > 0]
    distance = _distances(size, weights)
    table = counts.sum(axis=0)
    n = int(table.sum())
    missing = len(first) - n
    if n == 0:
        nothing = Estimate(None, None, None, 0, missing)
        reason = "no item has a label from both"
        return Agreement(nothing, None, None, names, _square(table, size), weights, reason)
    point, observed, expected = (float(value[0]) for value in _kappas(table[None], distance))
    draws = how.draws(len(counts), lambda block: _kappas(np.einsum("rc,ck->rk", block, counts), distance)[0])
    kappa = how.estimate(point, draws, n, missing)
    reason = "both judges give the same label to every item" if kappa.mean is None else ""
    if observed == 1 and kappa.mean is not None and len(counts) > 1:
        agreement = 1 - how.wilson_reach(len(counts))  # Wilson's lower limit of a share of 1
        low = max(-1.0, (agreement - expected) / (1 - expected))
        kappa = replace(kappa, low=low, high=1.0, interval="wilson")
    undefined = float(np.isnan(draws).mean()) if len(counts) > 1 else 0.0
    return Agreement(kappa, observed, expected, names, _square(table, size), weights, reason, undefined)


def accuracy(
    judged: Sequence[Any],
    truth: Sequence[Any],
    *,
    clusters: Sequence[Hashable] | None = None,
    how: Bootstrap = Bootstrap(),
) -> Accuracy:
    """How often `judged` is `truth`, None where either is missing; intervals as `Bootstrap.rate`.

    Raises:
        MetricError: lengths that differ.
    """
    if len(judged) != len(truth):
        raise MetricError(
            f"accuracy: {len(judged)} judgements and {len(truth)} truths; give one of each per item"
        )
    right = [
        None if one is None or known is None else bool(one == known)
        for one, known in zip(judged, truth, strict=True)
    ]
    items = list(range(len(right))) if clusters is None else list(clusters)
    if len(items) != len(right):
        raise MetricError(f"clusters names {len(items)} items, but there are {len(right)}; name one per item")

    def share(chosen: list[int]) -> Estimate:
        return how.rate([right[item] for item in chosen], [items[item] for item in chosen])

    known_labels = dict.fromkeys(known for known in truth if known is not None)
    by_truth = {
        label: share([item for item, known in enumerate(truth) if known is not None and known == label])
        for label in known_labels
    }
    return Accuracy(share(list(range(len(right)))), by_truth)


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


def _distances(size: int, weights: Weights | None) -> Floats:
    """How far two labels disagree, [labels, labels], 0 on the diagonal and at most 1."""
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    if weights is None:
        return np.minimum(steps, 1)
    return (steps / max(1, size - 1)) ** (1 if weights == "linear" else 2)


def _labels(
    first: Sequence[Any], second: Sequence[Any], labels: Sequence[Hashable] | None
) -> tuple[Any, ...]:
    found = dict.fromkeys(label for label in (*first, *second) if label is not None)
    if labels is None:
        try:
            return tuple(sorted(found))
        except TypeError as error:
            raise MetricError(
                f"the labels cannot be sorted ({error}); give labels=, in their order"
            ) from None
    names = tuple(dict.fromkeys(labels))
    for label in found:
        if label not in names:
            raise MetricError(
                f"label {label!r} is not among labels={list(names)}; add it, or None for missing"
            )
    return names


def _square(table: Floats, size: int) -> NDArray[np.int64]:
    return table.reshape(size, size).astype(np.int64)
