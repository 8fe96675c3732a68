"""Control against its price: points of a method joined from weak to strong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.report.canvas import SMALL, Canvas, Field, PanelHead
from valuescope.report.colours import Style, colour_of, is_filled
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.numbers import SHARES, Numbers
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

    def head(self) -> PanelHead:
        """Its head with every path in the key."""
        return PanelHead(self.title, key=tuple((path.name, path.style) for path in self.paths))


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
    top = max(facet.head().height(width) for facet in facets) + 20

    def panel(facet: TradeFacet) -> Panel:
        left = room_for((words for _, words in ticks_of(span, 5, signed=signed)), 90) + 12
        right, bottom = width - 14, top + _HEIGHT
        canvas = Canvas(width, bottom + 36, facet.head())
        prices = [*(point[0] for path in facet.paths for point in path.present()), facet.start]
        reach = domain_of(
            ends_of([*prices, *(floor for floor, _ in facet.floors)]), zero=facet.zero, fixed=facet.domain
        )
        field = Field(canvas, (left, right), (bottom, top), reach, span)
        field.number_across(signed=facet.signed)
        field.number_up(signed=signed, about=5)
        canvas.text(left, top - 7, fitted(axis, right - left, SIZE), colour="muted")
        canvas.caption((left + right) / 2, bottom + 30, facet.axis)
        for row, (floor, words) in enumerate(facet.floors):
            field.rule(floor, "dash", "muted", upright=True)
            late = field.x(floor) + text_width(words, SMALL) > right
            place, anchor = (field.x(floor) - 3, "end") if late else (field.x(floor) + 3, "start")
            canvas.text(place, top + 10 + 11 * row, words, size=SMALL, colour="muted", anchor=anchor)
        for path in facet.paths:
            _path(field, path, facet, numbers, signed)
        if facet.start is not None:
            field.mark(facet.start, 0.0, "ink", "the unedited model", size=6)
        return canvas.panel()

    return Figure(name, title, description, columns, lambda: [panel(facet) for facet in facets])


def _path(field: Field, path: TradePath, facet: TradeFacet, numbers: Numbers, signed: bool) -> None:
    colour, way = colour_of(path.style), list[tuple[float, float]]()
    if path.start and facet.start is not None:
        way.append((facet.start, 0.0))
    for across, up, strength in path.points:
        price = f"{facet.axis} {words_of(across, numbers, signed=facet.signed)}"
        said = f"{path.name}, {strength}: {words_of(up, numbers, signed=signed)}, {price}"
        field.canvas.say(said)
        x, y = mean_of(across), mean_of(up)
        if x is not None and y is not None:
            way.append((x, y))
            field.interval(across, up, colour, caps=False, lw=1.1, alpha=0.55)
            field.mark(x, y, path.style, said)
    if is_filled(path.style) and len(way) > 1:
        field.line([x for x, _ in way], [y for _, y in way], colour, zorder=2.5)
