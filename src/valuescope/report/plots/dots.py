"""Dots with intervals: categories in rows, series as marks beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.report.canvas import SMALL, Canvas, Field, PanelHead
from valuescope.report.colours import Style, colour_of
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.numbers import MISSING, SHARES, Numbers
from valuescope.report.scales import SIZE, Point, Span, domain_of, ends_of, mean_of, room_for, words_of
from valuescope.report.text import fitted, text_width

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

    def head(self) -> PanelHead:
        """Its head; a single series needs no key."""
        key = tuple((dots.name, dots.style_at(0)) for dots in self.series) if len(self.series) > 1 else ()
        return PanelHead(self.title, self.subtitle, self.style, key)


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
    facets = [facet for facet in facets if facet.categories]
    ends = ends_of(point for facet in facets for dots in facet.series for point in dots.points)
    if not ends:
        return None
    beside = max(room_for([*facet.beside, facet.beside_title], 200.0) for facet in facets)
    columns = columns_for(len(facets), _LEAST + beside * 0.4)
    width = width_of(columns, _MOST)
    names = room_for([category for facet in facets for category in facet.categories], width * 0.42)
    left, right = names + 10, width - (beside + 10 if beside else 12)
    ends += [reference[0]] if reference else []
    span = domain_of(ends, zero=signed or min(ends) > 0, fixed=domain)
    shared = len({tuple(facet.categories) for facet in facets}) == 1 and not beside
    indent = left if shared and len(facets) > 1 else 0.0
    top = max(facet.head().height(width - indent) for facet in facets) + (14 if beside else 2)

    def panel(facet: DotFacet) -> Panel:
        row = max(_ROW, _STEP * len(facet.series) + 8)
        bottom = top + row * len(facet.categories)
        canvas = Canvas(width, bottom + 36, facet.head(), indent)
        field = Field(canvas, (left, right), (bottom, top), span, (len(facet.categories) - 0.5, -0.5))
        field.number_across(signed=signed)
        if reference:
            field.rule(reference[0], "dot", upright=True)
        canvas.caption((left + right) / 2, bottom + 30, axis)
        canvas.text(width, top - 5, facet.beside_title, size=SMALL, colour="muted", anchor="end")
        for place, category in enumerate(facet.categories):
            y = field.y(place) + 4
            canvas.text(left - 8, y, fitted(category, names, SIZE), anchor="end", label=shared)
            canvas.text(width, y, facet.beside[place] if facet.beside else "", colour="muted", anchor="end")
            for number, dots in enumerate(facet.series):
                point, up = dots.points[place], place + (number - (len(facet.series) - 1) / 2) * _STEP / row
                said = f"{category}, {dots.name}: {words_of(point, numbers, signed=signed)}"
                canvas.say(said)
                _mark(field, point, up, dots.style_at(place), said)
        return canvas.panel(left * shared)

    words = f"{description} Dotted: {reference[1]}." if reference else description
    return Figure(name, title, words, columns, lambda: [panel(facet) for facet in facets])


def _mark(field: Field, point: Point, up: float, style: Style, said: str) -> None:
    mean = mean_of(point)
    if mean is None:
        zero, words = field.x(max(field.xs[0], 0.0)), point if isinstance(point, str) else MISSING
        cut = zero + 4 + text_width(words, 8.5) > field.canvas.width
        x, anchor = (zero - 4, "end") if cut else (zero + 4, "start")
        field.canvas.text(x, field.y(up) + 3, words, size=8.5, colour="muted", anchor=anchor)
        return
    field.interval(point, up, colour_of(style))
    field.mark(mean, up, style, said)
