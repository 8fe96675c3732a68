"""Histograms on a logarithmic count, with upright lines for bars and means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.report.colours import Style, colour_of
from valuescope.report.drawing import SIZE, Canvas
from valuescope.report.figure import Figure, Panel, columns_for, width_of
from valuescope.report.numbers import grouped
from valuescope.report.plots.frame import Head, caption, dashed, number_across
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

    def key(self) -> tuple[tuple[str, Style], ...]:
        """Each of the counts with its sum: the first grey where others stand before it."""
        return tuple(
            (f"{counts.name} (n = {grouped(sum(counts.bins))} {self.unit})", self.style(place))
            for place, counts in enumerate(self.counts)
        )

    def style(self, place: int) -> Style:
        """The look of one of the counts."""
        return "control" if len(self.counts) > 1 and place == 0 else max(0, place - (len(self.counts) > 1))


def histograms(name: str, title: str, description: str, facets: Sequence[Histogram]) -> Figure | None:
    """A panel for each histogram that is not empty; None where all are."""
    shown = [facet for facet in facets if any(any(counts.bins) for counts in facet.counts)]
    if not shown:
        return None
    columns = columns_for(len(shown), _LEAST)
    width = width_of(columns, _MOST)
    heads = [Head(facet.title, facet.note, key=facet.key()) for facet in shown]
    marks = [_marks(facet, width) for facet in shown]
    top = max(
        h.height(width) + 12 + _MARK_ROW * max((m[2] + 1 for m in ms), default=0)
        for h, ms in zip(heads, marks, strict=True)
    )

    def panel(facet: Histogram, head: Head, lines: list[tuple[float, str, int]]) -> Panel:
        left, right, bottom = 40.0, width - 12, top + _HEIGHT
        canvas = Canvas(width, bottom + 36)
        head.draw(canvas)
        most = max(max(counts.bins, default=0) for counts in facet.counts)
        span = (0.0, math.log10(1 + most) * 1.05)
        field = canvas.axes((left, right), (bottom, top), (facet.low, facet.high), span)
        number_across(canvas, field, (left, right), bottom)
        for power in range(int(math.log10(1 + most)) + 1):
            place = math.log10(1 + 10**power)
            canvas.line(field, (facet.low, facet.high), (place, place), "line", lw=0.9, zorder=1)
            canvas.text(
                left - 5,
                bottom - _HEIGHT * place / span[1] + 4,
                grouped(10**power),
                colour="muted",
                anchor="end",
            )
        canvas.line(field, (facet.low, facet.high), (0, 0), "ink", lw=1.1, zorder=1)
        said = list[str]()
        for number, counts in enumerate(facet.counts):
            step = (facet.high - facet.low) / max(1, len(counts.bins))
            colour, faint = colour_of(facet.style(number)), facet.style(number) == "control"
            for place, count in enumerate(counts.bins):
                if count:
                    start = facet.low + step * place
                    said.append(f"{counts.name}, {start:.3g} to {start + step:.3g}: {grouped(count)}")
                    canvas.box(
                        field,
                        (start + step * 0.04, 0),
                        step * 0.92,
                        math.log10(1 + count),
                        colour,
                        hint=said[-1],
                        alpha=0.5 if faint else 0.9,
                        zorder=2,
                    )
        for place, label, row in lines:
            dashed(canvas, field, place, upright=True)
            if label:
                half = text_width(label, SIZE) / 2
                x = left + (place - facet.low) / (facet.high - facet.low) * (right - left)
                canvas.text(
                    min(max(x, half), width - half), top - 5 - _MARK_ROW * row, label, anchor="middle"
                )
        caption(canvas, (left + right) / 2, bottom + 30, facet.axis)
        said += [f"{label} at {place:.3g}" for place, label, _ in lines if label]
        about = f"{facet.note + '. ' if facet.note else ''}{facet.axis}, {facet.unit}"
        return Panel(facet.title, f"{about}. {'; '.join(said)}.", width, bottom + 36, canvas.finished())

    return Figure(
        name,
        title,
        f"{description} Counts in bins of equal width, on a logarithmic scale.".strip(),
        columns,
        lambda: [panel(*parts) for parts in zip(shown, heads, marks, strict=True)],
    )


def _marks(facet: Histogram, width: float) -> list[tuple[float, str, int]]:
    """Each line with its label (once) and the row it stands in, so that none overlap."""
    placed, ends, seen = list[tuple[float, str, int]](), list[float](), set[str]()
    for place, label in sorted(facet.marks):
        if label in seen:
            placed.append((place, "", 0))
            continue
        seen.add(label)
        half = text_width(label, SIZE) / 2
        x = 40 + (place - facet.low) / (facet.high - facet.low) * (width - 52)
        middle = min(max(x, half), width - half)
        row = next((row for row, end in enumerate(ends) if middle - half > end + 6), len(ends))
        ends[row : row + 1] = [middle + half]
        placed.append((place, label, row))
    return placed
