"""What charts draw on: a sheet with a head and fields that have scales, in units of CSS pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.metrics import Estimate
from valuescope.report.colours import Style, colour_of, is_filled, shape_of
from valuescope.report.drawing import cleaned, stand_in
from valuescope.report.figure import Panel
from valuescope.report.scales import SIZE, Point, Span, mean_of, ticks_of
from valuescope.report.text import fitted, text_width, visible

SMALL, TITLE = 9.5, 13.0
_ROW = 16.0
_MARKERS = {"circle": ("o", 1.0), "square": ("s", 0.9), "triangle": ("^", 1.12), "diamond": ("D", 0.88)}
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}
_DASHES = {"solid": "-", "dash": (0, (4, 3)), "dot": (0, (1.2, 2.4))}


@dataclass(frozen=True)
class PanelHead:
    """Title, a line below it, and a key of (name, style) in rows."""

    title: str
    note: str = ""
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
        return 20 + _ROW * (bool(self.note) + len(self.rows(width)))


class Canvas:
    """A drawing of `width` by `height` with its head from `indent` to the right; y counts from the top."""

    def __init__(self, width: float, height: float, head: PanelHead, indent: float = 0.0) -> None:
        from matplotlib.figure import Figure

        self.width, self.height, self.title = width, height, head.title
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        self.figure.patch.set_visible(False)
        self._hints: list[str] = []
        self._said: list[str] = [head.note] if head.note else []
        self.sheet = Field(self, (0.0, width), (height, 0.0), (0.0, width), (height, 0.0))
        self.sheet.axes.set_zorder(5)
        room = width - indent
        self.text(
            indent,
            14,
            fitted(head.title, room, TITLE * 1.04),
            size=TITLE,
            colour=colour_of(head.style),
            bold=True,
        )
        self.text(indent, 31, fitted(head.note, room, SIZE), colour="muted")
        for number, row in enumerate(head.rows(room)):
            y = 31 + _ROW * (number + bool(head.note))
            for x, name, style in row:
                self.sheet.mark(indent + x + 5, y - 4, style)
                self.text(indent + x + 14, y, fitted(name, room - x - 14, SIZE), colour="muted")

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = SIZE,
        colour: str = "ink",
        anchor: str = "start",
        bold: bool = False,
        turn: float = 0.0,
        label: bool = False,
    ) -> None:
        """Text whose line stands at (x, y). A `label` names what a neighbour at the left names too."""
        if not words:
            return
        look: dict[str, Any] = {
            "color": stand_in(colour),
            "rotation": turn,
            "rotation_mode": "anchor",
            "clip_on": False,
        }
        look |= {"ha": _ANCHORS[anchor], "fontsize": size, "fontweight": "bold" if bold else "normal"}
        self.sheet.axes.text(x, y, visible(words), gid="label" if label else None, **look)

    def caption(self, middle: float, y: float, words: str) -> None:
        """The name of a level axis, as near its middle as the drawing has room for."""
        written = fitted(words, self.width, SIZE)
        half = text_width(written, SIZE) / 2
        self.text(min(max(middle, half), self.width - half), y, written, colour="muted", anchor="middle")

    def say(self, words: str) -> None:
        """Keep `words` for the drawing's description."""
        self._said.append(visible(words))

    def hint(self, words: str) -> str | None:
        """The name of a group that shows `words` under the pointer."""
        if not words:
            return None
        self._hints.append(visible(words))
        return f"hint:{len(self._hints) - 1}"

    def panel(self, labels: float = 0.0) -> Panel:
        """The finished drawing; `labels` is how wide the labels are that a neighbour at the left has too."""
        words = "; ".join(self._said) + "."
        return Panel(self.title, words, self.width, self.height, cleaned(self.figure, self._hints), labels)


class Field:
    """The part of a canvas from `across[0]` to `across[1]` and from `up[0]` (below) to `up[1]`, with two scales."""

    def __init__(
        self, canvas: Canvas, across: Span, up: Span, xs: Span, ys: Span, *, log: bool = False
    ) -> None:
        self.canvas, self.across, self.up, self.xs, self.ys = canvas, across, up, xs, ys
        self._scale = math.log if log else float
        wide, high = canvas.width, canvas.height
        place = (across[0] / wide, 1 - up[0] / high, (across[1] - across[0]) / wide, (up[0] - up[1]) / high)
        self.axes = canvas.figure.add_axes(place, xlim=xs, ylim=ys, xscale="log" if log else "linear")
        self.axes.set_axis_off()

    def x(self, value: float) -> float:
        """Where a number of the level axis is on the sheet."""
        low, high = map(self._scale, self.xs)
        return self.across[0] + (self._scale(value) - low) / (high - low) * (self.across[1] - self.across[0])

    def y(self, value: float) -> float:
        """Where a number of the upright axis is on the sheet."""
        return self.up[0] + (value - self.ys[0]) / (self.ys[1] - self.ys[0]) * (self.up[1] - self.up[0])

    def line(
        self, xs: Sequence[float], ys: Sequence[float], colour: str, kind: str = "solid", **look: Any
    ) -> None:
        """A line through points: "solid", "dash" or "dot"."""
        from matplotlib.lines import Line2D

        look = {
            "lw": 1.6,
            "solid_capstyle": "butt",
            "linestyle": _DASHES.get(kind, kind),
            "clip_on": False,
            **look,
        }
        self.axes.add_artist(Line2D(xs, ys, color=stand_in(colour), **look))

    def rule(self, place: float, kind: str, colour: str = "ink", *, upright: bool, **look: Any) -> None:
        """A line right across the field."""
        fixed, ends = (place, place), self.ys if upright else self.xs
        self.line(
            *((fixed, ends) if upright else (ends, fixed)), colour, kind, **{"lw": 1.3, "zorder": 1.5, **look}
        )

    def mark(
        self, x: float, y: float, style: Style, hint: str = "", *, size: float = 7.5, filled: bool = True
    ) -> None:
        """The mark of a style; `hint` shows under the pointer."""
        (marker, scale), ink, full = (
            _MARKERS[shape_of(style)],
            stand_in(colour_of(style)),
            filled and is_filled(style),
        )
        look: dict[str, Any] = {
            "markersize": size * scale * (1 if is_filled(style) else 0.85),
            "markeredgecolor": ink,
            "zorder": 4,
        }
        look |= {
            "markerfacecolor": ink if full else stand_in("paper"),
            "markeredgewidth": 0.6 if full else 1.5,
        }
        self.line([x], [y], colour_of(style), "none", marker=marker, gid=self.canvas.hint(hint), **look)

    def interval(self, x: Point, y: Point, colour: str, *, caps: bool = True, **look: Any) -> None:
        """The interval of whichever of `x` and `y` is an estimate, through the mean of the other."""
        for point, upright in ((x, False), (y, True)):
            if isinstance(point, Estimate) and point.ci is not None:
                middle = mean_of(x if upright else y) or 0.0
                xs, ys = ((middle, middle), point.ci) if upright else (point.ci, (middle, middle))
                tips = {"marker": "_" if upright else "|", "markersize": 6, "markeredgewidth": 1.4}
                self.line(xs, ys, colour, **{"zorder": 3, **(tips if caps else {}), **look})

    def box(
        self, x: float, y: float, width: float, height: float, colour: str, hint: str = "", **look: Any
    ) -> None:
        """A rectangle: filled, or its outline where `fill` is False; `edge` is the colour of its edge."""
        from matplotlib.patches import Rectangle

        paint: dict[str, Any] = {"linewidth": 0, "gid": self.canvas.hint(hint), "clip_on": False, **look}
        paint["edgecolor" if look.get("fill") is False else "facecolor"] = stand_in(colour)
        if "edge" in paint:
            paint["edgecolor"] = stand_in(paint.pop("edge"))
        self.axes.add_artist(Rectangle((x, y), width, height, **paint))

    def shape(self, corners: Sequence[tuple[float, float]], colour: str, **look: Any) -> None:
        """A filled shape."""
        from matplotlib.patches import Polygon

        self.axes.add_artist(Polygon(corners, facecolor=stand_in(colour), linewidth=0, clip_on=False, **look))

    def number_across(self, *, signed: bool = False, about: int = 6) -> None:
        """Upright grid lines with numbers below, as many as have room; the line at 0 is strong."""
        for most in range(about, 0, -1):
            ticks = ticks_of(self.xs, most, signed=signed)
            widest = max((text_width(words, SIZE) for _, words in ticks), default=0.0) + 8
            if len(ticks) < 2 or self.x(ticks[1][0]) - self.x(ticks[0][0]) >= widest:
                break
        for place, words in ticks:
            self._grid(place, upright=True)
            self.canvas.text(self.x(place), self.up[0] + 14, words, colour="muted", anchor="middle")

    def number_up(self, *, signed: bool = False, about: int = 4) -> None:
        """Level grid lines with numbers at the left; the line at 0 is strong."""
        for place, words in ticks_of(self.ys, about, signed=signed):
            self._grid(place, upright=False)
            self.canvas.text(self.across[0] - 5, self.y(place) + 3.8, words, colour="muted", anchor="end")

    def _grid(self, place: float, *, upright: bool) -> None:
        zero = abs(place) < 1e-12
        self.rule(
            place, "solid", "ink" if zero else "line", upright=upright, lw=1.1 if zero else 0.9, zorder=1
        )
