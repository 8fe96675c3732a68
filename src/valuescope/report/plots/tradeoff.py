"""Control against its price: points of a method joined from weak to strong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valuescope.metrics import Estimate
from valuescope.report.colours import Style, colour_of, is_filled
from valuescope.report.drawing import SIZE, SMALL, Canvas, Span, domain_of, ends_of, mean_of, ticks_of
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.numbers import SHARES, Numbers
from valuescope.report.plots.frame import (
    Head,
    Point,
    caption,
    dashed,
    holding,
    number_across,
    number_up,
    room_for,
    words_of,
)
from valuescope.report.text import fitted, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST, _MOST, _HEIGHT = 340.0, 538.0, 300.0


@dataclass(frozen=True)
class TradePath:
    """Points of a method as (across, up, strength), from weak to strong; those of a control are not joined.

    `start`: whether it begins at the unedited model.
    """

    name: str
    style: Style
    points: Sequence[tuple[Point, Point, str]]
    start: bool = True

    def present(self) -> list[tuple[Point, Point, str]]:
        """The points that have both numbers."""
        return [
            point for point in self.points if mean_of(point[0]) is not None and mean_of(point[1]) is not None
        ]


@dataclass(frozen=True)
class TradeFacet:
    """One panel. `axis` names the price; `start` is the unedited model's; `floors`: (price, words) of dashed lines."""

    title: str
    axis: str
    paths: Sequence[TradePath]
    start: float | None = None
    zero: bool = False
    signed: bool = False
    domain: Span | None = None
    floors: Sequence[tuple[float, str]] = ()


def tradeoff(
    name: str,
    title: str,
    description: str,
    facets: Sequence[TradeFacet],
    *,
    axis: str,
    numbers: Numbers = SHARES,
    signed: bool = True,
) -> Figure | None:
    """A panel for each price; `axis` names what goes up. None without a point that has both numbers."""
    points = [point for facet in facets for path in facet.paths for point in path.present()]
    if not points:
        return None
    columns = columns_for(len(facets), _LEAST)
    width = width_of(columns, _MOST)
    span = domain_of(ends_of(point[1] for point in points))
    heads = [Head(f.title, key=tuple((path.name, path.style) for path in f.paths)) for f in facets]
    top = max(head.height(width) for head in heads) + 20

    def panel(facet: TradeFacet, head: Head) -> Panel:
        left, right, bottom = (
            room_for([words for _, words in ticks_of(span, 5, signed=signed)], 90) + 12,
            width - 14,
            top + _HEIGHT,
        )
        canvas = Canvas(width, bottom + 36)
        head.draw(canvas)
        beside = ends_of(point[0] for path in facet.paths for point in path.present())
        beside += ends_of([facet.start, *(floor for floor, _ in facet.floors)])
        reach = holding(facet.domain, beside) if facet.domain else domain_of(beside, zero=facet.zero)
        field = canvas.axes((left, right), (bottom, top), reach, span)
        number_across(canvas, field, (left, right), bottom, signed=facet.signed)
        number_up(canvas, field, left, (bottom, top), signed=signed, about=5)
        canvas.text(left, top - 7, fitted(axis, right - left, SIZE), colour="muted")
        caption(canvas, (left + right) / 2, bottom + 30, facet.axis)
        unit = (right - left) / (reach[1] - reach[0])
        for row, (floor, words) in enumerate(facet.floors):
            dashed(canvas, field, floor, upright=True, colour="muted")
            x = left + (floor - reach[0]) * unit
            late = x + text_width(words, SMALL) > right
            canvas.text(
                x - 3 if late else x + 3,
                top + 10 + 11 * row,
                words,
                size=SMALL,
                colour="muted",
                anchor="end" if late else "start",
            )
        for path in facet.paths:
            _draw(canvas, field, path, facet, numbers, signed)
        if facet.start is not None:
            canvas.mark(field, facet.start, 0.0, "ink", size=6, hint="the unedited model")
        return Panel(facet.title, _said(facet, axis, numbers, signed), width, bottom + 36, canvas.finished())

    return Figure(
        name, title, description, columns, lambda: [panel(*pair) for pair in zip(facets, heads, strict=True)]
    )


def _draw(
    canvas: Canvas, field: Axes, path: TradePath, facet: TradeFacet, numbers: Numbers, signed: bool
) -> None:
    points, colour = path.present(), colour_of(path.style)
    places = [(mean_of(across) or 0.0, mean_of(up) or 0.0) for across, up, _ in points]
    if is_filled(path.style) and places:
        way = [(facet.start, 0.0), *places] if path.start and facet.start is not None else places
        xs, ys = [float(x) for x, _ in way], [y for _, y in way]
        canvas.line(field, xs, ys, colour, zorder=2.5)
    for (x, y), (across, up, strength) in zip(places, points, strict=True):
        if isinstance(across, Estimate) and across.low is not None and across.high is not None:
            canvas.line(field, (across.low, across.high), (y, y), colour, lw=1.1, alpha=0.55)
        if isinstance(up, Estimate) and up.low is not None and up.high is not None:
            canvas.line(field, (x, x), (up.low, up.high), colour, lw=1.1, alpha=0.55)
        hint = f"{path.name}, {strength}: {_pair(across, up, facet, numbers, signed)}"
        canvas.mark(field, x, y, path.style, hint=hint)


def _pair(across: Point, up: Point, facet: TradeFacet, numbers: Numbers, signed: bool) -> str:
    return f"{words_of(up, numbers, signed=signed)}, {facet.axis} {words_of(across, numbers, signed=facet.signed)}"


def _said(facet: TradeFacet, axis: str, numbers: Numbers, signed: bool) -> str:
    parts = [
        f"{path.name}, {strength}: {_pair(across, up, facet, numbers, signed)}"
        for path in facet.paths
        for across, up, strength in path.points
    ]
    return f"{axis}. {'; '.join(parts)}."
