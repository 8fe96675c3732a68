"""Scales and axes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from valuescope.metrics import Estimate
from valuescope.report.markup import Markup, join
from valuescope.report.numbers import MINUS
from valuescope.report.svg import line, text, text_width


@dataclass(frozen=True)
class Scale:
    """A straight map from [low, high] to [start, end] in units of the drawing; outside is clipped."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where `value` is drawn."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Round numbers within the domain, about `about` of them."""
        step = _round_step((self.high - self.low) / max(about, 1))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]

    def moved(self, start: float, end: float) -> Scale:
        """The same domain drawn elsewhere."""
        return Scale(self.low, self.high, start, end)


def scale_over(values: Iterable[float], start: float, end: float, *, zero: bool = True) -> Scale:
    """A scale whose domain holds all values with a margin, and 0 where asked."""
    found = [*values, 0.0] if zero else list(values)
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    if high - low < 1e-12:
        room = max(abs(high) * 0.1, 0.1 if not found or high == 0 else 0.0)
        return Scale(low - room, high + room, start, end)
    room = (high - low) * 0.05
    return Scale(
        low - (room if low < 0 or not zero else 0.0),
        high + (room if high > 0 or not zero else 0.0),
        start,
        end,
    )


def spans(estimates: Iterable[Estimate | None]) -> list[float]:
    """Every mean and end of interval, to size a scale by."""
    found: list[float] = []
    for estimate in estimates:
        if estimate is not None:
            found += [end for end in (estimate.mean, estimate.low, estimate.high) if end is not None]
    return found


def labelled(ticks: list[float], *, signed: bool = False) -> list[tuple[float, str]]:
    """Each tick with its number."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0]) if ticks else 0.0
    return [(tick, _tick_label(tick, step, signed=signed)) for tick in ticks]


def _tick_label(value: float, step: float, *, signed: bool) -> str:
    """A tick's number with as many decimals as its step needs."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    if step > 0 and abs(step * 10**digits - round(step * 10**digits)) > 1e-6:
        digits += 1
    shown = f"{abs(value):.{digits}f}"
    if not float(shown):
        return "0"
    return (MINUS if value < 0 else "+" if signed else "") + shown


def x_axis(scale: Scale, top: float, bottom: float, *, about: int = 5, signed: bool = False) -> Markup:
    """Vertical grid lines from `top` to `bottom` with numbers below; the line at 0 is strong."""
    ticks = labelled(scale.ticks(about), signed=signed)
    while about > 1 and len(ticks) > 1 and not _fit([(scale(tick), shown) for tick, shown in ticks]):
        about -= 1
        ticks = labelled(scale.ticks(about), signed=signed)
    parts = []
    for tick, shown in ticks:
        x = scale(tick)
        parts.append(line(x, top, x, bottom, "zero" if abs(tick) < 1e-12 else "grid"))
        parts.append(text(x, bottom + 13, shown, "mid muted num"))
    return join(parts)


def y_axis(scale: Scale, left: float, right: float, *, about: int = 4, signed: bool = False) -> Markup:
    """Horizontal grid lines from `left` to `right` with numbers on the left; the line at 0 is strong."""
    parts = []
    for tick, shown in labelled(scale.ticks(about), signed=signed):
        y = scale(tick)
        parts.append(line(left, y, right, y, "zero" if abs(tick) < 1e-12 else "grid"))
        parts.append(text(left - 5, y + 3.8, shown, "end muted num"))
    return join(parts)


def _fit(places: list[tuple[float, str]]) -> bool:
    """Whether labels centred at these places leave gaps between them."""
    edges = [(x - text_width(shown, 11) / 2, x + text_width(shown, 11) / 2) for x, shown in places]
    return all(after[0] - before[1] >= 6 for before, after in pairwise(edges))


def _round_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5, 5 or 10 times a power of ten that is at least `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 2.5, 5.0):
        if factor * power >= rough * (1 - 1e-9):
            return factor * power
    return 10.0 * power
