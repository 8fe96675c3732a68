"""Points and the scales that hold them: domains, round numbers, and how wide their words are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from valuescope.metrics import Estimate
from valuescope.report.numbers import MINUS, Numbers, sample
from valuescope.report.text import text_width

Span: TypeAlias = tuple[float, float]
Point: TypeAlias = Estimate | float | str | None
"""A number; None where it is missing; words where there can be none."""
SIZE = 11.0
"""The size of text in a drawing."""


def room_for(names: Iterable[str], most: float) -> float:
    """How wide a column of names is."""
    return min(most, max((text_width(name, SIZE) for name in names), default=0.0) * 1.03)


def words_of(point: Point, numbers: Numbers, *, signed: bool) -> str:
    """A point in words: its mean, interval and n."""
    if isinstance(point, str):
        return point
    if isinstance(point, Estimate):
        return f"{numbers.full(point, signed=signed)} {sample(point)}".strip()
    return numbers.signed(point) if signed else numbers.plain(point)


def mean_of(point: Point) -> float | None:
    """The mean of a point; None where there is none."""
    if isinstance(point, str):
        return None
    return point.mean if isinstance(point, Estimate) else point


def ends_of(points: Iterable[Point]) -> list[float]:
    """Every mean and end of an interval, to size a scale by."""
    ends: list[float | None] = []
    for point in points:
        ends += [point.mean, point.low, point.high] if isinstance(point, Estimate) else [mean_of(point)]
    return [end for end in ends if end is not None and math.isfinite(end)]


def domain_of(ends: Sequence[float], *, zero: bool = True, fixed: Span | None = None) -> Span:
    """A domain that holds all ends with a margin, and 0 where asked; a `fixed` one is widened where it must be."""
    if fixed:
        return min([fixed[0], *ends]), max([fixed[1], *ends])
    ends = [*ends, 0.0] if zero else list(ends)
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    if high - low < 1e-12:
        room = max(abs(high) * 0.1, 0.1 if high == 0 else 0.0)
        return low - room, high + room
    room = (high - low) * 0.06
    return low - (room if low < 0 or not zero else 0.0), high + (room if high > 0 or not zero else 0.0)


def ticks_of(domain: Span, about: int, *, signed: bool = False) -> list[tuple[float, str]]:
    """Round numbers within a domain, `about` of them at most, with what is written at each."""
    from matplotlib.ticker import MaxNLocator

    places = MaxNLocator(nbins=max(1, about), steps=[1, 2, 2.5, 5, 10]).tick_values(min(domain), max(domain))
    places = [float(place) for place in places if min(domain) - 1e-9 <= place <= max(domain) + 1e-9]
    step = places[1] - places[0] if len(places) > 1 else abs(places[0]) if places else 1.0
    digits = next(
        (digits for digits in range(9) if abs(step * 10**digits - round(step * 10**digits)) < 1e-6), 9
    )
    return [(place, _tick_words(place, digits, signed=signed)) for place in places]


def _tick_words(place: float, digits: int, *, signed: bool) -> str:
    words = f"{abs(place):.{digits}f}"
    return ((MINUS if place < 0 else "+" if signed else "") + words) if float(words) else "0"
