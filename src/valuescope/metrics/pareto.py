"""Control against its price: curves over an edit's strength, and the control that each method has at equal fluency.

A method's points are joined, in order of strength, by straight lines that begin at the unedited model (strength 0). The
control at a floor of fluency is the largest on those lines where fluency is at least the floor; a method with one point
and no strength in between has its point or nothing. All of it is computed again on each resample of the questions, the
same for every method, so that differences between methods are paired. Taking the largest favours noise a little, and every
method alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from valuescope.metrics.bootstrap import (
    Bootstrap,
    Estimate,
    Floats,
    MetricError,
    as_outcomes,
    cluster_sums,
)

Verdict = Literal["more", "less", "no clear difference", "cannot be said"]


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
class ParetoPoint:
    """The means at one strength."""

    strength: float
    control: Estimate
    leakage: Estimate
    fluency: Estimate


@dataclass(frozen=True)
class AtFloor:
    """A method where its fluency is `floor` or more: the largest control on its curve, and the leakage there.

    `strength` is interpolated; None where no point of the method is fluent enough. `difference`: control less the
    reference's, and `verdict` what its interval says; None for the reference itself.
    """

    floor: float
    strength: float | None
    control: Estimate
    leakage: Estimate
    difference: Estimate | None
    leakage_difference: Estimate | None
    verdict: Verdict | None


@dataclass(frozen=True)
class ParetoCurve:
    """One method. `at_floor` has one entry for each floor."""

    points: tuple[ParetoPoint, ...]
    at_floor: tuple[AtFloor, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return {
            "points": [
                {
                    "strength": one.strength,
                    "control": one.control.to_dict(),
                    "leakage": one.leakage.to_dict(),
                    "fluency": one.fluency.to_dict(),
                }
                for one in self.points
            ],
            "at_floor": [
                {
                    "floor": one.floor,
                    "strength": one.strength,
                    "control": one.control.to_dict(),
                    "leakage": one.leakage.to_dict(),
                    "difference": None if one.difference is None else one.difference.to_dict(),
                    "leakage_difference": None
                    if one.leakage_difference is None
                    else one.leakage_difference.to_dict(),
                    "verdict": one.verdict,
                }
                for one in self.at_floor
            ],
        }


def pareto_curves(
    methods: Mapping[str, Sequence[Strength]],
    base_fluent: Sequence[float | None],
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
    every = [one for points in methods.values() for one in points]
    if not every or any(not points for points in methods.values()):
        raise MetricError("a method has no points; give at least one strength of each")
    control = _table([one.control for one in every], "control", how)
    leakage = _table([one.leakage for one in every], "leakage", how)
    fluency = _table([base_fluent, *(one.fluent for one in every)], "fluent", how)
    bars = fluency.all[:, 0]  # of every resample, the means themselves first
    found: dict[str, list[tuple[float | None, Floats, Floats]]] = {}
    curves, start = dict[str, tuple[ParetoPoint, ...]](), 0
    for name, points in methods.items():
        columns = slice(start, start + len(points))
        start += len(points)
        order = np.argsort([one.strength for one in points], kind="stable")
        c, k = control.all[:, columns][:, order], leakage.all[:, columns][:, order]
        f = fluency.all[:, 1:][:, columns][:, order]
        s = np.array([points[i].strength for i in order])
        if name not in single:  # the curve begins at the unedited model
            zero = np.zeros((len(c), 1))
            c, k = np.hstack([zero, c]), np.hstack([zero, k])
            f, s = np.hstack([bars[:, None], f]), np.concatenate([[0.0], s])
        found[name] = [_largest(s, c, k, f, floor * bars) for floor in floors]
        curves[name] = tuple(
            ParetoPoint(
                points[i].strength,
                control.estimate(columns.start + i, how),
                leakage.estimate(columns.start + i, how),
                fluency.estimate(1 + columns.start + i, how),
            )
            for i in order
        )
    items = len(every[0].control)

    def estimate(column: Floats) -> Estimate:
        return how.estimate(column[0], column[1:], n=items)

    result = {}
    for name in methods:
        at = []
        for floor, own, other in zip(floors, found[name], found[reference], strict=True):
            difference = None if name == reference else estimate(own[1] - other[1])
            at.append(
                AtFloor(
                    floor,
                    own[0],
                    estimate(own[1]),
                    estimate(own[2]),
                    difference,
                    None if name == reference else estimate(own[2] - other[2]),
                    None if difference is None else verdict_of(difference),
                )
            )
        result[name] = ParetoCurve(curves[name], tuple(at))
    return result


def verdict_of(difference: Estimate) -> Verdict:
    """What the interval of a difference says."""
    if difference.low is None or difference.high is None:
        return "cannot be said"
    if difference.low > 0:
        return "more"
    return "less" if difference.high < 0 else "no clear difference"


@dataclass(frozen=True)
class _Table:
    """Means of columns: `all` [1 + resamples, columns], the plain means first; `n` and `missing` per column."""

    all: Floats
    n: list[int]
    missing: list[int]

    def estimate(self, column: int, how: Bootstrap) -> Estimate:
        return how.estimate(
            float(self.all[0, column]),
            self.all[1:, column],
            n=self.n[column],
            missing=self.missing[column],
        )


def _table(columns: Sequence[Sequence[float | None]], what: str, how: Bootstrap) -> _Table:
    lengths = {len(column) for column in columns}
    if len(lengths) > 1 or 0 in lengths:
        raise MetricError(
            f"{what} has {sorted(lengths)} items at different points; give the same items at all"
        )
    values = np.stack([as_outcomes(column) for column in columns], axis=1)
    present = ~np.isnan(values)
    sums, counts = cluster_sums(values, present, np.arange(len(values)))
    totals = counts.sum(axis=0)
    means = np.full(values.shape[1], np.nan)
    np.divide(sums.sum(axis=0), totals, out=means, where=totals > 0)
    draws = how.means(sums, counts)
    return _Table(np.vstack([means, draws]), totals.astype(int).tolist(), (~present).sum(axis=0).tolist())


def _largest(
    strengths: Floats, control: Floats, leakage: Floats, fluency: Floats, bars: Floats
) -> tuple[float | None, Floats, Floats]:
    """The largest control where fluency reaches the bar, and leakage there, for each row of [rows, points].

    NaN where no point does. The strength is that of the first row.
    """
    best, price, place = (np.full(len(bars), np.nan) for _ in range(3))

    def offer(c: Floats, k: Floats, s: Floats, allowed: Floats) -> None:
        better = (allowed > 0) & ~np.isnan(c) & (np.isnan(best) | (c > best))
        best[better], price[better], place[better] = c[better], k[better], s[better]

    fluent = fluency >= bars[:, None] - 1e-12
    for i, strength in enumerate(strengths):
        offer(control[:, i], leakage[:, i], np.full(len(bars), strength), fluent[:, i].astype(float))
    for i in range(len(strengths) - 1):
        crosses = fluent[:, i] != fluent[:, i + 1]
        step = fluency[:, i + 1] - fluency[:, i]
        share = np.zeros(len(bars))
        np.divide(bars - fluency[:, i], step, out=share, where=np.abs(step) > 1e-12)
        share = np.clip(share, 0.0, 1.0)

        def between(row: Floats, i: int = i, share: Floats = share) -> Floats:
            found: Floats = row[..., i] + share * (row[..., i + 1] - row[..., i])
            return found

        offer(
            between(control),
            between(leakage),
            between(np.broadcast_to(strengths, control.shape)),
            crosses.astype(float),
        )
    return (None if np.isnan(place[0]) else float(place[0])), best, price
