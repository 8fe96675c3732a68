"""How well a ranking of neurons, or a selection from it, recovers the neurons that are known to matter.

A ranking is one score per neuron (higher = more related) in any shape, as an array or a tensor in main
memory; the truth is a boolean of the same shape. Scores may be infinite (a locator that rules neurons out
may give them minus infinity) but not NaN. Over several values, give their average precisions to
`Bootstrap.mean`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from valuescope.metrics.bootstrap import (
    Bootstrap,
    Estimate,
    Floats,
    MetricError,
)


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """The precision-recall curve: one point per distinct score, the highest first.

    `precision` and `recall` are those of the selection "score >= threshold". Neurons with equal scores enter
    together, so that the curve does not depend on their order.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats


@dataclass(frozen=True)
class SelectionQuality:
    """A selection against the truth.

    `precision` is None for an empty selection, and the mean of `recall` for a truth without positives.
    """

    hits: int
    selected: int
    positives: int
    precision: float | None
    recall: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON types."""
        return {
            "hits": self.hits,
            "selected": self.selected,
            "positives": self.positives,
            "precision": self.precision,
            "recall": self.recall.to_dict(),
        }


def precision_recall(scores: ArrayLike, truth: ArrayLike) -> PrecisionRecall:
    """The precision-recall curve of `scores`.

    Raises:
        MetricError: shapes that differ, NaN scores, a truth that is not boolean or holds no positive.
    """
    ranked, positive = _flat(scores, truth)
    if not positive.any():
        raise MetricError("precision_recall: the truth holds no positive, so recall is undefined")
    thresholds, hits, total = _cumulated(ranked, positive)
    return PrecisionRecall(thresholds, precision=hits / total, recall=hits / hits[-1])


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float | None:
    """The area under the precision-recall curve in steps: sum over thresholds of precision * gain in recall.

    No interpolation and ties as one threshold, as in scikit-learn's `average_precision_score`. None where the
    truth holds no positive. A random ranking gets about the share of positives.

    Raises:
        MetricError: shapes that differ, NaN scores, or a truth that is not boolean.
    """
    ranked, positive = _flat(scores, truth)
    return _average_precision(ranked, positive) if positive.any() else None


def bootstrap_average_precision(
    scores: ArrayLike,
    truth: ArrayLike,
    *,
    how: Bootstrap = Bootstrap(),
) -> Estimate:
    """Average precision with an interval over the positives; `n` is their number.

    The positives are drawn with replacement while the other neurons stay: the interval says how much the
    figure hangs on which neurons happen to be the true ones, not how it would change with other data or
    another model.

    Raises:
        MetricError: as `average_precision`, or impossible settings.
    """
    ranked, positive = _flat(scores, truth)
    n = int(positive.sum())
    if n < 2:
        return Estimate(average_precision(scores, truth), None, None, n=n)
    # Only thresholds at which a positive stands add to the sum.
    levels, level_of = np.unique(-ranked[positive], return_inverse=True)
    others_above = np.searchsorted(np.sort(-ranked[~positive]), levels, side="right")

    def resampled(weights: Floats) -> Floats:
        gained = np.zeros((len(weights), len(levels)))
        np.add.at(gained.T, level_of, weights.T)
        hits = gained.cumsum(axis=1)
        total = hits + others_above
        precision = np.divide(hits, total, out=np.zeros_like(hits), where=total > 0)
        scores: Floats = (gained * precision).sum(axis=1) / n
        return scores

    return how.estimate(_average_precision(ranked, positive), how.draws(n, resampled), n=n)


def selection_quality(
    selected: ArrayLike,
    truth: ArrayLike,
    *,
    how: Bootstrap = Bootstrap(),
) -> SelectionQuality:
    """Precision and recall of a boolean selection; recall's interval is over the true neurons.

    Raises:
        MetricError: shapes that differ, or arrays that are not boolean.
    """
    chosen = np.asarray(selected)
    if chosen.dtype != np.bool_:
        raise MetricError(f"selected is of type {chosen.dtype}; give booleans, one per neuron")
    picked, positive = _flat(chosen, truth)
    hits = int(picked[positive].sum())
    size = int(picked.sum())
    return SelectionQuality(
        hits=hits,
        selected=size,
        positives=int(positive.sum()),
        precision=hits / size if size else None,
        recall=how.mean(picked[positive]),
    )


def _flat(scores: ArrayLike, truth: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    ranked, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth)
    if positive.dtype != np.bool_:
        raise MetricError(f"truth is of type {positive.dtype}; give booleans, one per neuron")
    if ranked.shape != positive.shape:
        raise MetricError(f"scores have shape {ranked.shape} and truth {positive.shape}; they must be equal")
    if np.isnan(ranked).any():
        raise MetricError(
            f"{int(np.isnan(ranked).sum())} scores are NaN; give neurons without a score the lowest, as -inf"
        )
    return ranked.ravel(), positive.ravel()


def _average_precision(ranked: Floats, positive: NDArray[np.bool_]) -> float:
    _, hits, total = _cumulated(ranked, positive)
    return float(np.sum(np.diff(hits, prepend=0.0) * hits / total) / hits[-1])


def _cumulated(ranked: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Per distinct score, highest first: the score, and how many positives and how many neurons reach it."""
    levels, level_of = np.unique(ranked, return_inverse=True)
    hits = np.bincount(level_of, weights=positive)[::-1].cumsum()
    total = np.bincount(level_of)[::-1].cumsum().astype(np.float64)
    return levels[::-1], hits, total
