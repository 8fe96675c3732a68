"""Dots with intervals: categories in rows, series as marks beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valuescope.metrics import Estimate
from valuescope.report.colours import Style, colour_of
from valuescope.report.drawing import SIZE, Canvas, Span, domain_of, ends_of, mean_of
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.numbers import MISSING, SHARES, Numbers
from valuescope.report.plots.frame import (
    Head,
    Point,
    caption,
    dashed,
    holding,
    number_across,
    room_for,
    words_of,
)
from valuescope.report.text import fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST, _MOST = 250.0, 520.0
_STEP, _ROW = 9.0, 21.0


@dataclass(frozen=True)
class Dots:
    """A series: one point for each category. Several `style`s: one for each category."""

    name: str
    style: Style | tuple[Style, ...]
    points: Sequence[Point]

    def style_at(self, place: int) -> Style:
        """The style of its mark in a category."""
        return self.style[place] if isinstance(self.style, tuple) else self.style


@dataclass(frozen=True)
class DotFacet:
    """One panel. `beside`: words at the right of each category, under `beside_title`."""

    title: str
    categories: Sequence[str]
    series: Sequence[Dots]
    subtitle: str = ""
    style: Style = "ink"
    beside: Sequence[str] = ()
    beside_title: str = ""


def dots(
    name: str,
    title: str,
    description: str,
    facets: Sequence[DotFacet],
    *,
    axis: str,
    numbers: Numbers = SHARES,
    signed: bool = True,
    domain: Span | None = None,
    reference: tuple[float, str] | None = None,
) -> Figure | None:
    """A panel for each facet, all on one scale; a missing point is said in words. None without any number.

    `axis` names the scale, `reference` is (value, words) of a dotted line.
    """
    ends = ends_of(point for facet in facets for dots in facet.series for point in dots.points)
    if not ends:
        return None
    beside = max(room_for([*facet.beside, facet.beside_title], 200.0) for facet in facets)
    columns = columns_for(len(facets), _LEAST + beside * 0.4)
    width = width_of(columns, _MOST)
    heads = [Head(f.title, f.subtitle, f.style, _key(f)) for f in facets]
    names = room_for([category for facet in facets for category in facet.categories], width * 0.42)
    left, right = names + 10, width - (beside + 10 if beside else 12)
    shared = len({tuple(facet.categories) for facet in facets}) == 1 and not any(f.beside for f in facets)
    indent = left if shared and len(facets) > 1 else 0.0
    top = max(head.height(width - indent) for head in heads) + (
        14 if any(f.beside_title for f in facets) else 2
    )
    ends += [reference[0]] if reference else []
    span = holding(domain, ends) if domain else domain_of(ends, zero=signed or min(ends) > 0)

    def panel(facet: DotFacet, head: Head) -> Panel:
        row = max(_ROW, _STEP * len(facet.series) + 8)
        bottom = top + row * len(facet.categories)
        canvas = Canvas(width, bottom + 36)
        head.draw(canvas, indent)
        field = canvas.axes((left, right), (bottom, top), span, (len(facet.categories) - 0.5, -0.5))
        number_across(canvas, field, (left, right), bottom, signed=signed)
        if reference:
            dashed(canvas, field, reference[0], upright=True, dotted=True)
        caption(canvas, (left + right) / 2, bottom + 30, axis)
        if facet.beside_title:
            canvas.text(width, top - 5, facet.beside_title, size=9.5, colour="muted", anchor="end")
        for place, category in enumerate(facet.categories):
            y = top + row * (place + 0.5) + 4
            canvas.text(left - 8, y, fitted(category, names, SIZE), anchor="end", label=shared)
            if facet.beside:
                canvas.text(width, y, facet.beside[place], colour="muted", anchor="end")
            for number, dots in enumerate(facet.series):
                off = (number - (len(facet.series) - 1) / 2) * _STEP / row
                said = f"{category}, {dots.name}: {words_of(dots.points[place], numbers, signed=signed)}"
                _mark(canvas, field, dots.points[place], place + off, dots.style_at(place), said, span)
        return Panel(
            facet.title, _said(facet, numbers, signed), width, bottom + 36, canvas.finished(), left * shared
        )

    words = f"{description} Dotted: {reference[1]}." if reference else description
    return Figure(
        name, title, words, columns, lambda: [panel(*pair) for pair in zip(facets, heads, strict=True)]
    )


def _key(facet: DotFacet) -> tuple[tuple[str, Style], ...]:
    """The series by name, where there are several of one style each."""
    if len(facet.series) < 2:
        return ()
    return tuple((dots.name, dots.style_at(0)) for dots in facet.series)


def _mark(canvas: Canvas, field: Axes, point: Point, y: float, style: Style, said: str, span: Span) -> None:
    mean = mean_of(point)
    if mean is None:
        x = max(span[0], 0.0) + (span[1] - span[0]) * 0.03
        canvas.text(x, y, MISSING, size=8.5, colour="muted", field=field)
        return
    if isinstance(point, Estimate) and point.low is not None and point.high is not None:
        canvas.whisker(field, (point.low, y), (point.high, y), colour_of(style))
    canvas.mark(field, mean, y, style, hint=said)


def _said(facet: DotFacet, numbers: Numbers, signed: bool) -> str:
    parts = []
    for place, category in enumerate(facet.categories):
        points = (
            f"{dots.name} {words_of(dots.points[place], numbers, signed=signed)}" for dots in facet.series
        )
        parts.append(f"{category}: {', '.join(points)}")
    return "; ".join(([facet.subtitle] if facet.subtitle else []) + parts) + "."
