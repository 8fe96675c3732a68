"""Is the diagonal of a perturbation matrix hit hardest: does switching off a value's neurons lower that value most?

The paper reads this off its heat maps (ValueExploration, fig. 5). Here it is a permutation test (Good 2005, chapter 3):
under the null a column has nothing to do with the value it is named after, so the names of the columns may be exchanged.
The statistic is unmoved by a value whose support falls whatever is off (a row effect) and by neurons whose loss lowers all
values (a column effect): each permutation takes one cell of every row and column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations as all_orders
from typing import Any

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import Estimate, Floats, MetricError
from valuescope.metrics.perturbation import LARGEST, PerturbationMatrix, among_largest

PERMUTATIONS = 10_000
EXACT_UP_TO = 7
"""Up to this many values (5,040 orders) every permutation is taken."""


@dataclass(frozen=True)
class DiagonalTest:
    """The permutation test of one matrix.

    `statistic`: mean drop on the diagonal minus mean drop off it, in points, with its bootstrap interval over items; its
    `n` counts the tested columns and `missing` those left out. `p`: the share of permutations with a statistic at least as
    large, the observed order among them. `own_among_largest`: in how many tested columns the own value is among the
    `per_column` largest drops; `own_p` is the same test of that number. `null_95`: what the statistic exceeds in 5% of the
    permutations. `permutations`: how many were taken besides the observed order; all there are where `exact`. `left_out`
    are values without neurons or without items. Where there is nothing to test, p is None and `reason` says why.

    The interval and p answer different questions: how the statistic changes with other items, and whether columns match
    their own values better than each other's.
    """

    statistic: Estimate
    p: float | None
    own_among_largest: int
    own_p: float | None
    per_column: int
    tested: tuple[str, ...]
    left_out: tuple[str, ...]
    null_95: float | None
    permutations: int
    exact: bool
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return {
            "statistic": self.statistic.to_dict(),
            "p": self.p,
            "own_among_largest": self.own_among_largest,
            "own_p": self.own_p,
            "per_column": self.per_column,
            "tested": list(self.tested),
            "left_out": list(self.left_out),
            "null_95": self.null_95,
            "permutations": self.permutations,
            "exact": self.exact,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class DiagonalContrast:
    """A matrix's diagonal statistic against a control's, on the same items and values.

    `difference` is `method - control` with a paired bootstrap interval over items; `n` counts the values compared.
    `control` and `control_own_among_largest` are means where there are several controls.
    """

    difference: Estimate
    method: float | None
    control: float | None
    own_among_largest: int
    control_own_among_largest: float
    controls: int
    tested: tuple[str, ...]
    left_out: tuple[str, ...]
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return {
            "difference": self.difference.to_dict(),
            "method": self.method,
            "control": self.control,
            "own_among_largest": self.own_among_largest,
            "control_own_among_largest": self.control_own_among_largest,
            "controls": self.controls,
            "tested": list(self.tested),
            "left_out": list(self.left_out),
            "reason": self.reason,
        }


def diagonal_test(
    matrix: PerturbationMatrix,
    *,
    per_column: int = LARGEST,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> DiagonalTest:
    """Test that the diagonal is hit hardest, by permuting which column belongs to which value.

    All orders are taken for up to 7 tested values, else `permutations` random ones;
    `p = (1 + number at least as large) / (1 + permutations)`. Values without a full row and column are left out of the
    test, so that each permutation still takes one cell of every row. The largest drops of a column are those among all
    its cells.

    Raises:
        MetricError: `permutations` or `per_column` below 1.
    """
    if permutations < 1:
        raise MetricError(f"permutations is {permutations}; take at least 1, such as {PERMUTATIONS}")
    means = matrix.means
    kept = _complete(~np.isnan(means))
    tested, left_out = _named(matrix.values, kept)
    among = among_largest(means, per_column)[np.ix_(kept, kept)]
    own = int(among.diagonal().sum())
    size = len(kept)
    if size < 2:
        nothing = Estimate(None, None, None, size, len(left_out))
        reason = f"{size} value(s) with neurons and supports: a test needs 2"
        return DiagonalTest(nothing, None, own, None, per_column, tested, left_out, None, 0, False, reason)
    drops = -means[np.ix_(kept, kept)]
    exact = size <= EXACT_UP_TO
    orders = _orders(size, permutations, seed, exact=exact)
    columns = np.arange(size)
    # Off the diagonal lies the rest of a fixed total, so that the diagonal's sum decides.
    on_diagonal = drops[orders, columns].sum(axis=1)
    total = drops.sum()
    null = on_diagonal / size - (total - on_diagonal) / (size * (size - 1))
    point = float(_statistic(drops))
    margin = 1e-9 * (1.0 + float(np.abs(drops).max()))  # sums of the same numbers in another order are equal
    counts = among[orders, columns].sum(axis=1)
    return DiagonalTest(
        statistic=matrix.how.estimate(
            point,
            _statistic(-matrix.draws[:, kept[:, None], kept]),
            n=size,
            missing=len(left_out),
        ),
        p=_p_value(null >= point - margin),
        own_among_largest=own,
        own_p=_p_value(counts >= own),
        per_column=per_column,
        tested=tested,
        left_out=left_out,
        null_95=float(np.quantile(null, 0.95)),
        permutations=len(orders),
        exact=exact,
    )


def diagonal_against_control(
    matrix: PerturbationMatrix,
    *controls: PerturbationMatrix,
    per_column: int = LARGEST,
) -> DiagonalContrast:
    """Set a matrix's diagonal statistic against that of random neurons, or the mean of several random draws.

    The matrices must be of the same values and items, resampled with the same seed, so that the difference is paired. Only
    values that are complete in all of them are compared. The interval covers the choice of items, not that of random
    neurons: give several controls to see that.

    Raises:
        MetricError: no control, or one of other values, items or resamples.
    """
    if not controls:
        raise MetricError("diagonal_against_control: give at least one control's matrix")
    for control in controls:
        if control.values != matrix.values or control.clusters != matrix.clusters:
            raise MetricError(
                "diagonal_against_control: a control is of other values or items; build both matrices from the same items "
                "in the same order, with the same clusters"
            )
        if control.how.seed != matrix.how.seed or control.draws.shape != matrix.draws.shape:
            raise MetricError(
                "diagonal_against_control: a control was resampled otherwise; build both matrices with the same how="
            )
    present: NDArray[np.bool_] = ~np.isnan(np.stack([one.means for one in (matrix, *controls)]))
    kept = _complete(np.all(present, axis=0))
    tested, left_out = _named(matrix.values, kept)
    own, *others = (
        int(among_largest(one.means, per_column).diagonal()[kept].sum()) for one in (matrix, *controls)
    )
    own_of_controls = sum(others) / len(others)
    if len(kept) < 2:
        nothing = Estimate(None, None, None, len(kept), len(left_out))
        reason = f"{len(kept)} value(s) with neurons and supports in every matrix: a comparison needs 2"
        return DiagonalContrast(
            nothing, None, None, own, own_of_controls, len(controls), tested, left_out, reason
        )
    cells = np.ix_(kept, kept)
    method = float(_statistic(-matrix.means[cells]))
    control_mean = float(np.mean([_statistic(-one.means[cells]) for one in controls]))
    resampled = [_statistic(-one.draws[:, kept[:, None], kept]) for one in (matrix, *controls)]
    return DiagonalContrast(
        difference=matrix.how.estimate(
            method - control_mean,
            resampled[0] - np.mean(resampled[1:], axis=0),
            n=len(kept),
            missing=len(left_out),
        ),
        method=method,
        control=control_mean,
        own_among_largest=own,
        control_own_among_largest=own_of_controls,
        controls=len(controls),
        tested=tested,
        left_out=left_out,
    )


def _statistic(drops: Floats) -> Floats:
    """Mean of the diagonal minus mean of the rest, of matrices [..., m, m]."""
    size = drops.shape[-1]
    own = np.trace(drops, axis1=-2, axis2=-1)
    rest = drops.sum(axis=(-2, -1)) - own
    statistic: Floats = np.asarray(own / size - rest / (size * (size - 1)))
    return statistic


def _complete(present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The values whose cells, among each other, are all there: the value with most holes goes first."""
    kept = np.arange(len(present))
    while not present[np.ix_(kept, kept)].all():
        square = ~present[np.ix_(kept, kept)]
        kept = np.delete(kept, np.argmax(square.sum(axis=0) + square.sum(axis=1)))
    return kept


def _named(values: Sequence[str], kept: NDArray[np.int64]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    chosen = set(kept.tolist())
    return (
        tuple(value for place, value in enumerate(values) if place in chosen),
        tuple(value for place, value in enumerate(values) if place not in chosen),
    )


def _orders(size: int, number: int, seed: int, *, exact: bool) -> NDArray[np.int64]:
    """Permutations of `size` places in rows, without the observed order where they are all."""
    if exact:
        every = np.array(list(all_orders(range(size))), dtype=np.int64)
        return every[1:]  # the first is the observed order
    generator = np.random.default_rng(seed)
    return generator.permuted(np.tile(np.arange(size), (number, 1)), axis=1)


def _p_value(at_least: NDArray[np.bool_]) -> float:
    return (1 + int(at_least.sum())) / (1 + len(at_least))
