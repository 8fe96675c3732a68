"""Two measures of the same items against each other, with the line where they agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valuescope.report.colours import colour_of
from valuescope.report.drawing import SIZE, Canvas, Span
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.plots.frame import Head, caption, number_across, number_up
from valuescope.report.text import fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST, _MOST = 260.0, 344.0
_BINS = 40  # places per side: items nearer than this are drawn as one larger mark
_LARGEST, _SMALLEST = 16.0, 3.6


@dataclass(frozen=True)
class ScatterFacet:
    """Pairs of measures, None where missing; `words` are lines above them, such as a correlation."""

    title: str
    points: Sequence[tuple[float | None, float | None]]
    words: Sequence[str] = ()

    def present(self) -> list[tuple[float, float]]:
        """The pairs that have both."""
        return [(x, y) for x, y in self.points if x is not None and y is not None]


def scatters(
    name: str,
    title: str,
    description: str,
    facets: Sequence[ScatterFacet],
    *,
    x_axis: str,
    y_axis: str,
    domain: Span = (0.0, 100.0),
) -> Figure | None:
    """A square panel for each facet, one domain on both axes; None where no item has both measures."""
    shown = [facet for facet in facets if facet.present()]
    if not shown:
        return None
    columns = columns_for(len(shown), _LEAST)
    width = width_of(columns, _MOST)
    top = 24 + 14 * (1 + max(len(facet.words) for facet in shown)) + 8

    def panel(facet: ScatterFacet, style: int) -> Panel:
        points, left, right = facet.present(), 52.0, width - 14
        bottom = top + right - left
        canvas = Canvas(width, bottom + 36)
        Head(facet.title, style=style).draw(canvas)
        missing = len(facet.points) - len(points)
        words = [f"n = {len(points)}" + (f", {missing} missing" if missing else ""), *facet.words]
        for row, line in enumerate(words):
            canvas.text(0, 31 + 14 * row, fitted(line, width, SIZE), colour="muted")
        field = canvas.axes((left, right), (bottom, top), domain, domain)
        number_across(canvas, field, (left, right), bottom)
        number_up(canvas, field, left, (bottom, top), about=5)
        canvas.line(field, domain, domain, "muted", lw=1.3, linestyle=(0, (4, 3)))
        reach = domain[1] - domain[0]
        places = Counter((_middle(x, domain), _middle(y, domain)) for x, y in points)
        most = max(places.values())
        for (x, y), count in sorted(places.items(), key=lambda item: (-item[1], item[0])):
            size = max(_SMALLEST, _LARGEST * math.sqrt(count / most)) if most > 1 else 4.8
            shown_x, shown_y = (f"{part:.{0 if reach >= 10 else 2}f}" for part in (x, y))
            _circle(canvas, field, x, y, size, colour_of(style), f"{shown_x} and {shown_y}: {count}")
        caption(canvas, (left + right) / 2, bottom + 30, x_axis)
        side = fitted(y_axis, right - left, SIZE)
        canvas.text(12, (top + bottom) / 2, side, colour="muted", anchor="middle", turn=90)
        return Panel(
            facet.title,
            f"{x_axis} against {y_axis}. {'; '.join(words)}.",
            width,
            bottom + 36,
            canvas.finished(),
        )

    return Figure(
        name, title, description, columns, lambda: [panel(facet, place) for place, facet in enumerate(shown)]
    )


def _middle(value: float, domain: Span) -> float:
    """The middle of the place that a number is drawn in."""
    reach = domain[1] - domain[0]
    return domain[0] + reach * round((value - domain[0]) / reach * _BINS) / _BINS


def _circle(canvas: Canvas, field: Axes, x: float, y: float, size: float, colour: str, hint: str) -> None:
    canvas.line(
        field,
        [x],
        [y],
        colour,
        linestyle="none",
        marker="o",
        markersize=size,
        markeredgewidth=0,
        alpha=0.6,
        gid=canvas.hint(hint),
    )
