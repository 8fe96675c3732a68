"""Neurons against a truth and against each other: rankings and selections that recover the neurons that are known to
matter, and overlaps of sets.

A ranking is one score per neuron (higher = more related) in any shape, as an array or a tensor in main
memory; the truth is a boolean of the same shape. Scores may be infinite (a locator that rules neurons out
may give them minus infinity; scikit-learn's `average_precision_score`, which is equal otherwise, refuses them) but not
NaN. Over several values, give their average precisions to `Bootstrap.mean`.

Overlap (ValueExploration, section 3.2.3 and figs. 6 and 13) stands beside what chance alone would give: sets of the same
sizes drawn independently and uniformly from all neurons. For `A` and `B` from `N` neurons the count is then
hypergeometric with mean `|A| |B| / N`. A locator that rules most neurons out (VAPE keeps a small share and gives each to
every value above its bar) overlaps more than that by its construction; `neurons` may therefore be the size of the pool
that could have been chosen.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from valuescope.metrics.bootstrap import Bootstrap
from valuescope.metrics.result import Estimate, Floats, MetricError, MetricResult

Neuron: TypeAlias = tuple[int, int]
"""(layer, index), both from 0."""


@dataclass(frozen=True, eq=False)
class PrecisionRecall(MetricResult):
    """The precision-recall curve: one point per distinct score, the highest first.

    `precision` and `recall` are those of the selection "score >= threshold". Neurons with equal scores enter
    together, so that the curve does not depend on their order.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats


@dataclass(frozen=True)
class SelectionQuality(MetricResult):
    """A selection against the truth.

    `precision` is None for an empty selection, and the mean of `recall` for a truth without positives.
    """

    hits: int
    selected: int
    positives: int
    precision: float | None
    recall: Estimate


@dataclass(frozen=True, eq=False)
class NeuronOverlap(MetricResult):
    """Overlaps of every row's set with every column's; R rows, C columns.

    `count` [R, C]: shared neurons. `jaccard`: shared of all in either, NaN where both are empty. `expected`: the mean count
    by chance. `p`: how likely chance gives at least `count`, 0.0 below 1e-308. On the diagonal of a square made from ONE
    collection (`within`) a set meets itself: `expected` and `p` are NaN there; `p` is NaN for an empty set too.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_sizes: tuple[int, ...]
    column_sizes: tuple[int, ...]
    neurons: int
    within: bool
    count: NDArray[np.int64]
    jaccard: Floats
    expected: Floats
    p: Floats


def precision_recall(scores: ArrayLike, truth: ArrayLike) -> PrecisionRecall:
    """The precision-recall curve of `scores`.

    Raises:
        MetricError: shapes that differ, NaN scores, a truth that is not boolean or holds no positive.
    """
    ranked, positive = _flat(scores, truth)
    if not positive.any():
        raise MetricError("precision_recall: the truth holds no positive, so recall is undefined")
    levels, level_of = np.unique(ranked, return_inverse=True)
    hits = np.bincount(level_of, weights=positive)[::-1].cumsum()
    total = np.bincount(level_of)[::-1].cumsum()
    return PrecisionRecall(levels[::-1], precision=hits / total, recall=hits / hits[-1])


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float | None:
    """The area under the precision-recall curve in steps: sum over thresholds of precision * gain in recall.

    No interpolation and ties as one threshold, as in scikit-learn's `average_precision_score`. None where the
    truth holds no positive. A random ranking gets about the share of positives.

    Raises:
        MetricError: shapes that differ, NaN scores, or a truth that is not boolean.
    """
    if not _flat(scores, truth)[1].any():
        return None
    curve = precision_recall(scores, truth)
    return float(np.sum(np.diff(curve.recall, prepend=0.0) * curve.precision))


def bootstrap_average_precision(
    scores: ArrayLike, truth: ArrayLike, *, how: Bootstrap = Bootstrap()
) -> Estimate:
    """Average precision with an interval over the positives; `n` is their number.

    The positives are drawn with replacement while the other neurons stay: the interval says how much the
    figure hangs on which neurons happen to be the true ones, not how it would change with other data or
    another model.

    Raises:
        MetricError: as `average_precision`.
    """
    ranked, positive = _flat(scores, truth)
    point, n = average_precision(ranked, positive), int(positive.sum())
    if point is None or n < 2:
        return Estimate(point, None, None, n=n)
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

    return how.estimate(point, how.draws(n, resampled), n=n)


def selection_quality(
    selected: ArrayLike, truth: ArrayLike, *, how: Bootstrap = Bootstrap()
) -> SelectionQuality:
    """Precision and recall of a boolean selection; recall's interval is over the true neurons.

    Raises:
        MetricError: shapes that differ, or arrays that are not boolean.
    """
    chosen = np.asarray(selected)
    if chosen.dtype != np.bool_:
        raise MetricError(f"selected is of type {chosen.dtype}; give booleans, one per neuron")
    picked, positive = _flat(chosen, truth)
    hits, size = int(picked[positive].sum()), int(picked.sum())
    return SelectionQuality(
        hits=hits,
        selected=size,
        positives=int(positive.sum()),
        precision=hits / size if size else None,
        recall=how.mean(picked[positive]),
    )


def neuron_overlap(
    sets: Mapping[str, Collection[Neuron]],
    others: Mapping[str, Collection[Neuron]] | None = None,
    *,
    neurons: int,
) -> NeuronOverlap:
    """Overlap of the sets with each other, or of `sets` (rows) with `others` (columns), such as two languages.

    `neurons` is the number that the sets were drawn from: all of the model's, or the pool that could have been chosen. A
    label without neurons stays, with an empty set.

    Raises:
        MetricError: a neuron listed twice in a set, or a set larger than `neurons`.
    """
    rows = {label: _as_set(label, members, neurons) for label, members in sets.items()}
    columns = rows
    if others is not None:
        columns = {label: _as_set(label, members, neurons) for label, members in others.items()}
    row_sizes, column_sizes = (np.array([len(s) for s in side.values()], int) for side in (rows, columns))
    shape = len(rows), len(columns)
    shared = [len(row & column) for row in rows.values() for column in columns.values()]
    count = np.array(shared, dtype=np.int64).reshape(shape)
    union = row_sizes[:, None] + column_sizes - count
    jaccard, p = np.full((2, *shape), np.nan)
    np.divide(count, union, out=jaccard, where=union > 0)
    expected = row_sizes[:, None] * column_sizes / max(neurons, 1)
    for row, column in np.argwhere(row_sizes[:, None] * column_sizes > 0):
        sizes = int(row_sizes[row]), int(column_sizes[column])
        p[row, column] = overlap_p_value(int(count[row, column]), *sizes, neurons)
    if others is None:
        np.fill_diagonal(expected, np.nan)
        np.fill_diagonal(p, np.nan)
    return NeuronOverlap(
        rows=tuple(rows),
        columns=tuple(columns),
        row_sizes=tuple(row_sizes.tolist()),
        column_sizes=tuple(column_sizes.tolist()),
        neurons=neurons,
        within=others is None,
        count=count,
        jaccard=jaccard,
        expected=expected,
        p=p,
    )


def overlap_p_value(count: int, first: int, second: int, neurons: int) -> float:
    """How likely two independent uniform sets of these sizes share at least `count` of `neurons` (hypergeometric).

    Raises:
        MetricError: sizes that do not fit in `neurons`, or a count that two such sets cannot have.
    """
    least, most = max(0, first + second - neurons), min(first, second)
    if not 0 <= most <= max(first, second) <= neurons:
        raise MetricError(
            f"sets of {first} and {second} of {neurons} neurons: give sizes from 0 to {neurons}"
        )
    if not least <= count <= most:
        raise MetricError(
            f"an overlap of {count}: sets of {first} and {second} of {neurons} neurons share {least} to {most}"
        )
    if count == least:
        return 1.0
    # The log of the first term, and from each term to the next by their ratio.
    start = (
        _log_choose(first, count)
        + _log_choose(neurons - first, second - count)
        - _log_choose(neurons, second)
    )
    shared = np.arange(count, most, dtype=np.float64)
    ratios = np.log((first - shared) * (second - shared)) - np.log(
        (shared + 1) * (neurons - first - second + shared + 1)
    )
    logs = start + np.concatenate([[0.0], ratios.cumsum()])
    peak = float(logs.max())
    return min(1.0, math.exp(peak) * float(np.exp(logs - peak).sum()))


def neurons_by_layer(sets: Mapping[str, Collection[Neuron]], *, layers: int) -> dict[str, tuple[int, ...]]:
    """How many neurons of each set lie in each layer; zeros for an empty set.

    Raises:
        MetricError: a neuron outside of the layers.
    """
    counts: dict[str, tuple[int, ...]] = {}
    for label, members in sets.items():
        occupied = np.array([layer for layer, _ in members], dtype=np.int64)
        outside = occupied[(occupied < 0) | (occupied >= layers)]
        if outside.size:
            raise MetricError(
                f"{label!r} has a neuron in layer {outside[0]}, but layers go from 0 to {layers - 1}"
            )
        counts[label] = tuple(np.bincount(occupied, minlength=layers).tolist())
    return counts


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


def _as_set(label: str, members: Collection[Neuron], neurons: int) -> frozenset[Neuron]:
    chosen = frozenset((int(layer), int(index)) for layer, index in members)
    if len(chosen) != len(members):
        raise MetricError(f"{label!r} lists {len(members) - len(chosen)} neuron(s) twice; give each once")
    if len(chosen) > neurons:
        raise MetricError(
            f"{label!r} has {len(chosen)} neurons of neurons={neurons}; give the size of the whole"
        )
    return chosen


def _log_choose(whole: int, part: int) -> float:
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)
