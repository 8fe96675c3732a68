"""Is the diagonal of a perturbation matrix hit hardest: does switching off a value's neurons lower that value most?

The paper reads this off its heat maps (ValueExploration, fig. 5). Here it is a permutation test (Good 2005, chapter 3):
under the null a column has nothing to do with the value it is named after, so the names of the columns may be exchanged.
The statistic is unmoved by a value whose support falls whatever is off (a row effect) and by neurons whose loss lowers all
values (a column effect): each permutation takes one cell of every row and column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations as permutations_of

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.perturbation import LARGEST, PerturbationMatrix, among_largest
from valuescope.metrics.result import Estimate, Floats, MetricError, MetricResult

PERMUTATIONS = 10_000
EXACT_UP_TO = 7
"""Up to this many values (5,040 orders) every permutation is taken."""


@dataclass(frozen=True)
class DiagonalTest(MetricResult):
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


@dataclass(frozen=True)
class DiagonalContrast(MetricResult):
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
    rows, exact = orders(size, permutations, seed)
    columns = np.arange(size)
    # Off the diagonal lies the rest of a fixed total, so that the diagonal's sum decides.
    on_diagonal = drops[rows, columns].sum(axis=1)
    total = drops.sum()
    null = on_diagonal / size - (total - on_diagonal) / (size * (size - 1))
    point, draws = float(_statistic(drops)), _statistic(-matrix.draws[:, kept[:, None], kept])
    margin = 1e-9 * (1.0 + float(np.abs(drops).max()))  # sums of the same numbers in another order are equal
    counts = among[rows, columns].sum(axis=1)
    return DiagonalTest(
        statistic=matrix.how.estimate(point, draws, n=size, missing=len(left_out)),
        p=p_value(null >= point - margin),
        own_among_largest=own,
        own_p=p_value(counts >= own),
        per_column=per_column,
        tested=tested,
        left_out=left_out,
        null_95=float(np.quantile(null, 0.95)),
        permutations=len(rows),
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
        if not control.same_items(matrix):
            raise MetricError(
                "diagonal_against_control: a control is of other values or items; build both matrices from the same items "
                "in the same order, with the same clusters"
            )
        if not control.same_resamples(matrix):
            raise MetricError(
                "diagonal_against_control: a control was resampled otherwise; build both matrices with the same how="
            )
    matrices = (matrix, *controls)
    kept = _complete(np.all([~np.isnan(each.means) for each in matrices], axis=0))
    tested, left_out = _named(matrix.values, kept)
    own, *others = (int(among_largest(each.means, per_column).diagonal()[kept].sum()) for each in matrices)
    summary = partial(
        DiagonalContrast,
        own_among_largest=own,
        control_own_among_largest=sum(others) / len(others),
        controls=len(controls),
        tested=tested,
        left_out=left_out,
    )
    n, missing = len(kept), len(left_out)
    if n < 2:
        reason = f"{n} value(s) with neurons and supports in every matrix: a comparison needs 2"
        return summary(Estimate(None, None, None, n, missing), None, None, reason=reason)
    method, *control_means = (float(_statistic(-each.means[np.ix_(kept, kept)])) for each in matrices)
    control_mean = float(np.mean(control_means))
    draws, *control_draws = (_statistic(-each.draws[:, kept[:, None], kept]) for each in matrices)
    difference = matrix.how.estimate(
        method - control_mean, draws - np.mean(control_draws, axis=0), n=n, missing=missing
    )
    return summary(difference, method, control_mean)


def orders(size: int, number: int, seed: int | tuple[int, ...]) -> tuple[NDArray[np.int64], bool]:
    """Orders of `size` places in rows, and whether they are all there are besides the first; else `number` random ones."""
    if size <= EXACT_UP_TO:
        return np.array(list(permutations_of(range(size))), dtype=np.int64)[1:], True
    generator = np.random.default_rng(seed)
    return generator.permuted(np.tile(np.arange(size), (number, 1)), axis=1), False


def p_value(at_least: NDArray[np.bool_]) -> float:
    """The share of orders with a statistic at least as large, the observed order among them."""
    return (1 + int(at_least.sum())) / (1 + len(at_least))


def _statistic(drops: Floats) -> Floats:
    """Mean of the diagonal minus mean of the rest, of matrices [..., m, m]."""
    size = drops.shape[-1]
    diagonal = np.trace(drops, axis1=-2, axis2=-1)
    rest = drops.sum(axis=(-2, -1)) - diagonal
    return np.asarray(diagonal / size - rest / (size * (size - 1)))


def _complete(present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The values whose cells, among each other, are all there: the value with most holes goes first."""
    kept = np.arange(len(present))
    while not present[np.ix_(kept, kept)].all():
        square = ~present[np.ix_(kept, kept)]
        kept = np.delete(kept, np.argmax(square.sum(axis=0) + square.sum(axis=1)))
    return kept


def _named(values: Sequence[str], kept: NDArray[np.int64]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    tested = tuple(values[place] for place in kept)
    return tested, tuple(value for value in values if value not in tested)
