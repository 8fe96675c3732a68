"""The perturbation matrix: how each value's support changes when each value's neurons are off (ValueExploration, fig. 5),
and how well neurons that were identified from more or less data hit their own value (appendix D, eq. 4 and fig. 9).

Layout as in the paper, and unlike the leakage matrices: ROWS are the EVALUATED value i, COLUMNS the value j whose
neurons are off.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import Bootstrap, Clusters, Values
from valuescope.metrics.delta import delta_matrix, over_cells
from valuescope.metrics.rates import as_percentages, items_of
from valuescope.metrics.result import Estimate, Floats, MetricError, MetricResult, plain

LARGEST = 4
"""How many drops of a column the paper highlights."""


@dataclass(frozen=True, eq=False)
class PerturbationMatrix(MetricResult):
    """Changes of support in points; V values.

    `change[i][j]` is the mean change of value i's support with value j's neurons off, paired by item; below 0 is a drop.
    A value in `without_neurons` has a column of cells with n = 0: nothing was switched off, so nothing was measured.
    `draws` [resamples, V, V] is the matrix for every resample of the items (whole clusters, within each value);
    `clusters` are each value's cluster keys by item: matrices with equal ones and equal seeds in `how` are paired.
    """

    layout: ClassVar = {"rows": "evaluated", "columns": "neurons off", "unit": "points"}

    values: tuple[str, ...]
    change: tuple[tuple[Estimate, ...], ...]
    without_neurons: tuple[str, ...]
    how: Bootstrap = field(repr=False)
    clusters: tuple[tuple[Hashable, ...], ...] = field(repr=False)
    draws: Floats = field(repr=False)

    @property
    def means(self) -> Floats:
        """The mean changes [V, V], NaN where missing."""
        return np.array([[cell.mean for cell in row] for row in self.change], dtype=np.float64)

    @property
    def mean_diagonal(self) -> Estimate:
        """The mean change of a value under its own neurons; `n` counts matrix entries."""
        return over_cells(self.how, np.eye(len(self.values), dtype=bool), self.means, self.draws)

    @property
    def mean_off_diagonal(self) -> Estimate:
        """The mean change of a value under another's neurons; `n` counts matrix entries."""
        return over_cells(self.how, ~np.eye(len(self.values), dtype=bool), self.means, self.draws)

    def same_items(self, other: PerturbationMatrix) -> bool:
        """Whether the other matrix is of the same values, and of the same items in the same clusters."""
        return self.values == other.values and self.clusters == other.clusters

    def same_resamples(self, other: PerturbationMatrix) -> bool:
        """Whether the other matrix was resampled alike: with the same items the two are then paired."""
        return self.how.seed == other.how.seed and self.draws.shape == other.draws.shape

    def largest_drops(self, per_column: int = LARGEST) -> tuple[tuple[int, ...] | None, ...]:
        """Per column the rows of its largest drops, the largest first; None for a column without any cell.

        Only changes below 0 count, so there may be fewer. Equal drops go by the order of the rows.

        Raises:
            MetricError: `per_column` below 1.
        """
        means = self.means
        order, among = np.argsort(means, axis=0, kind="stable"), among_largest(means, per_column)
        return tuple(
            None if np.isnan(means[:, column]).all() else tuple(rows[among[rows, column]].tolist())
            for column, rows in enumerate(order.T)
        )

    @property
    def diagonal_ranks(self) -> tuple[int | None, ...]:
        """The place of each column's own value among its changes: 1 is the most negative, ties as in `largest_drops`."""
        means = self.means
        places = _drop_places(means).diagonal().tolist()
        missing = np.isnan(means.diagonal())
        return tuple(None if gone else place + 1 for gone, place in zip(missing, places, strict=True))

    def to_dict(self, per_column: int = LARGEST) -> dict[str, Any]:
        """JSON-able content with the marks of `largest_drops`; no resamples."""
        return {
            **super().to_dict(),
            "largest_drops": plain(self.largest_drops(per_column)),
            "diagonal_ranks": list(self.diagonal_ranks),
            "mean_diagonal": self.mean_diagonal.to_dict(),
            "mean_off_diagonal": self.mean_off_diagonal.to_dict(),
            "confidence": self.how.confidence,
            "seed": self.how.seed,
        }


@dataclass(frozen=True)
class DataSizeScore(MetricResult):
    """`0.5 * found / values + 0.5 * drop / largest drop` at one size (items per value that the neurons were identified from).

    `found` of the V `values` are among the largest drops of their own column; `drop` is the summed diagonal drop in points,
    None where no column was measured. `score` has a bootstrap interval over the evaluation items, the largest sum taken
    anew in every resample; its `n` counts measured values, `missing` the others. Where the score is undefined `reason`
    says why.
    """

    size: int
    found: int
    values: int
    drop: float | None
    score: Estimate
    reason: str = ""


def perturbation_matrix(
    base: Values,
    perturbed: Mapping[str, Values | None],
    values: Sequence[str],
    *,
    order: Sequence[str] | None = None,
    clusters: Clusters = None,
    how: Bootstrap = Bootstrap(),
) -> PerturbationMatrix:
    """The matrix of paired changes of support, with bootstrap intervals.

    `base` holds every item's support in percent with all neurons on, `perturbed[j]` the supports of the same items in the
    same order with value j's neurons off; None for a value that has no neurons. An item that is missing on either side is
    left out of that cell and counted. `values` labels each item with the value i that it evaluates, `clusters` with its
    dilemma story. `order` gives the order of the values, by default that of appearance.

    Raises:
        MetricError: a value without an entry in `perturbed`, an entry for no value, lengths that differ, a support
            outside of 0..100.
    """
    members = items_of(values, len(base), order, "perturbation_matrix")
    names = tuple(members)
    for value in names:
        if value not in perturbed:
            raise MetricError(f"perturbed has no {value!r}; give None for a value that has no neurons")
    strangers = [value for value in perturbed if value not in members]
    if strangers:
        raise MetricError(
            f"perturbed has {strangers}, of which there is no item; name them in order=, or leave them out"
        )
    keys = list(range(len(base)) if clusters is None else clusters)
    if len(keys) != len(base):
        raise MetricError(f"clusters names {len(keys)} items, but there are {len(base)}; name one per item")
    before = as_percentages(base, "base")
    grouped = {value: [keys[item] for item in items] for value, items in members.items()}
    steered = {}
    for value in names:
        supports = perturbed[value]
        after = np.full(len(before), np.nan)
        if supports is not None:
            after = as_percentages(supports, f"perturbed[{value!r}]")
        if len(after) != len(before):
            raise MetricError(
                f"perturbed[{value!r}] has {len(after)} items and base {len(before)}; give the same items in the same "
                "order, with None where a support is missing"
            )
        steered[value] = {evaluated: after[items] for evaluated, items in members.items()}
    unsteered = {value: before[items] for value, items in members.items()}
    delta = delta_matrix(unsteered, steered, clusters=grouped, how=how)
    empty = tuple(value for value in names if perturbed[value] is None)
    unmeasured = Estimate(None, None, None, 0)
    return PerturbationMatrix(
        values=names,
        change=tuple(
            tuple(unmeasured if off in empty else delta.estimate(off, evaluated) for off in names)
            for evaluated in names
        ),
        without_neurons=empty,
        how=how,
        clusters=tuple(tuple(grouped[value]) for value in names),
        draws=delta.draws.transpose(0, 2, 1),
    )


def data_size_scores(
    sizes: Sequence[int], matrices: Sequence[PerturbationMatrix], *, per_column: int = LARGEST
) -> tuple[DataSizeScore, ...]:
    """Eq. 4 for the perturbation matrix of each size, in the order given: `0.5 * n / V + 0.5 * r / max(R)`.

    CHOICE, the paper's wording being loose: `n` is the number of the V values whose own drop is among the `per_column`
    largest of their column, `r` the summed drop on the diagonal at this size, and `max(R)` the largest such sum over the
    sizes compared. A support that rises counts as a negative drop, so that a score may be below `0.5 * n / V`. A value
    without neurons is not found and adds no drop. Scores of one list are comparable, those of two are not; they are
    undefined where no size has a positive summed drop: there is then no largest drop to divide by.

    Raises:
        MetricError: not one matrix per size, sizes that repeat or are below 1, or matrices of other values, items or
            resamples.
    """
    if len(sizes) != len(matrices) or not sizes:
        raise MetricError(
            f"data_size_scores: {len(sizes)} sizes and {len(matrices)} matrices; give one matrix per size"
        )
    if len(set(sizes)) != len(sizes) or min(sizes) < 1:
        raise MetricError(f"data_size_scores: sizes are {list(sizes)}; give different counts of at least 1")
    first = matrices[0]
    for size, matrix in zip(sizes, matrices, strict=True):
        if not (matrix.same_items(first) and matrix.same_resamples(first)):
            raise MetricError(
                f"data_size_scores: the matrix of size {size} is of other values, items or resamples than that of "
                f"{sizes[0]}; evaluate every size on the same items with the same how="
            )
    width = len(first.values)
    # [sizes, 1 + resamples], the matrices themselves first
    changes = [np.concatenate([matrix.means[None], matrix.draws]) for matrix in matrices]
    diagonals = np.array([np.diagonal(change, axis1=1, axis2=2) for change in changes])
    own = [np.diagonal(among_largest(change, per_column), axis1=1, axis2=2) for change in changes]
    found = np.array(own).sum(axis=2)
    measured = ~np.isnan(diagonals)
    drops = np.where(measured.any(axis=2), -np.nansum(diagonals, axis=2), np.nan)
    largest = np.where(np.isnan(drops), -np.inf, drops).max(axis=0)
    shares = np.full(drops.shape, np.nan)
    np.divide(drops, largest, out=shares, where=(largest > 0) & ~np.isnan(drops))
    scores = 0.5 * found / width + 0.5 * shares
    results = []
    for place, size in enumerate(sizes):
        n, drop, score = int(measured[place, 0].sum()), plain(drops[place, 0].item()), scores[place]
        undefined = bool(np.isnan(score[0]))
        nothing = (
            "no value has neurons and supports" if drop is None else "no size has a positive summed drop"
        )
        estimate = first.how.estimate(score[0], score[:1] if undefined else score[1:], n, width - n)
        reason = nothing if undefined else ""
        results.append(DataSizeScore(size, int(found[place, 0]), width, drop, estimate, reason))
    return tuple(results)


def among_largest(changes: Floats, per_column: int = LARGEST) -> NDArray[np.bool_]:
    """Which cells of [..., V, V] are among the `per_column` largest drops of their column; only changes below 0 are.

    Raises:
        MetricError: `per_column` below 1.
    """
    if per_column < 1:
        raise MetricError(f"per_column is {per_column}; mark at least 1 drop of each column")
    among: NDArray[np.bool_] = (_drop_places(changes) < per_column) & (changes < 0)
    return among


def _drop_places(changes: Floats) -> NDArray[np.int64]:
    """The place of every cell of [..., V, V] in its column: 0 is the most negative change, NaN comes last."""
    order = np.argsort(changes, axis=-2, kind="stable")
    return np.argsort(order, axis=-2, kind="stable")
