"""Figure: how often neurons fire and how evenly over the values, with a locator's bar and what it keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.report.markup import Markup, join, tag
from valuescope.report.numbers import grouped
from valuescope.report.palette import METHOD_COLOURS
from valuescope.report.scale import Scale, x_axis
from valuescope.report.svg import Figure, Panel, fitted, line, rect, text, text_width

_WIDTH = 440.0
_LEFT, _HEIGHT = 40.0, 150.0
_KEY = 16.0
_MARK_ROW = 13.0


@dataclass(frozen=True)
class Counts:
    """Counts in equal bins over the histogram's domain, drawn over those before it."""

    name: str
    bins: tuple[int, ...]


@dataclass(frozen=True)
class Histogram:
    """One distribution: counts over `low` to `high`, on a logarithmic scale since few neurons are kept.

    `marks` are (place, label) of upright lines, such as a bar and a maximum; many of one label (a bar per layer) show it
    once. `axis` names the domain, `unit` what is counted, `note` stands under the title.
    """

    title: str
    low: float
    high: float
    counts: tuple[Counts, ...]
    axis: str
    unit: str = "neurons"
    marks: tuple[tuple[float, str], ...] = ()
    note: str = ""


def distribution_figure(
    histograms: Sequence[Histogram],
    *,
    name: str = "firing",
    title: str = "How often neurons fire, and how evenly over the values",
    description: str = "",
) -> Figure | None:
    """One panel for each histogram; None where all are empty."""
    shown = [one for one in histograms if any(any(counts.bins) for counts in one.counts)]
    if not shown:
        return None
    words = "Counts in bins of equal width, on a logarithmic scale; the dashed lines are named above them."
    return Figure(name, title, f"{description} {words}".strip(), tuple(_panel(one) for one in shown))


def _panel(shown: Histogram) -> Panel:
    right = _WIDTH - 10
    across = Scale(shown.low, shown.high, _LEFT, right)
    parts: list[Markup] = [text(0, 14, fitted(shown.title, _WIDTH, 13), "head")]
    y = 31.0
    if shown.note:
        parts.append(text(0, y, fitted(shown.note, _WIDTH), "muted"))
        y += _KEY
    x = 0.0
    for index, counts in enumerate(shown.counts):
        label = f"{counts.name} (n = {grouped(sum(counts.bins))} {shown.unit})"
        width = 30 + text_width(label, 11)
        if x > 0 and x + width > _WIDTH:
            x, y = 0.0, y + _KEY
        parts.append(rect(x + 1, y - 9, 10, 10, _style(index, len(shown.counts))))
        parts.append(text(x + 16, y, fitted(label, _WIDTH - 16), "muted"))
        x += width
    marks, rows = _marks(shown, across)
    top = y + 20 + _MARK_ROW * rows
    bottom = top + _HEIGHT
    most = max(max(counts.bins, default=0) for counts in shown.counts)
    up = Scale(0.0, math.log10(1 + most) * 1.05, bottom, top)
    parts.append(x_axis(across, top, bottom))
    parts.append(_count_axis(up, most, right))
    said = list[str]()
    for index, counts in enumerate(shown.counts):
        step = (shown.high - shown.low) / max(1, len(counts.bins))
        for place, count in enumerate(counts.bins):
            if count:
                start, end = across(shown.low + step * place), across(shown.low + step * (place + 1))
                high = up(math.log10(1 + count))
                span = f"{shown.low + step * place:.3g} to {shown.low + step * (place + 1):.3g}"
                hint = f"{counts.name}, {span}: {grouped(count)}"
                bar = rect(
                    start + 0.4, high, end - start - 0.8, bottom - high, _style(index, len(shown.counts))
                )
                parts.append(tag("g", tag("title", hint), bar))
                said.append(hint)
    for at, label, row in marks:
        parts.append(line(across(at), top - 4 - _MARK_ROW * row, across(at), bottom, "s-ink dash"))
        if label:
            half = text_width(label, 11) / 2
            middle = min(max(across(at), half), _WIDTH - half - 6)
            parts.append(text(middle, top - 8 - _MARK_ROW * row, label, "mid halo"))
    parts.append(text((_LEFT + right) / 2, bottom + 30, fitted(shown.axis, right - _LEFT), "mid muted"))
    said += [f"{label} at {at:.3g}" for at, label, _ in marks if label]
    about = f"{shown.title}. {shown.note + '. ' if shown.note else ''}{shown.axis}, {shown.unit}"
    return Panel(shown.title, f"{about}. {'; '.join(said)}.", _WIDTH, bottom + 38, join(parts))


def _style(index: int, of: int) -> str:
    """The last counts in colour, those under them grey; several colours where there are more."""
    return (
        "f-control faint"
        if of > 1 and index == 0
        else f"f-m{(index if of == 1 else index - 1) % METHOD_COLOURS}"
    )


def _marks(shown: Histogram, across: Scale) -> tuple[list[tuple[float, str, int]], int]:
    """Each line with its label (once) and the row it stands in, so that none overlap; and the number of rows."""
    placed, ends, seen = list[tuple[float, str, int]](), list[float](), set[str]()
    for place, label in sorted(shown.marks):
        if label in seen:
            placed.append((place, "", 0))
            continue
        seen.add(label)
        half = text_width(label, 11) / 2
        middle = min(max(across(place), half), _WIDTH - half - 6)
        row = next((row for row, end in enumerate(ends) if middle - half > end + 6), len(ends))
        ends[row : row + 1] = [middle + half]
        placed.append((place, label, row))
    return placed, len(ends)


def _count_axis(up: Scale, most: int, right: float) -> Markup:
    """Lines at 1, 10, 100 ... with their numbers."""
    parts = [line(_LEFT, up(0.0), right, up(0.0), "zero")]
    for power in range(int(math.log10(1 + most)) + 1):
        y = up(math.log10(1 + 10**power))
        if 10**power <= most:
            parts.append(line(_LEFT, y, right, y, "grid"))
            parts.append(text(_LEFT - 5, y + 3.8, grouped(10**power), "end muted num"))
    return join(parts)
