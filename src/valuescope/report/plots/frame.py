"""What charts have in common: the head of a panel with its key, and axes with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from valuescope.metrics import Estimate
from valuescope.report.colours import Style, colour_of
from valuescope.report.drawing import HEAD, SIZE, Canvas, Span, ticks_of
from valuescope.report.numbers import Numbers, sample
from valuescope.report.text import fitted, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point: TypeAlias = Estimate | float | None
_KEY_ROW = 16.0


@dataclass(frozen=True)
class Head:
    """Title, a line below it, and a key of (name, style) in rows; all panels of a figure leave it `height`."""

    title: str
    subtitle: str = ""
    style: Style = "ink"
    key: tuple[tuple[str, Style], ...] = ()

    def rows(self, width: float) -> list[list[tuple[float, str, Style]]]:
        """The key in rows that fit: (x, name, style)."""
        rows, x = list[list[tuple[float, str, Style]]](), width
        for name, style in self.key:
            room = 30 + text_width(name, SIZE)
            if x + room - 16 > width:
                rows.append([])
                x = 0.0
            rows[-1].append((x, name, style))
            x += room
        return rows

    def height(self, width: float) -> float:
        """How much room it takes."""
        return 20 + _KEY_ROW * (bool(self.subtitle) + len(self.rows(width)))

    def draw(self, canvas: Canvas, left: float = 0.0) -> None:
        """Draw it from `left` to the right end of the drawing."""
        room = canvas.width - left
        canvas.text(
            left,
            14,
            fitted(self.title, room, HEAD * 1.04),
            size=HEAD,
            colour=colour_of(self.style),
            bold=True,
        )
        y = 31.0
        if self.subtitle:
            canvas.text(left, y, fitted(self.subtitle, room, SIZE), colour="muted")
            y += _KEY_ROW
        for row in self.rows(room):
            for x, name, style in row:
                canvas.mark(canvas.sheet, left + x + 5, y - 4, style)
                canvas.text(left + x + 14, y, fitted(name, room - x - 14, SIZE), colour="muted")
            y += _KEY_ROW


def room_for(names: Sequence[str], most: float) -> float:
    """How wide a column of names is."""
    return min(most, max((text_width(name, SIZE) for name in names), default=0.0) * 1.03)


def caption(canvas: Canvas, middle: float, y: float, words: str) -> None:
    """The name of a level axis as near its middle as the drawing has room for."""
    written = fitted(words, canvas.width, SIZE)
    half = text_width(written, SIZE) / 2
    canvas.text(min(max(middle, half), canvas.width - half), y, written, colour="muted", anchor="middle")


def holding(domain: Span, ends: Sequence[float]) -> Span:
    """A domain, widened where something lies beyond it."""
    return min([domain[0], *ends]), max([domain[1], *ends])


def words_of(point: Point, numbers: Numbers, *, signed: bool) -> str:
    """A point in words: its mean, interval and n."""
    if isinstance(point, Estimate):
        return f"{numbers.full(point, signed=signed)} {sample(point)}".strip()
    return numbers.signed(point) if signed else numbers.plain(point)


def number_across(
    canvas: Canvas, field: Axes, across: Span, y: float, *, signed: bool = False, about: int = 6
) -> None:
    """Upright grid lines with numbers below, as many as have room; the line at 0 is strong."""
    domain = field.get_xlim()
    per_unit = (across[1] - across[0]) / (domain[1] - domain[0])
    for most in range(about, 0, -1):
        ticks = ticks_of(domain, most, signed=signed)
        widest = max((text_width(words, SIZE) for _, words in ticks), default=0.0) + 8
        if len(ticks) < 2 or (ticks[1][0] - ticks[0][0]) * per_unit >= widest:
            break
    for place, words in ticks:
        _grid_line(canvas, field, place, upright=True)
        canvas.text(
            across[0] + (place - domain[0]) * per_unit, y + 14, words, colour="muted", anchor="middle"
        )


def number_up(
    canvas: Canvas,
    field: Axes,
    left: float,
    up: Span,
    *,
    signed: bool = False,
    about: int = 4,
    label: bool = False,
) -> None:
    """Level grid lines with numbers at the left; the line at 0 is strong."""
    domain = field.get_ylim()
    for place, words in ticks_of(domain, about, signed=signed):
        _grid_line(canvas, field, place, upright=False)
        y = up[0] + (place - domain[0]) / (domain[1] - domain[0]) * (up[1] - up[0])
        canvas.text(left - 5, y + 3.8, words, colour="muted", anchor="end", label=label)


def _grid_line(canvas: Canvas, field: Axes, place: float, *, upright: bool) -> None:
    zero = abs(place) < 1e-12
    ends, fixed = (field.get_ylim() if upright else field.get_xlim()), (place, place)
    xs, ys = (fixed, ends) if upright else (ends, fixed)
    canvas.line(field, xs, ys, "ink" if zero else "line", lw=1.1 if zero else 0.9, zorder=1)


def dashed(
    canvas: Canvas, field: Axes, place: float, *, upright: bool, dotted: bool = False, colour: str = "ink"
) -> None:
    """A dashed or dotted line across a field."""
    ends, fixed = (field.get_ylim() if upright else field.get_xlim()), (place, place)
    xs, ys = (fixed, ends) if upright else (ends, fixed)
    canvas.line(field, xs, ys, colour, lw=1.3, linestyle=(0, (1.2, 2.4) if dotted else (4, 3)), zorder=1.5)
