"""Grouped bars with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valuescope.metrics import Estimate
from valuescope.report.colours import Style, colour_of
from valuescope.report.drawing import SIZE, Canvas, Span, domain_of, ends_of, mean_of
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.numbers import Numbers
from valuescope.report.plots.frame import Head, Point, dashed, holding, number_up, room_for, words_of
from valuescope.report.text import fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    starred = any(any(bars.starred) for facet in facets for bars in facet.series)
    span = holding(domain, ends) if domain else domain_of([end * (1.08 if starred else 1.0) for end in ends])
    signed = domain is None
    least = max(60 + len(f.groups) * (_BAR * len(f.series) + _GAP) for f in facets)
    columns = columns_for(len(facets), max(250.0, least))
    width = max(width_of(columns, max(344.0, least * 1.3)), least)
    heads = [
        Head(f.title, key=tuple((b.name, b.style) for b in f.series) if len(f.series) > 1 else ())
        for f in facets
    ]
    top = max(head.height(width) for head in heads) + 22

    def panel(facet: BarFacet, head: Head) -> Panel:
        slant = room_for(facet.groups, _NAME_ROOM) * 0.72
        left, right, bottom = max(44.0, slant - 10), width - 8, top + _HEIGHT
        canvas = Canvas(width, bottom + slant + 18)
        head.draw(canvas)
        canvas.text(0, top - 8, fitted(axis, width, SIZE), colour="muted")
        field = canvas.axes((left, right), (bottom, top), (-0.5, len(facet.groups) - 0.5), span)
        number_up(canvas, field, left, (bottom, top), signed=signed)
        if reference is not None:
            dashed(canvas, field, reference, upright=False, dotted=True)
        step = (right - left) / len(facet.groups)
        bar = min(_WIDEST, (step - _GAP) / len(facet.series)) / step
        for place, group in enumerate(facet.groups):
            canvas.text(
                left + step * (place + 0.5) + 4,
                bottom + 14,
                fitted(group, _NAME_ROOM, SIZE),
                anchor="end",
                turn=45,
            )
            for number, series in enumerate(facet.series):
                x = place + (number - (len(facet.series) - 1) / 2) * bar
                said = f"{group}, {series.name}: {words_of(series.points[place], numbers, signed=signed)}"
                at = _placed(canvas, left + step * (x + 0.5), span, (bottom, top))
                _bar(canvas, field, series, place, x, bar, span, said, at)
        return Panel(
            facet.title, _said(facet, axis, numbers, signed), width, canvas.height, canvas.finished()
        )

    return Figure(
        name, title, description, columns, lambda: [panel(*pair) for pair in zip(facets, heads, strict=True)]
    )


def _bar(
    canvas: Canvas,
    field: Axes,
    series: Bars,
    place: int,
    x: float,
    width: float,
    span: Span,
    said: str,
    at: _placed,
) -> None:
    point, colour = series.points[place], colour_of(series.style)
    mean = mean_of(point)
    if mean is None:
        canvas.text(at.x, at(max(0.0, span[0])) - 4, "?", colour="muted", anchor="middle")
        return
    hollow = (
        {"fill": False, "linewidth": 1.3, "linestyle": (0, (3, 2))} if series.dashed else {"alpha": _FILL}
    )
    canvas.box(field, (x - width * 0.45, 0), width * 0.9, mean, colour, hint=said, zorder=2, **hollow)
    ends = [mean]
    if isinstance(point, Estimate) and point.low is not None and point.high is not None:
        canvas.whisker(field, (x, point.low), (x, point.high), "ink")
        ends += [point.low, point.high]
    if series.starred and series.starred[place]:
        far = min(ends) if mean < 0 else max(ends)
        canvas.text(at.x, at(far) + (12 if mean < 0 else -3), "★", anchor="middle")


class _placed:  # noqa: N801
    """Where a number of the upright axis is drawn, at a fixed `x`."""

    def __init__(self, canvas: Canvas, x: float, span: Span, up: Span) -> None:
        self.x, self._span, self._up = x, span, up

    def __call__(self, value: float) -> float:
        share = (value - self._span[0]) / (self._span[1] - self._span[0])
        return self._up[0] + share * (self._up[1] - self._up[0])


def _said(facet: BarFacet, axis: str, numbers: Numbers, signed: bool) -> str:
    parts = [
        f"{group}, {series.name}: {words_of(series.points[place], numbers, signed=signed)}"
        + (", starred" if series.starred and series.starred[place] else "")
        for place, group in enumerate(facet.groups)
        for series in facet.series
    ]
    return f"{axis}. {'; '.join(parts)}."
