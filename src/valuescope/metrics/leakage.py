"""Value leakage: how far steering one value raises the others, and groups of others (NeVA section 2).

Matrices have the STEERED value in ROWS and the EVALUATED value in COLUMNS (`delta` maps the paper's order).

Leak counts increases only, so sampling noise alone makes it positive: its mean is above zero even where
nothing leaks. The intervals of means over many entries of Leak are therefore basic (reversed percentile)
bootstrap intervals, which take that bias off: they hold the true mean far more often than percentile ones
(a test measures both). They may lie below the point estimate. Where nothing leaks at all no interval from
one run is safe: read the signed changes of the delta matrix, and a run with random neurons, beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.delta import STEERED_IN_ROWS, DeltaMatrix, mean_present, over_cells, positive_part
from valuescope.metrics.result import Estimate, Floats, MetricError, MetricResult

GAIN_FLOOR = 0.01
"""NeVA's epsilon, which the paper leaves open: one percentage point, what 100 questions can resolve."""


@dataclass(frozen=True, eq=False)
class ValueLeakage(MetricResult):
    """Leak, Gain and NLR between V values.

    `leak` and `nlr` are [V, V] (rows steered, columns evaluated) with NaN on the diagonal and where a cell
    has no data; `gain` is [V], per evaluated value. A value whose own steering gains no more than
    `gain_floor` has Gain = `gain_floor` and stands in `at_floor`: its column of `nlr` is a leak divided by
    an arbitrary constant, and `undefined` counts these entries. `nlr_mean` and `nlr_median` follow the
    paper and go over all off-diagonal entries; `nlr_mean_defined` and `nlr_median_defined` leave the
    columns at the floor out. In these estimates `n` counts matrix entries, not questions, and `missing` the
    off-diagonal entries left out.
    """

    layout = STEERED_IN_ROWS

    values: tuple[str, ...]
    gain_floor: float
    leak: Floats
    gain: Floats
    at_floor: tuple[str, ...]
    nlr: Floats
    nlr_low: Floats
    nlr_high: Floats
    undefined: int
    leak_mean: Estimate
    nlr_mean: Estimate
    nlr_median: Estimate
    nlr_mean_defined: Estimate
    nlr_median_defined: Estimate


@dataclass(frozen=True, eq=False)
class GroupLeakage(MetricResult):
    """Leakage between G groups: [G, G], ROWS = group of the STEERED value, COLUMNS = of the EVALUATED value.

    `mass` is NeVA eq. 5 and `nglr` eq. 6, both transposed: the paper's row g is our column g. So a COLUMN
    of `nglr` sums to 1 and says where the leakage into that group came from. A group that received none
    keeps a column of zeros and stands in `empty`. `missing` counts pairs of values without data, which add
    nothing.
    """

    layout = STEERED_IN_ROWS

    groups: tuple[str, ...]
    mass: Floats
    nglr: Floats
    nglr_low: Floats
    nglr_high: Floats
    empty: tuple[str, ...]
    missing: int


def value_leakage(delta: DeltaMatrix, *, gain_floor: float = GAIN_FLOOR) -> ValueLeakage:
    """Leak (NeVA eq. 2), Gain (eq. 3) and NLR (eq. 4) of every pair of values, with means and intervals.

    Intervals come from the resamples of the questions: percentile ones for the entries and the medians,
    basic ones for the means. `gain_floor` is the paper's epsilon.

    Raises:
        MetricError: a gain floor that is not positive.
    """
    if not gain_floor > 0:
        raise MetricError(f"gain_floor is {gain_floor}; it must be positive, since Leak is divided by it")
    gain = delta.mean.diagonal()
    floored = gain <= gain_floor
    off = ~np.eye(len(delta.values), dtype=bool)
    defined = off & ~floored
    leak = positive_part(delta.mean), positive_part(delta.draws)
    nlr = _nlr(delta.mean, gain_floor), _nlr(delta.draws, gain_floor)
    low, high = delta.how.intervals(nlr[1])

    def over(
        cells: NDArray[np.bool_], matrices: tuple[Floats, Floats], statistic: Callable[[Floats], Floats]
    ) -> Estimate:
        basic = statistic is mean_present  # a median hardly feels the bias that the module speaks of
        return over_cells(delta.how, cells, *matrices, statistic, pairs=int(off.sum()), basic=basic)

    return ValueLeakage(
        values=delta.values,
        gain_floor=gain_floor,
        leak=leak[0],
        gain=np.maximum(gain, gain_floor),
        at_floor=tuple(value for value, below in zip(delta.values, floored, strict=True) if below),
        nlr=nlr[0],
        nlr_low=low,
        nlr_high=high,
        undefined=int((off & floored).sum()),
        leak_mean=over(off, leak, mean_present),
        nlr_mean=over(off, nlr, mean_present),
        nlr_median=over(off, nlr, _median_present),
        nlr_mean_defined=over(defined, nlr, mean_present),
        nlr_median_defined=over(defined, nlr, _median_present),
    )


def group_leakage(
    delta: DeltaMatrix, groups: Mapping[str, Sequence[str]], *, only: Mapping[str, str] | None = None
) -> GroupLeakage:
    """Leakage mass and NGLR between groups (NeVA eq. 5 and 6), such as Schwartz's higher-order dimensions, with
    percentile intervals from the resamples of the questions.

    `groups[value]` names the groups of each value, `{v: system.groups(v) for v in delta.values}`. A value
    of several groups (Schwartz's hedonism) counts in full in each, as eq. 5 reads when its sums run over
    the members of a group; `only={"hedonism": "openness-to-change"}` counts it in that one alone. Leak
    within a group belongs to the diagonal; a value's effect on itself is no leak.

    Raises:
        MetricError: a value without a group, or `only` naming a group that the value is not in.
    """
    for value in delta.values:
        if not groups.get(value):
            raise MetricError(f"value {value!r} has no group; name at least one")
    chosen = {value: tuple(groups[value]) for value in delta.values}
    for value, group in (only or {}).items():
        if group not in chosen.get(value, ()):
            known = ", ".join(chosen.get(value, ())) or "none, since it is not a value of this matrix"
            raise MetricError(f"only: {value!r} is not in group {group!r}; its groups: {known}")
        chosen[value] = (group,)
    names = tuple(dict.fromkeys(group for value in delta.values for group in chosen[value]))
    member = np.array([[name in chosen[value] for value in delta.values] for name in names], dtype=np.float64)
    mass = _mass(delta.mean, member)
    low, high = delta.how.intervals(_column_shares(_mass(delta.draws, member)))
    off = ~np.eye(len(delta.values), dtype=bool)
    return GroupLeakage(
        groups=names,
        mass=mass,
        nglr=_column_shares(mass),
        nglr_low=low,
        nglr_high=high,
        empty=tuple(name for name, total in zip(names, mass.sum(axis=0), strict=True) if total == 0),
        missing=int(np.isnan(delta.mean[off]).sum()),
    )


def _median_present(entries: Floats) -> Floats:
    """`mean_present` for the median."""
    medians = np.full(entries.shape[:-1], np.nan)
    filled = (~np.isnan(entries)).any(axis=-1)
    if filled.any():
        medians[filled] = np.nanmedian(entries[filled], axis=-1)
    return medians


def _nlr(delta: Floats, gain_floor: float) -> Floats:
    """NLR of matrices [..., V, V]: each column divided by the gain of its own, evaluated value."""
    gain = np.maximum(np.diagonal(delta, axis1=-2, axis2=-1), gain_floor)
    ratio: Floats = positive_part(delta) / gain[..., None, :]
    return ratio


def _mass(delta: Floats, member: Floats) -> Floats:
    """Leak of matrices [..., V, V] summed over the members [G, V] of both groups: [..., G, G]."""
    mass: Floats = np.einsum("gi,...ij,hj->...gh", member, np.nan_to_num(positive_part(delta)), member)
    return mass


def _column_shares(mass: Floats) -> Floats:
    """Each column divided by its sum; a column of zeros stays."""
    received = mass.sum(axis=-2, keepdims=True)
    shares: Floats = np.divide(mass, received, out=np.zeros_like(mass), where=received > 0)
    return shares
