"""Performance over data sizes (ValueExploration, appendix D, eq. 4 and fig. 9): how well neurons that were identified
from more or less data hit their own value.

`score = 0.5 * n / V + 0.5 * r / max(R)`. CHOICE, the paper's wording being loose: `n` is the number of the V values whose
own drop is among the `per_column` largest of their column, `r` the summed drop on the diagonal at this size, and `max(R)`
the largest such sum over the sizes compared. A support that rises counts as a negative drop, so that a score may be below
`0.5 * n / V`. A value without neurons is not found and adds no drop. Scores of one list are comparable, those of two are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from valuescope.metrics.bootstrap import Estimate, Floats, MetricError
from valuescope.metrics.perturbation import LARGEST, PerturbationMatrix, among_largest


@dataclass(frozen=True)
class DataSizeScore:
    """Eq. 4 at one size (items per value that the neurons were identified from).

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

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return {
            "size": self.size,
            "found": self.found,
            "values": self.values,
            "drop": self.drop,
            "score": self.score.to_dict(),
            "reason": self.reason,
        }


def data_size_scores(
    sizes: Sequence[int],
    matrices: Sequence[PerturbationMatrix],
    *,
    per_column: int = LARGEST,
) -> tuple[DataSizeScore, ...]:
    """Eq. 4 for the perturbation matrix of each size, in the order given.

    The scores are undefined where no size has a positive summed drop: there is then no largest drop to divide by.

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
    one = matrices[0]
    for size, matrix in zip(sizes, matrices, strict=True):
        same = (matrix.values, matrix.clusters, matrix.how.seed) == (one.values, one.clusters, one.how.seed)
        if not same or matrix.draws.shape != one.draws.shape:
            raise MetricError(
                f"data_size_scores: the matrix of size {size} is of other values, items or resamples than that of "
                f"{sizes[0]}; evaluate every size on the same items with the same how="
            )
    width = len(one.values)
    found = np.array([_found(matrix.means, per_column) for matrix in matrices])
    drops = np.array([_summed_drop(matrix.means) for matrix in matrices])
    measured = [int((~np.isnan(matrix.means.diagonal())).sum()) for matrix in matrices]
    points = _scores(found[:, None], drops[:, None], width)[:, 0]
    draws = _scores(
        np.array([_found(matrix.draws, per_column) for matrix in matrices]),
        np.array([_summed_drop(matrix.draws) for matrix in matrices]),
        width,
    )
    results = []
    for place, size in enumerate(sizes):
        empty = bool(np.isnan(drops[place]))
        nothing = "no value has neurons and supports" if empty else "no size has a positive summed drop"
        results.append(
            DataSizeScore(
                size=size,
                found=int(found[place]),
                values=width,
                drop=None if empty else float(drops[place]),
                score=one.how.estimate(
                    points[place],
                    np.full(1, np.nan) if np.isnan(points[place]) else draws[place],
                    measured[place],
                    width - measured[place],
                ),
                reason=nothing if np.isnan(points[place]) else "",
            )
        )
    return tuple(results)


def _found(changes: Floats, per_column: int) -> Floats:
    """How many values stand among the largest drops of their own column, of matrices [..., V, V]."""
    among = among_largest(changes, per_column)
    count: Floats = np.diagonal(among, axis1=-2, axis2=-1).sum(axis=-1).astype(np.float64)
    return count


def _summed_drop(changes: Floats) -> Floats:
    """The summed drop of the measured diagonal cells; NaN where there is none."""
    own = np.diagonal(changes, axis1=-2, axis2=-1)
    drop: Floats = np.where(np.isnan(own).all(axis=-1), np.nan, -np.nansum(own, axis=-1))
    return drop


def _scores(found: Floats, drops: Floats, width: int) -> Floats:
    """Eq. 4 of [sizes, resamples]; NaN where the largest drop is not above 0, or the size has none."""
    largest = np.where(np.isnan(drops), -np.inf, drops).max(axis=0)
    scores = np.full(drops.shape, np.nan)
    usable = np.broadcast_to(largest > 0, drops.shape) & ~np.isnan(drops)
    np.divide(drops, largest, out=scores, where=usable)
    result: Floats = 0.5 * found / width + 0.5 * scores
    return result
