"""Control against its price: curves over an edit's strength, and the control that each method has at equal fluency.

A method's points are joined, in order of strength, by straight lines that begin at the unedited model (strength 0). The
control at a floor of fluency is the largest on those lines where fluency is at least the floor; a method with one point
and no strength in between has its point or nothing. All of it is computed again on each resample of the questions, the
same for every method, so that differences between methods are paired. Taking the largest favours noise a little, and every
method alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from valuescope.metrics.bootstrap import Bootstrap, Values, as_outcomes, cluster_sums
from valuescope.metrics.result import Estimate, Floats, MetricError, MetricResult, plain

ParetoVerdict = Literal["more", "less", "no clear difference", "cannot be said"]


@dataclass(frozen=True)
class Strength:
    """What one strength did, item by item; None is missing.

    `control`: change of each item's own value, counted in the intended direction. `leakage`: mean change of each item while
    other values are steered. Both go over the same items for every method. `fluent`: share of fluent answers on each item,
    over items of its own.
    """

    strength: float
    control: Sequence[float | None]
    leakage: Sequence[float | None]
    fluent: Sequence[float | None]


@dataclass(frozen=True)
class ParetoPoint(MetricResult):
    """The means at one strength."""

    strength: float
    control: Estimate
    leakage: Estimate
    fluency: Estimate


@dataclass(frozen=True)
class AtFloor(MetricResult):
    """A method where its fluency is `floor` or more: the largest control on its curve, and the leakage there.

    `strength` is interpolated; None where no point of the method is fluent enough. `difference`: control less the
    reference's, and `verdict` what its interval says; None for the reference itself.
    """

    floor: float
    strength: float | None
    control: Estimate
    leakage: Estimate
    difference: Estimate | None = None
    leakage_difference: Estimate | None = None
    verdict: ParetoVerdict | None = None


@dataclass(frozen=True)
class ParetoCurve(MetricResult):
    """One method. `at_floor` has one entry for each floor."""

    points: tuple[ParetoPoint, ...]
    at_floor: tuple[AtFloor, ...]


def pareto_curves(
    methods: Mapping[str, Sequence[Strength]],
    base_fluent: Values,
    floors: Sequence[float],
    reference: str,
    *,
    single: Sequence[str] = (),
    how: Bootstrap = Bootstrap(),
) -> dict[str, ParetoCurve]:
    """The curves of all methods. `floors` are shares of the base's fluency; `single` names methods without a strength.

    Raises:
        MetricError: no point, a reference that is no method, or items that differ between points.
    """
    if reference not in methods:
        raise MetricError(f"reference {reference!r} is not among the methods: {', '.join(methods)}")
    every = [point for points in methods.values() for point in points]
    if not every or any(not points for points in methods.values()):
        raise MetricError("a method has no points; give at least one strength of each")
    control = _table([point.control for point in every], "control", how)
    leakage = _table([point.leakage for point in every], "leakage", how)
    fluency = _table([base_fluent, *(point.fluent for point in every)], "fluent", how)
    bars = fluency.rows[:, :1]  # of every resample, the means themselves first
    places: dict[str, list[Floats]] = {}
    curves, start = dict[str, tuple[ParetoPoint, ...]](), 0
    for name, points in methods.items():
        order = start + np.argsort([point.strength for point in points], kind="stable")
        start += len(points)
        strengths = np.broadcast_to([every[i].strength for i in order], (len(bars), len(order)))
        line = np.stack([control.rows[:, order], leakage.rows[:, order], strengths])
        fluent = fluency.rows[:, 1 + order]
        if name not in single:  # the curve begins at the unedited model
            line = np.concatenate([np.zeros_like(line[..., :1]), line], axis=2)
            fluent = np.hstack([bars, fluent])
        places[name] = [_largest(line, fluent, floor * bars) for floor in floors]
        tables = (control, 0), (leakage, 0), (fluency, 1)
        curves[name] = tuple(
            ParetoPoint(every[i].strength, *(table.estimate(i + first, how) for table, first in tables))
            for i in order
        )

    def estimate(rows: Floats) -> Estimate:
        return how.estimate(rows[0], rows[1:], n=len(every[0].control))

    result = {}
    for name in methods:
        at_floor = []
        for floor, place, against in zip(floors, places[name], places[reference], strict=True):
            at = AtFloor(floor, plain(place[2, 0].item()), estimate(place[0]), estimate(place[1]))
            if name != reference:
                change, price = estimate(place[0] - against[0]), estimate(place[1] - against[1])
                at = replace(at, difference=change, leakage_difference=price, verdict=verdict_of(change))
            at_floor.append(at)
        result[name] = ParetoCurve(curves[name], tuple(at_floor))
    return result


def verdict_of(difference: Estimate) -> ParetoVerdict:
    """What the interval of a difference says."""
    if difference.low is None or difference.high is None:
        return "cannot be said"
    if difference.low > 0:
        return "more"
    return "less" if difference.high < 0 else "no clear difference"


@dataclass(frozen=True)
class _Table:
    """Means of columns: `rows` [1 + resamples, columns], the plain means first; `n` and `missing` per column."""

    rows: Floats
    n: list[int]
    missing: list[int]

    def estimate(self, column: int, how: Bootstrap) -> Estimate:
        means = self.rows[:, column]
        return how.estimate(means[0], means[1:], n=self.n[column], missing=self.missing[column])


def _table(columns: Sequence[Values], what: str, how: Bootstrap) -> _Table:
    lengths = {len(column) for column in columns}
    if len(lengths) > 1 or 0 in lengths:
        raise MetricError(
            f"{what} has {sorted(lengths)} items at different points; give the same items at all"
        )
    values = np.stack([as_outcomes(column) for column in columns], axis=1)
    present = ~np.isnan(values)
    sums, counts = cluster_sums(values, present, np.arange(len(values)))
    n, means = present.sum(axis=0), np.full(values.shape[1], np.nan)
    np.divide(sums.sum(axis=0), n, out=means, where=n > 0)
    return _Table(np.vstack([means, how.means(sums, counts)]), n.tolist(), (~present).sum(axis=0).tolist())


def _largest(line: Floats, fluency: Floats, bars: Floats) -> Floats:
    """Control, leakage and strength where control is largest among the places that are fluent enough, [3, rows].

    `line` [3, rows, points] holds the three at the points, `fluency` [rows, points], `bars` [rows, 1] what it must reach.
    NaN where it nowhere does.
    """
    fluent = fluency >= bars - 1e-12
    step = np.diff(fluency, axis=1)
    share = np.zeros_like(step)  # of the way from a point to the next at which the line crosses the bar
    np.divide(bars - fluency[:, :-1], step, out=share, where=np.abs(step) > 1e-12)
    crossings = line[..., :-1] + share.clip(0.0, 1.0) * np.diff(line, axis=2)
    places = np.concatenate([line, crossings], axis=2)
    allowed = np.hstack([fluent, fluent[:, :-1] != fluent[:, 1:]]) & ~np.isnan(places[0])
    best = np.where(allowed, places[0], -np.inf).argmax(axis=1)
    largest = np.take_along_axis(places, best[None, :, None], axis=2)[..., 0]
    return np.where(allowed.any(axis=1), largest, np.nan)
