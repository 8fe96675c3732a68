"""Curves over a row of settings: lines through means, with the intervals as a band."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from valuescope.metrics import Estimate
from valuescope.report.markup import Markup, join
from valuescope.report.numbers import Numbers, sample
from valuescope.report.scale import Scale
from valuescope.report.svg import line, marker, polygon, polyline


@dataclass(frozen=True)
class Axis:
    """The horizontal axis: settings as they are, or by their logarithm where they span a factor of 8."""

    scale: Scale
    log: bool

    def __call__(self, setting: float) -> float:
        """Where `setting` is drawn."""
        return self.scale(math.log2(setting) if self.log else setting)


def axis_over(settings: Sequence[float], left: float, right: float) -> Axis:
    """An axis from `left` to `right` over settings in rising order, with a margin."""
    low, high = settings[0], settings[-1]
    log = low > 0 and high / low >= 8
    place: Callable[[float], float] = math.log2 if log else float
    start, end = place(low), place(high)
    room = (end - start) * 0.06 or 1.0
    return Axis(Scale(start - room, end + room, left, right), log)


def spaced(settings: Sequence[float], across: Axis) -> list[float]:
    """The settings that have room for their number."""
    kept: list[float] = []
    for setting in settings:
        if not kept or across(setting) - across(kept[-1]) >= 24:
            kept.append(setting)
    return kept


def draw_curve(
    points: Sequence[tuple[float, Estimate | None]],
    across: Axis,
    up: Scale,
    colour: str,
    shape: int,
    numbers: Numbers,
    *,
    hollow: bool = False,
) -> Markup:
    """A line through the means, a band of the intervals and a mark at each point; gaps where one is missing."""
    drawn: list[Markup] = []
    run: list[tuple[float, Estimate]] = []
    for setting, estimate in [*points, (0.0, None)]:
        if estimate is not None and estimate.mean is not None:
            run.append((across(setting), estimate))
            continue
        band = [(x, one) for x, one in run if one.ci is not None]
        if len(band) > 1 and len(band) == len(run):
            above = [(x, up(one.high)) for x, one in band if one.high is not None]
            below = [(x, up(one.low)) for x, one in band if one.low is not None]
            drawn.append(polygon([*above, *reversed(below)], f"f-{colour} soft"))
        means = [(x, up(one.mean)) for x, one in run if one.mean is not None]
        drawn.append(
            polyline(means, f"s-{colour}{' dash' if hollow else ''}") if len(means) > 1 else join(None)
        )
        for (x, y), (_, one) in zip(means, run, strict=True):
            if one.low is not None and one.high is not None:
                drawn.append(line(x, up(one.low), x, up(one.high), f"s-{colour}"))
            kind = f"h-{colour}" if hollow else f"f-{colour}"
            drawn.append(
                marker(
                    x, y, shape, kind, size=3.5 if hollow else 4, hint=f"{numbers.full(one)} {sample(one)}"
                )
            )
        run = []
    return join(drawn)
