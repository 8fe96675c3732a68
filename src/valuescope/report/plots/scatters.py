"""Two measures of the same items against each other, with the line where they agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.report.canvas import Canvas, Field, PanelHead
from valuescope.report.colours import colour_of
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.scales import SIZE, Span
from valuescope.report.text import fitted

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
    top = 46.0 + 14 * max(len(facet.words) for facet in shown)
    left, right = 52.0, width - 14
    bottom = top + right - left

    def panel(facet: ScatterFacet, style: int) -> Panel:
        points = facet.present()
        missing = len(facet.points) - len(points)
        words = [f"n = {len(points)}" + (f", {missing} missing" if missing else ""), *facet.words]
        canvas = Canvas(width, bottom + 36, PanelHead(facet.title, style=style))
        canvas.say("; ".join([f"{x_axis} against {y_axis}", *words]))
        for row, line in enumerate(words):
            canvas.text(0, 31 + 14 * row, fitted(line, width, SIZE), colour="muted")
        field = Field(canvas, (left, right), (bottom, top), domain, domain)
        field.number_across()
        field.number_up(about=5)
        field.line(domain, domain, "muted", "dash", lw=1.3)
        _clouds(field, points, domain, colour_of(style))
        canvas.caption((left + right) / 2, bottom + 30, x_axis)
        canvas.text(
            12,
            (top + bottom) / 2,
            fitted(y_axis, right - left, SIZE),
            colour="muted",
            anchor="middle",
            turn=90,
        )
        return canvas.panel()

    return Figure(
        name, title, description, columns, lambda: [panel(facet, place) for place, facet in enumerate(shown)]
    )


def _clouds(field: Field, points: Sequence[tuple[float, float]], domain: Span, colour: str) -> None:
    """A mark for each place that has items, larger where it has more."""
    reach = domain[1] - domain[0]
    bins = Counter(tuple(round((part - domain[0]) / reach * _BINS) for part in point) for point in points)
    most = max(bins.values())
    for place, count in sorted(bins.items(), key=lambda item: (-item[1], item[0])):
        x, y = (domain[0] + reach * part / _BINS for part in place)
        size = max(_SMALLEST, _LARGEST * math.sqrt(count / most)) if most > 1 else 4.8
        hint = field.canvas.hint(f"{x:.3g} and {y:.3g}: {count}")
        field.line(
            [x], [y], colour, "none", marker="o", markersize=size, markeredgewidth=0, alpha=0.6, gid=hint
        )
