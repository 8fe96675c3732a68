"""Histograms on a logarithmic count, with upright lines for bars and means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.report.canvas import Canvas, Field, PanelHead
from valuescope.report.colours import Style, colour_of
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.numbers import grouped
from valuescope.report.scales import SIZE
from valuescope.report.text import text_width

_LEAST, _MOST, _HEIGHT, _MARK_ROW = 330.0, 460.0, 150.0, 13.0


@dataclass(frozen=True)
class Counts:
    """Counts in equal bins over the histogram's domain, drawn over those before it."""

    name: str
    bins: Sequence[int]


@dataclass(frozen=True)
class Histogram:
    """One distribution over `low` to `high`.

    `marks` are (place, label) of upright lines; many of one label (a bar per layer) show it once. `axis` names the
    domain, `unit` what is counted, `note` stands under the title.
    """

    title: str
    low: float
    high: float
    counts: Sequence[Counts]
    axis: str
    unit: str = "neurons"
    marks: Sequence[tuple[float, str]] = ()
    note: str = ""

    def style(self, place: int) -> Style:
        """The look of one of the counts: the first is grey where others stand before it."""
        return "control" if len(self.counts) > 1 and place == 0 else max(0, place - (len(self.counts) > 1))

    def head(self) -> PanelHead:
        """Its head with the sum of each of the counts."""
        sums = [f"{counts.name} (n = {grouped(sum(counts.bins))} {self.unit})" for counts in self.counts]
        return PanelHead(
            self.title, self.note, key=tuple((words, self.style(place)) for place, words in enumerate(sums))
        )


def histograms(name: str, title: str, description: str, facets: Sequence[Histogram]) -> Figure | None:
    """A panel for each histogram that is not empty; None where all are."""
    shown = [facet for facet in facets if any(any(counts.bins) for counts in facet.counts)]
    if not shown:
        return None
    columns = columns_for(len(shown), _LEAST)
    width = width_of(columns, _MOST)
    rows = max(len({label for _, label in facet.marks}) for facet in shown)
    top = max(facet.head().height(width) for facet in shown) + 12 + _MARK_ROW * rows

    def panel(facet: Histogram) -> Panel:
        canvas = Canvas(width, top + _HEIGHT + 36, facet.head())
        most = max(max(counts.bins, default=0) for counts in facet.counts)
        ys = (0.0, math.log10(1 + most) * 1.05)
        field = Field(canvas, (40.0, width - 12), (top + _HEIGHT, top), (facet.low, facet.high), ys)
        field.number_across()
        for count in (0, *(10**power for power in range(int(math.log10(1 + most)) + 1))):
            place = math.log10(1 + count)
            field.rule(place, "solid", "line" if count else "ink", upright=False, lw=0.9, zorder=1)
            canvas.text(35, field.y(place) + 4, grouped(count) if count else "", colour="muted", anchor="end")
        canvas.say(f"{facet.axis}, {facet.unit}")
        for number, counts in enumerate(facet.counts):
            _bins(field, facet, number, counts)
        _marks(field, facet)
        canvas.caption(width / 2 + 14, top + _HEIGHT + 30, facet.axis)
        return canvas.panel()

    words = f"{description} Counts in bins of equal width, on a logarithmic scale.".strip()
    return Figure(name, title, words, columns, lambda: [panel(facet) for facet in shown])


def _bins(field: Field, facet: Histogram, number: int, counts: Counts) -> None:
    step, style = (facet.high - facet.low) / max(1, len(counts.bins)), facet.style(number)
    look = {"alpha": 0.5 if style == "control" else 0.9, "zorder": 2}
    for place, count in enumerate(counts.bins):
        if count:
            start = facet.low + step * place
            said = f"{counts.name}, {start:.3g} to {start + step:.3g}: {grouped(count)}"
            field.canvas.say(said)
            field.box(
                start + step * 0.04, 0, step * 0.92, math.log10(1 + count), colour_of(style), said, **look
            )


def _marks(field: Field, facet: Histogram) -> None:
    """Each line with its label (once), in a row where it has room."""
    ends, seen, width = list[float](), set[str](), field.canvas.width
    for place, label in sorted(facet.marks):
        field.rule(place, "dash", upright=True)
        if label not in seen:
            seen.add(label)
            half = text_width(label, SIZE) / 2
            middle = min(max(field.x(place), half), width - half)
            row = next((row for row, end in enumerate(ends) if middle - half > end + 6), len(ends))
            ends[row : row + 1] = [middle + half]
            field.canvas.text(middle, field.up[1] - 5 - _MARK_ROW * row, label, anchor="middle")
            field.canvas.say(f"{label} at {place:.3g}")
