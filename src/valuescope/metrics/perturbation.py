"""The perturbation matrix: how each value's support changes when each value's neurons are off (ValueExploration, fig. 5).

Layout as in the paper, and unlike the leakage matrices: ROWS are the EVALUATED value i, COLUMNS the value j whose
neurons are off.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import Bootstrap, Estimate, Floats, MetricError
from valuescope.metrics.delta import delta_matrix
from valuescope.metrics.leakage import mean_present, over_entries
from valuescope.metrics.support_rates import as_percentages, items_of

LARGEST = 4
"""How many drops of a column the paper highlights."""


@dataclass(frozen=True, eq=False)
class PerturbationMatrix:
    """Changes of support in points; V values.

    `change[i][j]` is the mean change of value i's support with value j's neurons off, paired by item; below 0 is a drop.
    A value in `without_neurons` has a column of cells with n = 0: nothing was switched off, so nothing was measured.
    `draws` [resamples, V, V] is the matrix for every resample of the items (whole clusters, within each value);
    `clusters` are each value's cluster keys by item: matrices with equal ones and equal seeds in `how` are paired.
    """

    values: tuple[str, ...]
    change: tuple[tuple[Estimate, ...], ...]
    without_neurons: tuple[str, ...]
    how: Bootstrap
    clusters: tuple[tuple[Hashable, ...], ...] = field(repr=False)
    draws: Floats = field(repr=False)

    @property
    def means(self) -> Floats:
        """The mean changes [V, V], NaN where missing."""
        rows = [[np.nan if cell.mean is None else cell.mean for cell in row] for row in self.change]
        return np.array(rows, dtype=np.float64)

    @property
    def mean_diagonal(self) -> Estimate:
        """The mean change of a value under its own neurons; `n` counts matrix entries."""
        return self._over(np.eye(len(self.values), dtype=bool))

    @property
    def mean_off_diagonal(self) -> Estimate:
        """The mean change of a value under another's neurons; `n` counts matrix entries."""
        return self._over(~np.eye(len(self.values), dtype=bool))

    def largest_drops(self, per_column: int = LARGEST) -> tuple[tuple[int, ...] | None, ...]:
        """Per column the rows of its largest drops, the largest first; None for a column without any cell.

        Only changes below 0 count, so there may be fewer. Equal drops go by the order of the rows.

        Raises:
            MetricError: `per_column` below 1.
        """
        means = self.means
        places = drop_places(means)
        among = among_largest(means, per_column)
        found: list[tuple[int, ...] | None] = []
        for column in range(len(self.values)):
            rows = np.flatnonzero(among[:, column])
            ordered = rows[np.argsort(places[rows, column])]
            empty = np.isnan(means[:, column]).all()
            found.append(None if empty else tuple(ordered.tolist()))
        return tuple(found)

    @property
    def diagonal_ranks(self) -> tuple[int | None, ...]:
        """The place of each column's own value among its changes: 1 is the most negative, ties as in `largest_drops`."""
        means = self.means
        own = drop_places(means).diagonal()
        return tuple(
            None if np.isnan(change) else int(place) + 1
            for change, place in zip(means.diagonal(), own, strict=True)
        )

    def to_dict(self, per_column: int = LARGEST) -> dict[str, Any]:
        """JSON-able content with the marks of `largest_drops`; no resamples."""
        drops = self.largest_drops(per_column)
        return {
            "rows": "evaluated",
            "columns": "neurons off",
            "unit": "points",
            "values": list(self.values),
            "change": [[cell.to_dict() for cell in row] for row in self.change],
            "without_neurons": list(self.without_neurons),
            "largest_drops": [None if rows is None else list(rows) for rows in drops],
            "diagonal_ranks": list(self.diagonal_ranks),
            "mean_diagonal": self.mean_diagonal.to_dict(),
            "mean_off_diagonal": self.mean_off_diagonal.to_dict(),
            "confidence": self.how.confidence,
            "seed": self.how.seed,
        }

    def _over(self, cells: NDArray[np.bool_]) -> Estimate:
        return over_entries(
            mean_present,
            self.means[cells],
            self.draws[:, cells],
            pairs=int(cells.sum()),
            how=self.how,
            basic=False,
        )


def perturbation_matrix(
    base: Sequence[float | None],
    perturbed: Mapping[str, Sequence[float | None] | None],
    values: Sequence[str],
    *,
    order: Sequence[str] | None = None,
    clusters: Sequence[Hashable] | None = None,
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
    keys = list(range(len(base))) if clusters is None else list(clusters)
    if len(keys) != len(base):
        raise MetricError(f"clusters names {len(keys)} items, but there are {len(base)}; name one per item")
    before = as_percentages(base, "base")
    grouped = {value: [keys[item] for item in chosen] for value, chosen in members.items()}
    nothing = np.full(len(before), np.nan)
    steered: dict[str, dict[str, Sequence[float | None]]] = {}
    for value in names:
        supports = perturbed[value]
        after = nothing if supports is None else as_percentages(supports, f"perturbed[{value!r}]")
        if len(after) != len(before):
            raise MetricError(
                f"perturbed[{value!r}] has {len(after)} items and base {len(before)}; give the same items in the same "
                "order, with None where a support is missing"
            )
        steered[value] = {other: list(after[chosen]) for other, chosen in members.items()}
    delta = delta_matrix(
        {value: list(before[chosen]) for value, chosen in members.items()},
        steered,
        clusters=grouped,
        how=how,
    )
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


def drop_places(changes: Floats) -> NDArray[np.int64]:
    """The place of every cell of [..., V, V] in its column: 0 is the most negative change, NaN comes last."""
    order = np.argsort(changes, axis=-2, kind="stable")
    places: NDArray[np.int64] = np.argsort(order, axis=-2, kind="stable")
    return places


def among_largest(changes: Floats, per_column: int = LARGEST) -> NDArray[np.bool_]:
    """Which cells of [..., V, V] are among the `per_column` largest drops of their column; only changes below 0 are.

    Raises:
        MetricError: `per_column` below 1.
    """
    if per_column < 1:
        raise MetricError(f"per_column is {per_column}; mark at least 1 drop of each column")
    among: NDArray[np.bool_] = (drop_places(changes) < per_column) & (changes < 0)
    return among
