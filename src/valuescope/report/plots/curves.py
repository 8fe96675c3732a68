"""Curves with bands of their intervals, over strengths, layers or sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from valuescope.metrics import Estimate
from valuescope.report.colours import Style, colour_of, is_filled
from valuescope.report.drawing import (
    SIZE,
    SMALL,
    Canvas,
    Span,
    domain_of,
    ends_of,
    mean_of,
    stand_in,
    ticks_of,
)
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.numbers import MISSING, SHARES, Numbers, plain_value
from valuescope.report.plots.frame import Head, Point, caption, dashed, holding, number_up, room_for, words_of
from valuescope.report.text import fitted, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST, _SMALL, _MOST = 250.0, 190.0, 520.0
_UNIT, _GAP = 72.0, 30.0


@dataclass(frozen=True)
class Curve:
    """A line through points over `xs`, with gaps where one is missing; `filled`: where its marks are (all if empty)."""

    name: str
    style: Style
    xs: Sequence[float]
    points: Sequence[Point]
    filled: Sequence[bool] = ()


@dataclass(frozen=True)
class Strip:
    """Curves on one upright axis, named by `axis`. `levels`: (value, words, "dot" or "dash") lines across."""

    axis: str
    curves: Sequence[Curve]
    numbers: Numbers = SHARES
    signed: bool = False
    domain: Span | None = None
    zero: bool = True
    levels: Sequence[tuple[float | None, str, str]] = ()
    height: float = 2.0

    def ends(self) -> list[float]:
        """Everything that its axis must hold."""
        points = [point for curve in self.curves for point in curve.points]
        return ends_of([*points, *(level for level, _, _ in self.levels)])


@dataclass(frozen=True)
class CurveFacet:
    """One panel: strips below each other over one level axis.

    `marks`: (x, words) of dashed upright lines. `notes`: (label, style, words for each x) in rows under the axis.
    `log`: None takes the logarithm where all xs are above 0 and span a factor of 8.
    """

    title: str
    strips: Sequence[Strip]
    subtitle: str = ""
    style: Style = "ink"
    marks: Sequence[tuple[float, str]] = ()
    x_axis: str = ""
    notes: Sequence[tuple[str, Style, Sequence[str]]] = ()
    log: bool | None = None

    def xs(self) -> list[float]:
        """Every place on the level axis."""
        return sorted({float(x) for strip in self.strips for curve in strip.curves for x in curve.xs})

    def is_log(self) -> bool:
        """Whether the level axis is logarithmic."""
        xs = self.xs()
        return self.log is not False and xs[0] > 0 and (self.log or xs[-1] / xs[0] >= 8)


def curves(
    name: str, title: str, description: str, facets: Sequence[CurveFacet], *, x_axis: str, shared: bool = True
) -> Figure | None:
    """A panel for each facet; strips of the same place share a scale where `shared`. None without any number."""
    if not any(strip.ends() for facet in facets for strip in facet.strips):
        return None
    small = len(facets) > 6
    columns = columns_for(len(facets), _SMALL if small else _LEAST)
    width = width_of(columns, _MOST)
    heads = [Head(f.title, f.subtitle, f.style, _key(f)) for f in facets]
    most = max(len(facet.strips) for facet in facets)
    spans = [_span([f.strips[k] for f in facets if k < len(f.strips)]) for k in range(most)]

    def panel(facet: CurveFacet, head: Head, top: float, left: float) -> Panel:
        xs, log, right = facet.xs(), facet.is_log(), width - 12
        heights = [_UNIT * strip.height * (0.75 if small else 1.0) for strip in facet.strips]
        bottom = top + sum(heights) + _GAP * (len(heights) - 1)
        height = bottom + 38 + (15 * len(facet.notes) + 6 if facet.notes else 0)
        canvas = Canvas(width, height)
        head.draw(canvas)
        reach = _reach(xs, log)
        y, said = top, list[str]()
        for place, (strip, tall) in enumerate(zip(facet.strips, heights, strict=True)):
            span = spans[place] if shared else _span([strip])
            up = (y + tall, y)
            field = canvas.axes((left, right), up, reach, span, log=log)
            number_up(canvas, field, left, up, signed=strip.signed, about=4 if strip.height >= 2 else 2)
            canvas.text(left, y - 7, fitted(strip.axis, right - left, SIZE), colour="muted")
            for level, _, kind in strip.levels:
                if level is not None:
                    dashed(
                        canvas,
                        field,
                        level,
                        upright=False,
                        dotted=kind == "dot",
                        colour="ink" if kind == "dot" else "muted",
                    )
            for x, _ in facet.marks:
                if reach[0] <= x <= reach[1]:
                    dashed(canvas, field, x, upright=True, colour="muted")
            for curve in strip.curves:
                _draw(canvas, field, curve, strip)
            if not ends_of(point for curve in strip.curves for point in curve.points):
                canvas.text((left + right) / 2, y + tall / 2, MISSING, colour="muted", anchor="middle")
            said += _said(strip)
            y += tall + _GAP
        at = _placed(reach, log, left, right)
        _marks(canvas, facet, at, reach, top, right)
        kept = _spaced(xs, at, facet.notes)
        for x in kept:
            canvas.text(at(x), bottom + 14, plain_value(x), colour="muted", anchor="middle")
        words = (facet.x_axis or x_axis) + (" (log scale)" if log else "")
        caption(canvas, (left + right) / 2, bottom + 30, words)
        for row, (label, style, notes) in enumerate(facet.notes):
            canvas.text(0, bottom + 50 + 15 * row, fitted(label, left - 8, SIZE), colour=colour_of(style))
            for x in kept:
                canvas.text(
                    at(x),
                    bottom + 50 + 15 * row,
                    notes[xs.index(x)],
                    colour=colour_of(style),
                    anchor="middle",
                )
            said.append(f"{label}: {', '.join(notes)}")
        return Panel(facet.title, "; ".join(said) + ".", width, height, canvas.finished())

    def paint() -> list[Panel]:
        top = max(head.height(width) for head in heads) + 20 + 24 * any(facet.marks for facet in facets)
        ticks = [
            words
            for place, span in enumerate(spans)
            for facet in facets
            if place < len(facet.strips)
            for _, words in ticks_of(
                span if shared else _span([facet.strips[place]]), 4, signed=facet.strips[place].signed
            )
        ]
        left = max(room_for(ticks, 90.0) + 9, room_for([n[0] for f in facets for n in f.notes], 110.0) + 22)
        return [panel(facet, head, top, left) for facet, head in zip(facets, heads, strict=True)]

    return Figure(name, title, description, columns, paint)


def _span(strips: Sequence[Strip]) -> Span:
    fixed = [strip.domain for strip in strips if strip.domain]
    if fixed:
        return holding(fixed[0], [end for strip in strips for end in strip.ends()])
    return domain_of(
        [end for strip in strips for end in strip.ends()], zero=any(strip.zero for strip in strips)
    )


def _key(facet: CurveFacet) -> tuple[tuple[str, Style], ...]:
    names = {curve.name: curve.style for strip in facet.strips for curve in strip.curves}
    return tuple(names.items()) if len(names) > 1 else ()


def _reach(xs: Sequence[float], log: bool) -> Span:
    """The domain of the level axis, with a margin."""
    low, high = (math.log(xs[0]), math.log(xs[-1])) if log else (xs[0], xs[-1])
    room = (high - low) * 0.06 or 0.5
    return (math.exp(low - room), math.exp(high + room)) if log else (low - room, high + room)


class _placed:  # noqa: N801
    """Where a place on the level axis is drawn."""

    def __init__(self, reach: Span, log: bool, left: float, right: float) -> None:
        self._scale = math.log if log else float
        self._low, high = self._scale(reach[0]), self._scale(reach[1])
        self._left, self._unit = left, (right - left) / (high - self._low)

    def __call__(self, x: float) -> float:
        return self._left + (self._scale(x) - self._low) * self._unit


def _spaced(
    xs: Sequence[float], at: _placed, notes: Sequence[tuple[str, Style, Sequence[str]]]
) -> list[float]:
    """The places that have room for their number and notes."""
    kept = list[float]()
    for place, x in enumerate(xs):
        room = (
            max(text_width(words, SIZE) for words in (plain_value(x), *(note[2][place] for note in notes)))
            + 6
        )
        if not kept or at(x) - at(kept[-1]) >= max(20.0, room):
            kept.append(x)
    return kept


def _draw(canvas: Canvas, field: Axes, curve: Curve, strip: Strip) -> None:
    """Lines and bands between neighbours that are there, an interval and a mark at each point."""
    colour, control = colour_of(curve.style), not is_filled(curve.style)
    runs: list[list[int]] = [[]]
    for place, point in enumerate(curve.points):
        if mean_of(point) is None:
            runs.append([])
        else:
            runs[-1].append(place)
    size = 7.5 if len(curve.xs) <= 16 else 4.5
    for run in (run for run in runs if run):
        xs = [float(curve.xs[place]) for place in run]
        means = [mean_of(curve.points[place]) or 0.0 for place in run]
        if len(run) > 1:
            canvas.line(field, xs, means, colour, linestyle=(0, (4, 3)) if control else "-", zorder=2.5)
        bands = [point.ci for place in run if isinstance(point := curve.points[place], Estimate) and point.ci]
        if len(bands) == len(run) > 1:
            lows, highs = zip(*bands, strict=True)
            paint: dict[str, Any] = {
                "color": stand_in(colour),
                "alpha": 0.18,
                "lw": 0,
                "clip_on": False,
                "zorder": 2,
            }
            field.fill_between(xs, lows, highs, **paint)
        for place, x, mean in zip(run, xs, means, strict=True):
            point = curve.points[place]
            if isinstance(point, Estimate) and point.low is not None and point.high is not None:
                canvas.line(field, (x, x), (point.low, point.high), colour, zorder=3)
            hint = f"{curve.name}, {plain_value(x)}: {words_of(point, strip.numbers, signed=strip.signed)}"
            full = not curve.filled or curve.filled[place]
            canvas.mark(field, x, mean, curve.style, size=size, hint=hint, filled=full)


def _marks(canvas: Canvas, facet: CurveFacet, at: _placed, reach: Span, top: float, right: float) -> None:
    for row, (x, words) in enumerate(sorted(mark for mark in facet.marks if reach[0] <= mark[0] <= reach[1])):
        late = at(x) + text_width(words, SMALL) > right
        y = top - 21 - 11 * (row % 2)
        canvas.text(
            at(x) - 3 if late else at(x) + 3,
            y,
            words,
            size=SMALL,
            colour="muted",
            anchor="end" if late else "start",
        )


def _said(strip: Strip) -> list[str]:
    said = []
    for curve in strip.curves:
        points = (
            f"{plain_value(x)}: {words_of(point, strip.numbers, signed=strip.signed)}"
            for x, point in zip(curve.xs, curve.points, strict=True)
        )
        said.append(f"{strip.axis}, {curve.name}, at {', '.join(points)}")
    said += [f"{words} {strip.numbers.plain(level)}" for level, words, _ in strip.levels]
    return said
