"""Value leakage: how far steering one value raises the others (NeVA section 2).

Matrices have the STEERED value in ROWS and the EVALUATED value in COLUMNS (`delta` maps the paper's order).

Leak counts increases only, so sampling noise alone makes it positive: its mean is above zero even where
nothing leaks. The intervals of means over many entries of Leak are therefore basic (reversed percentile)
bootstrap intervals, which take that bias off: they hold the true mean far more often than percentile ones
(a test measures both). They may lie below the point estimate. Where nothing leaks at all no interval from
one run is safe: read the signed changes of the delta matrix, and a run with random neurons, beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import Bootstrap, Estimate, Floats, MetricError
from valuescope.metrics.delta import DeltaMatrix, nullable, nullable_rows

GAIN_FLOOR = 0.01
"""NeVA's epsilon, which the paper leaves open: one percentage point, what 100 questions can resolve."""


@dataclass(frozen=True, eq=False)
class ValueLeakage:
    """Leak, Gain and NLR between V values.

    `leak` and `nlr` are [V, V] (rows steered, columns evaluated) with NaN on the diagonal and where a cell
    has no data; `gain` is [V], per evaluated value. A value whose own steering gains no more than
    `gain_floor` has Gain = `gain_floor` and stands in `at_floor`: its column of `nlr` is a leak divided by
    an arbitrary constant, and `undefined` counts these entries. `nlr_mean` and `nlr_median` follow the
    paper and go over all off-diagonal entries; `nlr_mean_defined` and `nlr_median_defined` leave the
    columns at the floor out. In these estimates `n` counts matrix entries, not questions, and `missing` the
    off-diagonal entries left out.
    """

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

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON types (rows = steered, columns = evaluated); None for NaN."""
        return {
            "rows": "steered",
            "columns": "evaluated",
            "values": list(self.values),
            "gain_floor": self.gain_floor,
            "leak": nullable_rows(self.leak),
            "gain": [nullable(gain) for gain in self.gain],
            "at_floor": list(self.at_floor),
            "nlr": nullable_rows(self.nlr),
            "nlr_low": nullable_rows(self.nlr_low),
            "nlr_high": nullable_rows(self.nlr_high),
            "undefined": self.undefined,
            "leak_mean": self.leak_mean.to_dict(),
            "nlr_mean": self.nlr_mean.to_dict(),
            "nlr_median": self.nlr_median.to_dict(),
            "nlr_mean_defined": self.nlr_mean_defined.to_dict(),
            "nlr_median_defined": self.nlr_median_defined.to_dict(),
        }


def value_leakage(delta: DeltaMatrix, *, gain_floor: float = GAIN_FLOOR) -> ValueLeakage:
    """Leak (NeVA eq. 2), Gain (eq. 3) and NLR (eq. 4) of every pair of values, with means and intervals.

    Intervals come from the resamples of the questions: percentile ones for the entries and the medians,
    basic ones for the means. `gain_floor` is the paper's epsilon.

    Raises:
        MetricError: a gain floor that is not positive.
    """
    if not gain_floor > 0:
        raise MetricError(f"gain_floor is {gain_floor}; it must be positive, since Leak is divided by it")
    own = delta.mean.diagonal()
    floored = own <= gain_floor
    off = ~np.eye(len(delta.values), dtype=bool)
    defined = off & ~floored
    leak, leak_draws = positive_part(delta.mean), positive_part(delta.draws)
    nlr, nlr_draws = _nlr(delta.mean, gain_floor), _nlr(delta.draws, gain_floor)
    low, high = delta.how.intervals(nlr_draws)

    def over(
        cells: NDArray[np.bool_], statistic: Callable[[Floats], Floats], matrix: Floats, resampled: Floats
    ) -> Estimate:
        return over_entries(
            statistic,
            matrix[cells],
            resampled[:, cells],
            pairs=int(off.sum()),
            how=delta.how,
            basic=statistic is mean_present,  # a median hardly feels the bias that the module speaks of
        )

    return ValueLeakage(
        values=delta.values,
        gain_floor=gain_floor,
        leak=leak,
        gain=np.maximum(own, gain_floor),
        at_floor=tuple(value for value, below in zip(delta.values, floored, strict=True) if below),
        nlr=nlr,
        nlr_low=low,
        nlr_high=high,
        undefined=int((off & floored).sum()),
        leak_mean=over(off, mean_present, leak, leak_draws),
        nlr_mean=over(off, mean_present, nlr, nlr_draws),
        nlr_median=over(off, median_present, nlr, nlr_draws),
        nlr_mean_defined=over(defined, mean_present, nlr, nlr_draws),
        nlr_median_defined=over(defined, median_present, nlr, nlr_draws),
    )


def positive_part(delta: Floats) -> Floats:
    """Leak of matrices [..., V, V]: the increases. NaN on the diagonal: nothing leaks into itself."""
    leak = np.maximum(delta, 0.0)
    leak[..., np.eye(delta.shape[-1], dtype=bool)] = np.nan
    return leak


def over_entries(
    statistic: Callable[[Floats], Floats],
    entries: Floats,
    draws: Floats,
    *,
    pairs: int,
    how: Bootstrap,
    basic: bool,
) -> Estimate:
    """A statistic over matrix entries [n] with its interval from draws [resamples, n].

    The estimate's `n` counts the entries that are not NaN, `missing` the rest of `pairs`.
    """
    n = int((~np.isnan(entries)).sum())
    return how.estimate(statistic(entries), statistic(draws), n, pairs - n, basic=basic)


def mean_present(entries: Floats) -> Floats:
    """The mean over the last axis of what is not NaN; NaN where nothing is."""
    present = ~np.isnan(entries)
    count = present.sum(axis=-1)
    means = np.full(count.shape, np.nan)
    np.divide(np.where(present, entries, 0.0).sum(axis=-1), count, out=means, where=count > 0)
    return means


def median_present(entries: Floats) -> Floats:
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
