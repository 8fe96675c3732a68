"""What steering each value does to every value: the matrix that leakage is computed from.

Layout, here and in every matrix of this package: ROWS are the STEERED value, COLUMNS the EVALUATED value.
The NeVA paper writes its matrices the other way: its Delta S_{i -> j} is `mean[i, j]` here, and its
Leak_{j,i} and NLR_{j,i} (i steered, j evaluated) are `leak[i, j]` and `nlr[i, j]`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import (
    Bootstrap,
    Estimate,
    Floats,
    MetricError,
    as_outcomes,
    cluster_numbers,
    cluster_sums,
)


@dataclass(frozen=True, eq=False)
class DeltaMatrix:
    """Mean change of the evaluated value (column) when a value is steered (row); V values.

    `mean`, `low`, `high` are [V, V], NaN where no question was judged in both runs. `n` and `missing` count
    a cell's pairs. `draws` [resamples, V, V] holds the matrix for every resample of the questions; the
    measures of leakage take their intervals from it. Within a column all cells share their resamples, since
    they share the questions. A cell with one judged question has no interval, and does not vary in `draws`.
    """

    values: tuple[str, ...]
    mean: Floats
    low: Floats
    high: Floats
    n: NDArray[np.int64]
    missing: NDArray[np.int64]
    draws: Floats
    how: Bootstrap

    def estimate(self, steered: str, evaluated: str) -> Estimate:
        """One cell."""
        row, column = self.values.index(steered), self.values.index(evaluated)
        mean, low, high = (nullable(cells[row, column]) for cells in (self.mean, self.low, self.high))
        return Estimate(mean, low, high, n=int(self.n[row, column]), missing=int(self.missing[row, column]))

    def to_dict(self) -> dict[str, Any]:
        """The matrices as nested lists (rows = steered, columns = evaluated), None for NaN; no resamples."""
        return {
            "rows": "steered",
            "columns": "evaluated",
            "values": list(self.values),
            "mean": nullable_rows(self.mean),
            "low": nullable_rows(self.low),
            "high": nullable_rows(self.high),
            "n": self.n.tolist(),
            "missing": self.missing.tolist(),
            "confidence": self.how.confidence,
        }


def delta_matrix(
    base: Mapping[str, Sequence[float | None]],
    steered: Mapping[str, Mapping[str, Sequence[float | None]]],
    *,
    clusters: Mapping[str, Sequence[Hashable]] | None = None,
    how: Bootstrap = Bootstrap(),
) -> DeltaMatrix:
    """The matrix of paired changes, NeVA eq. 1.

    `base[evaluated]` holds one outcome (True/False for a control success rate) per question of that value
    from the unedited model, `steered[steered][evaluated]` the outcomes on the same questions in the same
    order with one value steered. None is a failed judgement; a pair with one is dropped from its cell and
    counted. `clusters[evaluated]` names the question of each outcome where there are several answers per
    question. Values may have different numbers of questions. The order of the values is that of `base`.

    Raises:
        MetricError: a value or cell that is absent, or lengths that differ.
    """
    values = tuple(base)
    _check_names(values, steered, clusters)
    size = len(values)
    mean = np.full((size, size), np.nan)
    n, missing, questions = (np.zeros((size, size), dtype=np.int64) for _ in range(3))
    draws = np.empty((how.resamples, size, size))
    for column, evaluated in enumerate(values):
        before = as_outcomes(base[evaluated])
        groups = cluster_numbers(None if clusters is None else clusters[evaluated], len(before))
        differences = np.empty((len(before), size))
        for row, one in enumerate(values):
            after = as_outcomes(steered[one][evaluated])
            if len(after) != len(before):
                raise MetricError(
                    f"steering {one!r}: {len(after)} outcomes on {evaluated!r}, but {len(before)} from the "
                    "base; give them in the same order, with None where a judgement is missing"
                )
            differences[:, row] = after - before
        present = ~np.isnan(differences)
        sums, counts = cluster_sums(differences, present, groups)
        n[:, column], missing[:, column] = present.sum(axis=0), (~present).sum(axis=0)
        questions[:, column] = (counts > 0).sum(axis=0)
        np.divide(sums.sum(axis=0), n[:, column], out=mean[:, column], where=n[:, column] > 0)
        draws[:, :, column] = how.means(sums, counts, stream=column)
    low, high = (np.where(questions > 1, limit, np.nan) for limit in how.intervals(draws))
    return DeltaMatrix(values, mean, low, high, n, missing, draws, how)


def nullable(number: float) -> float | None:
    """The number, or None for NaN (JSON knows no NaN)."""
    return None if np.isnan(number) else float(number)


def nullable_rows(matrix: Floats) -> list[list[float | None]]:
    """A matrix as nested lists with None for NaN."""
    return [[nullable(cell) for cell in row] for row in matrix]


def _check_names(
    values: tuple[str, ...],
    steered: Mapping[str, Mapping[str, Any]],
    clusters: Mapping[str, Any] | None,
) -> None:
    if not values:
        raise MetricError("base is empty; give the unedited model's outcomes per value")
    for one in values:
        if one not in steered:
            raise MetricError(
                f"steered has no row {one!r}; steer every value of base, or leave it out of base"
            )
        absent = [value for value in values if value not in steered[one]]
        if absent:
            raise MetricError(
                f"steering {one!r}: no outcomes on {', '.join(absent)}; evaluate every value of base"
            )
    unclustered = [value for value in values if clusters is not None and value not in clusters]
    if unclustered:
        raise MetricError(
            f"clusters has no entry for {', '.join(unclustered)}; name the question of each outcome"
        )
    extra = [one for one in steered if one not in values]
    if extra:
        raise MetricError(f"steered has rows without base outcomes: {', '.join(extra)}; add them to base")
