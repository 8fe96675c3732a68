"""What steering each value does to every value: the matrix that leakage is computed from.

Layout, here and in every matrix of leakage: ROWS are the STEERED value, COLUMNS the EVALUATED value.
The NeVA paper writes its matrices the other way: its Delta S_{i -> j} is `mean[i, j]` here, and its
Leak_{j,i} and NLR_{j,i} (i steered, j evaluated) are `leak[i, j]` and `nlr[i, j]`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

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
from valuescope.metrics.result import Estimate, Floats, MetricError, MetricResult, plain

STEERED_IN_ROWS = {"rows": "steered", "columns": "evaluated"}


@dataclass(frozen=True, eq=False)
class DeltaMatrix(MetricResult):
    """Mean change of the evaluated value (column) when a value is steered (row); V values.

    `mean`, `low`, `high` are [V, V], NaN where no question was judged in both runs. `n` and `missing` count
    a cell's pairs. `draws` [resamples, V, V] holds the matrix for every resample of the questions; the
    measures of leakage take their intervals from it. Within a column all cells share their resamples, since
    they share the questions. A cell with one judged question has no interval, and does not vary in `draws`.
    """

    layout = STEERED_IN_ROWS

    values: tuple[str, ...]
    mean: Floats
    low: Floats
    high: Floats
    n: NDArray[np.int64]
    missing: NDArray[np.int64]
    draws: Floats = field(repr=False)
    how: Bootstrap = field(repr=False)

    def estimate(self, steered: str, evaluated: str) -> Estimate:
        """One cell."""
        cell = self.values.index(steered), self.values.index(evaluated)
        entries = (self.mean, self.low, self.high, self.n, self.missing)
        return Estimate(*(plain(matrix[cell].item()) for matrix in entries))

    def to_dict(self) -> dict[str, Any]:
        """The matrices as nested lists, None for NaN; no resamples."""
        return {**super().to_dict(), "confidence": self.how.confidence}


def delta_matrix(
    base: Mapping[str, Values],
    steered: Mapping[str, Mapping[str, Values]],
    *,
    clusters: Mapping[str, Clusters] | None = None,
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
    n, missing, questions = np.zeros((3, size, size), dtype=np.int64)
    draws = np.empty((how.resamples, size, size))
    for column, evaluated in enumerate(values):
        before = as_outcomes(base[evaluated])
        groups = cluster_numbers(None if clusters is None else clusters[evaluated], len(before))
        differences = np.empty((len(before), size))
        for row, value in enumerate(values):
            after = as_outcomes(steered[value][evaluated])
            if len(after) != len(before):
                raise MetricError(
                    f"steering {value!r}: {len(after)} outcomes on {evaluated!r}, but {len(before)} from the "
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


def positive_part(delta: Floats) -> Floats:
    """Leak of matrices [..., V, V]: the increases. NaN on the diagonal: nothing leaks into itself."""
    leak = np.maximum(delta, 0.0)
    leak[..., np.eye(delta.shape[-1], dtype=bool)] = np.nan
    return leak


def mean_present(entries: Floats) -> Floats:
    """The mean over the last axis of what is not NaN; NaN where nothing is."""
    present = ~np.isnan(entries)
    count = present.sum(axis=-1)
    means = np.full(count.shape, np.nan)
    np.divide(np.where(present, entries, 0.0).sum(axis=-1), count, out=means, where=count > 0)
    return means


def over_cells(
    how: Bootstrap,
    cells: NDArray[np.bool_],
    matrix: Floats,
    draws: Floats,
    statistic: Callable[[Floats], Floats] = mean_present,
    *,
    pairs: int | None = None,
    basic: bool = False,
) -> Estimate:
    """A statistic over some cells [V, V] of a matrix [V, V], with its interval from draws [resamples, V, V].

    The estimate's `n` counts the cells that are not NaN, `missing` the rest of `pairs` (all the cells).
    """
    entries = matrix[cells]
    n = int((~np.isnan(entries)).sum())
    missing = (len(entries) if pairs is None else pairs) - n
    return how.estimate(statistic(entries), statistic(draws[:, cells]), n, missing, basic=basic)


def _check_names(
    values: tuple[str, ...], steered: Mapping[str, Mapping[str, Any]], clusters: Mapping[str, Any] | None
) -> None:
    def require(names: Iterable[str], given: Container[str], fault: str, fix: str) -> None:
        absent = [name for name in names if name not in given]
        if absent:
            raise MetricError(f"{fault} {', '.join(absent)}; {fix}")

    if not values:
        raise MetricError("base is empty; give the unedited model's outcomes per value")
    for value in values:
        if value not in steered:
            raise MetricError(
                f"steered has no row {value!r}; steer every value of base, or leave it out of base"
            )
        require(values, steered[value], f"steering {value!r}: no outcomes on", "evaluate every value of base")
    if clusters is not None:
        require(values, clusters, "clusters has no entry for", "name the question of each outcome")
    require(steered, values, "steered has rows without base outcomes:", "add them to base")
