"""Grouped bars with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.report.canvas import Canvas, Field, PanelHead
from valuescope.report.colours import Style, colour_of
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.numbers import Numbers
from valuescope.report.scales import SIZE, Point, Span, domain_of, ends_of, mean_of, room_for, words_of
from valuescope.report.text import fitted

_BAR, _WIDEST, _GAP = 13.0, 26.0, 13.0
_HEIGHT, _NAME_ROOM = 170.0, 120.0
_FILL = 0.7  # of full colour, so that the intervals stay readable on it


@dataclass(frozen=True)
class Bars:
    """A series: one bar for each group, None where missing. `starred`: which get a star; `dashed`: hollow bars."""

    name: str
    style: Style
    points: Sequence[Point]
    starred: Sequence[bool] = ()
    dashed: bool = False


@dataclass(frozen=True)
class BarFacet:
    """One panel of groups with a bar for each series."""

    title: str
    groups: Sequence[str]
    series: Sequence[Bars]

    def head(self) -> PanelHead:
        """Its head; a single series needs no key."""
        return PanelHead(
            self.title,
            key=tuple((bars.name, bars.style) for bars in self.series) if len(self.series) > 1 else (),
        )


def bars(
    name: str,
    title: str,
    description: str,
    facets: Sequence[BarFacet],
    *,
    axis: str,
    numbers: Numbers = Numbers(1),  # noqa: B008
    domain: Span | None = None,
    reference: float | None = None,
) -> Figure | None:
    """A panel for each facet, all on one scale; `reference` is a dotted line. None without any number."""
    facets = [facet for facet in facets if facet.series and facet.groups]
    ends = ends_of(point for facet in facets for bars in facet.series for point in bars.points)
    if not ends:
        return None
    starred, signed = any(any(bars.starred) for facet in facets for bars in facet.series), domain is None
    span = domain_of([end * (1.08 if starred and signed else 1.0) for end in ends], fixed=domain)
    least = max(250.0, *(60 + len(facet.groups) * (_BAR * len(facet.series) + _GAP) for facet in facets))
    columns = columns_for(len(facets), least)
    width = max(width_of(columns, max(344.0, least * 1.3)), least)
    slant = room_for([group for facet in facets for group in facet.groups], _NAME_ROOM) * 0.72
    top = max(facet.head().height(width) for facet in facets) + 22

    def panel(facet: BarFacet) -> Panel:
        left, right, bottom = max(44.0, slant - 10), width - 8, top + _HEIGHT
        canvas = Canvas(width, bottom + slant + 18, facet.head())
        canvas.text(0, top - 8, fitted(axis, width, SIZE), colour="muted")
        field = Field(canvas, (left, right), (bottom, top), (-0.5, len(facet.groups) - 0.5), span)
        field.number_up(signed=signed)
        if reference is not None:
            field.rule(reference, "dot", upright=False)
        step = (right - left) / len(facet.groups)
        wide = min(_WIDEST, (step - _GAP) / len(facet.series)) / step
        for place, group in enumerate(facet.groups):
            canvas.text(
                field.x(place) + 4, bottom + 14, fitted(group, _NAME_ROOM, SIZE), anchor="end", turn=45
            )
            for number, series in enumerate(facet.series):
                star = bool(series.starred) and series.starred[place]
                said = f"{group}, {series.name}: {words_of(series.points[place], numbers, signed=signed)}"
                canvas.say(said + (", starred" if star else ""))
                _bar(
                    field,
                    series,
                    place,
                    place + (number - (len(facet.series) - 1) / 2) * wide,
                    wide,
                    said,
                    star,
                )
        return canvas.panel()

    return Figure(name, title, description, columns, lambda: [panel(facet) for facet in facets])


def _bar(field: Field, series: Bars, place: int, x: float, width: float, said: str, star: bool) -> None:
    point = series.points[place]
    mean = mean_of(point)
    if mean is None:
        field.canvas.text(
            field.x(x), field.y(max(0.0, field.ys[0])) - 4, "?", colour="muted", anchor="middle"
        )
        return
    hollow: dict[str, Any] = {"fill": False, "linewidth": 1.3, "linestyle": (0, (3, 2))}
    look = hollow if series.dashed else {"alpha": _FILL}
    field.box(x - width * 0.45, 0, width * 0.9, mean, colour_of(series.style), said, zorder=2, **look)
    field.interval(x, point, "ink")
    if star:
        far = min(ends_of([point])) if mean < 0 else max(ends_of([point]))
        field.canvas.text(field.x(x), field.y(far) + (12 if mean < 0 else -3), "★", anchor="middle")
