"""Curves with bands of their intervals, over strengths, layers or sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.metrics import Estimate
from valuescope.report.canvas import SMALL, Canvas, Field, PanelHead
from valuescope.report.colours import Style, colour_of, is_filled
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.numbers import MISSING, SHARES, Numbers, plain_value
from valuescope.report.scales import (
    SIZE,
    Point,
    Span,
    domain_of,
    ends_of,
    mean_of,
    room_for,
    ticks_of,
    words_of,
)
from valuescope.report.text import fitted, text_width

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

    def head(self) -> PanelHead:
        """Its head; a single curve needs no key."""
        names = {curve.name: curve.style for strip in self.strips for curve in strip.curves}
        return PanelHead(
            self.title, self.subtitle, self.style, tuple(names.items()) if len(names) > 1 else ()
        )

    def xs(self) -> list[float]:
        """Every place on the level axis."""
        return sorted({float(x) for strip in self.strips for curve in strip.curves for x in curve.xs})

    def reach(self) -> tuple[Span, bool]:
        """The domain of the level axis with a margin, and whether it is logarithmic."""
        first, last = self.xs()[0], self.xs()[-1]
        log = self.log is not False and first > 0 and (self.log or last / first >= 8)
        low, high = (math.log(first), math.log(last)) if log else (first, last)
        room = (high - low) * 0.06 or 0.5
        return ((math.exp(low - room), math.exp(high + room)) if log else (low - room, high + room)), log


def curves(
    name: str, title: str, description: str, facets: Sequence[CurveFacet], *, x_axis: str, shared: bool = True
) -> Figure | None:
    """A panel for each facet; strips of the same place share a scale where `shared`. None without any number."""
    if not any(strip.ends() for facet in facets for strip in facet.strips):
        return None
    small = len(facets) > 6
    columns = columns_for(len(facets), _SMALL if small else _LEAST)
    width = width_of(columns, _MOST)
    top = max(facet.head().height(width) for facet in facets) + 20 + 24 * any(facet.marks for facet in facets)

    def span_of(facet: CurveFacet, place: int) -> Span:
        strips = [
            other.strips[place] for other in (facets if shared else [facet]) if place < len(other.strips)
        ]
        fixed = next((strip.domain for strip in strips if strip.domain), None)
        ends = [end for strip in strips for end in strip.ends()]
        return domain_of(ends, zero=any(strip.zero for strip in strips), fixed=fixed)

    def left_of() -> float:
        """Room for the widest number of an upright axis and the widest label of a note."""
        ticks = [
            words
            for facet in facets
            for place, strip in enumerate(facet.strips)
            for _, words in ticks_of(span_of(facet, place), 4, signed=strip.signed)
        ]
        return max(
            room_for(ticks, 90.0) + 9,
            room_for([note[0] for facet in facets for note in facet.notes], 110.0) + 22,
        )

    def panel(facet: CurveFacet, left: float) -> Panel:
        right, y = width - 12, top
        heights = [_UNIT * strip.height * (0.75 if small else 1.0) for strip in facet.strips]
        bottom = top + sum(heights) + _GAP * (len(heights) - 1)
        canvas = Canvas(width, bottom + 38 + (15 * len(facet.notes) + 6 if facet.notes else 0), facet.head())
        reach, log = facet.reach()
        for place, (strip, tall) in enumerate(zip(facet.strips, heights, strict=True)):
            field = Field(canvas, (left, right), (y + tall, y), reach, span_of(facet, place), log=log)
            _strip(field, strip, facet)
            y += tall + _GAP
        marks = sorted(mark for mark in facet.marks if reach[0] <= mark[0] <= reach[1])
        for row, (x, words) in enumerate(marks):
            late = field.x(x) + text_width(words, SMALL) > right
            start, anchor = (field.x(x) - 3, "end") if late else (field.x(x) + 3, "start")
            canvas.text(start, top - 21 - 11 * (row % 2), words, size=SMALL, colour="muted", anchor=anchor)
        _axis(field, facet, bottom)
        canvas.caption(
            (left + right) / 2, bottom + 30, (facet.x_axis or x_axis) + (" (log scale)" if log else "")
        )
        return canvas.panel()

    def paint() -> list[Panel]:
        left = left_of()
        return [panel(facet, left) for facet in facets]

    return Figure(name, title, description, columns, paint)


def _strip(field: Field, strip: Strip, facet: CurveFacet) -> None:
    """One upright axis with its lines and curves."""
    canvas, middle = field.canvas, sum(field.across) / 2
    field.number_up(signed=strip.signed, about=4 if strip.height >= 2 else 2)
    canvas.text(
        field.across[0],
        field.up[1] - 7,
        fitted(strip.axis, canvas.width - field.across[0], SIZE),
        colour="muted",
    )
    for level, words, kind in strip.levels:
        canvas.say(f"{words} {strip.numbers.plain(level)}")
        if level is not None:
            field.rule(level, kind, "ink" if kind == "dot" else "muted", upright=False)
    for x, _ in facet.marks:
        if field.xs[0] <= x <= field.xs[1]:
            field.rule(x, "dash", "muted", upright=True)
    for curve in strip.curves:
        _curve(field, curve, strip)
    if not ends_of(point for curve in strip.curves for point in curve.points):
        canvas.text(middle, sum(field.up) / 2, MISSING, colour="muted", anchor="middle")


def _curve(field: Field, curve: Curve, strip: Strip) -> None:
    """Lines and bands between neighbours that are there, an interval and a mark at each point."""
    colour, size = colour_of(curve.style), 7.5 if len(curve.xs) <= 16 else 4.5
    runs: list[list[int]] = [[]]
    for place, point in enumerate(curve.points):
        said = f"{curve.name}, at {plain_value(curve.xs[place])}: {words_of(point, strip.numbers, signed=strip.signed)}"
        field.canvas.say(f"{strip.axis}, {said}")
        mean = mean_of(point)
        if mean is None:
            runs.append([])
            continue
        runs[-1].append(place)
        field.interval(curve.xs[place], point, colour, caps=False)
        field.mark(
            curve.xs[place],
            mean,
            curve.style,
            said,
            size=size,
            filled=not curve.filled or curve.filled[place],
        )
    for run in (run for run in runs if len(run) > 1):
        xs, points = [curve.xs[place] for place in run], [curve.points[place] for place in run]
        means = [mean_of(point) or 0.0 for point in points]
        field.line(xs, means, colour, "solid" if is_filled(curve.style) else "dash", zorder=2.5)
        bands = [point.ci for point in points if isinstance(point, Estimate) and point.ci]
        if len(bands) == len(run):
            edge = [(x, high) for x, (_, high) in zip(xs, bands, strict=True)]
            edge += [(x, low) for x, (low, _) in reversed(list(zip(xs, bands, strict=True)))]
            field.shape(edge, colour, alpha=0.18, zorder=2)


def _axis(field: Field, facet: CurveFacet, bottom: float) -> None:
    """The numbers of the level axis that have room, and the notes under them."""
    canvas, xs, kept = field.canvas, facet.xs(), list[int]()
    for place, x in enumerate(xs):
        room = max(
            text_width(words, SIZE) for words in (plain_value(x), *(note[2][place] for note in facet.notes))
        )
        if not kept or field.x(x) - field.x(xs[kept[-1]]) >= max(20.0, room + 6):
            kept.append(place)
            canvas.text(field.x(x), bottom + 14, plain_value(x), colour="muted", anchor="middle")
    for row, (label, style, notes) in enumerate(facet.notes):
        y, colour = bottom + 50 + 15 * row, colour_of(style)
        canvas.say(f"{label}: {', '.join(notes)}")
        canvas.text(0, y, fitted(label, field.across[0] - 8, SIZE), colour=colour)
        for place in kept:
            canvas.text(field.x(xs[place]), y, notes[place], colour=colour, anchor="middle")
