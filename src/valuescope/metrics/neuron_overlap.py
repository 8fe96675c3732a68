"""Overlap of neuron sets (ValueExploration, section 3.2.3 and figs. 6 and 13), beside what chance alone would give.

Chance means sets of the same sizes drawn independently and uniformly from all neurons. For `A` and `B` from `N` neurons
the count is then hypergeometric with mean `|A| |B| / N`. A locator that rules most neurons out (VAPE keeps a small share
and gives each to every value above its bar) overlaps more than that by its construction; `neurons` may therefore be the
size of the pool that could have been chosen.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import Floats, MetricError
from valuescope.metrics.delta import nullable_rows

Neuron: TypeAlias = tuple[int, int]
"""(layer, index), both from 0."""


@dataclass(frozen=True, eq=False)
class NeuronOverlap:
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

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content, None for NaN."""
        return {
            "rows": list(self.rows),
            "columns": list(self.columns),
            "row_sizes": list(self.row_sizes),
            "column_sizes": list(self.column_sizes),
            "neurons": self.neurons,
            "within": self.within,
            "count": self.count.tolist(),
            "jaccard": nullable_rows(self.jaccard),
            "expected": nullable_rows(self.expected),
            "p": nullable_rows(self.p),
        }


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
    chosen = {label: _as_set(label, members, neurons) for label, members in sets.items()}
    against = (
        chosen
        if others is None
        else {label: _as_set(label, members, neurons) for label, members in others.items()}
    )
    row_sizes = np.array([len(one) for one in chosen.values()], dtype=np.int64)
    column_sizes = np.array([len(one) for one in against.values()], dtype=np.int64)
    shape = (len(row_sizes), len(column_sizes))
    count = np.array(
        [[len(one & other) for other in against.values()] for one in chosen.values()], dtype=np.int64
    )
    count = count.reshape(shape)
    union = row_sizes[:, None] + column_sizes - count
    jaccard = np.full(shape, np.nan)
    np.divide(count, union, out=jaccard, where=union > 0)
    expected = row_sizes[:, None] * column_sizes / max(neurons, 1)
    p = np.full(shape, np.nan)
    for row, one in enumerate(row_sizes):
        for column, other in enumerate(column_sizes):
            if one and other:
                p[row, column] = overlap_p_value(int(count[row, column]), int(one), int(other), neurons)
    if others is None:
        np.fill_diagonal(expected, np.nan)
        np.fill_diagonal(p, np.nan)
    return NeuronOverlap(
        rows=tuple(chosen),
        columns=tuple(against),
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
        found = np.array([layer for layer, _ in members], dtype=np.int64)
        outside = found[(found < 0) | (found >= layers)]
        if outside.size:
            raise MetricError(
                f"{label!r} has a neuron in layer {outside[0]}, but layers go from 0 to {layers - 1}"
            )
        counts[label] = tuple(np.bincount(found, minlength=layers).tolist())
    return counts


def _as_set(label: str, members: Collection[Neuron], neurons: int) -> frozenset[Neuron]:
    found = frozenset((int(layer), int(index)) for layer, index in members)
    if len(found) != len(members):
        raise MetricError(f"{label!r} lists {len(members) - len(found)} neuron(s) twice; give each once")
    if len(found) > neurons:
        raise MetricError(
            f"{label!r} has {len(found)} neurons of neurons={neurons}; give the size of the whole"
        )
    return found


def _log_choose(whole: int, part: int) -> float:
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)
