"""One panel drawn with matplotlib and cleaned: text stays text, colours keep their names, no ids are left.

Matplotlib writes every colour as it is given, so each name of the palette is drawn as a colour that stands for
it; the page puts `var(--name)` in its place and a file of its own the light colour. Marker definitions are put
where they are used, and clip paths, metadata and ids are dropped. So nothing in a drawing refers to anything,
and drawings may stand in a page in any number. Widths of text come from `text_width` and from matplotlib's own
font, so that the bytes do not depend on the fonts of a machine.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from valuescope.metrics import Estimate
from valuescope.report.colours import LIGHT, Style, colour_of, is_filled, shape_of
from valuescope.report.numbers import MINUS
from valuescope.report.text import visible

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from matplotlib.axes import Axes

Span = tuple[float, float]
SIZE, SMALL, HEAD = 11.0, 9.5, 13.0
"""Sizes of text in units of the drawing."""
_NAMES = list(LIGHT)
_STAND_INS = {f"#fe01{place:02x}": name for place, name in enumerate(_NAMES)}
_MARKERS = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D"}
_MARKER_SIZES = {"circle": 1.0, "square": 0.9, "triangle": 1.12, "diamond": 0.88}
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "valuescope",
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "path.simplify": False,
    "hatch.linewidth": 0.8,
}


def stand_in(name: str) -> str:
    """The colour that stands for a name of the palette while matplotlib draws."""
    return f"#fe01{_NAMES.index(name):02x}"


class Canvas:
    """A drawing of `width` by `height` units (CSS pixels at its natural size); y counts from the top."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        self._figure.patch.set_visible(False)
        self._hints: list[str] = []
        self.sheet = self.axes((0.0, width), (height, 0.0), (0.0, width), (height, 0.0))
        self.sheet.set_zorder(5)

    def axes(self, across: Span, up: Span, x: Span, y: Span, *, log: bool = False) -> Axes:
        """A bare field from `across[0]` to `across[1]` and `up[0]` (its bottom) to `up[1]`, with domains `x` and `y`."""
        width, height = self.width, self.height
        corner = (across[0] / width, 1 - up[0] / height)
        field = self._figure.add_axes((*corner, (across[1] - across[0]) / width, (up[0] - up[1]) / height))
        field.patch.set_visible(False)
        for spine in field.spines.values():
            spine.set_visible(False)
        if log:
            field.set_xscale("log")
        field.set(xlim=x, ylim=y, xticks=[], yticks=[])
        field.minorticks_off()
        return field

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
        field: Axes | None = None,
    ) -> None:
        """Text whose line stands at (x, y) of the sheet, or of `field` about its middle.

        A `label` names what a neighbour at the left names too.
        """
        (field or self.sheet).text(
            x,
            y,
            visible(words),
            fontsize=size,
            color=stand_in(colour),
            ha=_ANCHORS[anchor],
            va="baseline" if field is None else "center_baseline",
            fontweight="bold" if bold else "normal",
            rotation=turn,
            rotation_mode="anchor",
            gid="label" if label else None,
            clip_on=False,
        )

    def line(
        self, field: Axes, xs: Sequence[float], ys: Sequence[float], colour: str, **settings: Any
    ) -> None:
        """A line through points of a field."""
        from matplotlib.lines import Line2D

        settings = {"lw": 1.6, "solid_capstyle": "butt", **settings}
        field.add_artist(Line2D(xs, ys, color=stand_in(colour), clip_on=False, **settings))

    def mark(
        self,
        field: Axes,
        x: float,
        y: float,
        style: Style,
        *,
        size: float = 7.5,
        hint: str = "",
        filled: bool = True,
    ) -> None:
        """The mark of a style; `hint` shows under the pointer."""
        from matplotlib.lines import Line2D

        colour, shape = stand_in(colour_of(style)), shape_of(style)
        full = filled and is_filled(style)
        mark = Line2D(
            [x],
            [y],
            linestyle="none",
            marker=_MARKERS[shape],
            markersize=size * _MARKER_SIZES[shape] * (1 if is_filled(style) else 0.85),
            markeredgecolor=colour,
            markerfacecolor=colour if full else stand_in("paper"),
            markeredgewidth=0.6 if full else 1.5,
            gid=self.hint(hint),
            clip_on=False,
            zorder=4,
        )
        field.add_artist(mark)

    def whisker(self, field: Axes, low: Sequence[float], high: Sequence[float], colour: str) -> None:
        """An interval between two points with caps across its ends."""
        upright = low[0] == high[0]
        self.line(
            field,
            (low[0], high[0]),
            (low[1], high[1]),
            colour,
            marker="_" if upright else "|",
            markersize=6,
            markeredgewidth=1.4,
            zorder=3,
        )

    def box(
        self,
        field: Axes,
        corner: Sequence[float],
        width: float,
        height: float,
        colour: str,
        *,
        hint: str = "",
        **settings: Any,
    ) -> None:
        """A rectangle, filled unless `fill` is False."""
        from matplotlib.patches import Rectangle

        ink = stand_in(colour)
        paint: dict[str, Any] = {"linewidth": 0, "gid": self.hint(hint), "clip_on": False, **settings}
        paint["edgecolor" if settings.get("fill") is False else "facecolor"] = ink
        if "edge" in paint:
            paint["edgecolor"] = stand_in(paint.pop("edge"))
        field.add_artist(Rectangle((corner[0], corner[1]), width, height, **paint))

    def shape(self, corners: Sequence[tuple[float, float]], colour: str) -> None:
        """A filled shape on the sheet."""
        from matplotlib.patches import Polygon

        self.sheet.add_artist(Polygon(corners, facecolor=stand_in(colour), linewidth=0, clip_on=False))

    def hint(self, words: str) -> str | None:
        """The name of a group that shows `words` under the pointer."""
        if not words:
            return None
        self._hints.append(visible(words))
        return f"hint:{len(self._hints) - 1}"

    def finished(self) -> Element:
        """The drawing as cleaned elements."""
        written = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            self._figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None}, dpi=72)
        root = ElementTree.fromstring(written.getvalue())
        defined = {
            element.attrib["id"]: element
            for element in root.iter()
            if _name(element) == "path" and "id" in element.attrib
        }
        drawing = ElementTree.Element("g")
        drawing.extend(part for child in root for part in self._cleaned(child, defined))
        return drawing

    def _cleaned(self, element: Element, defined: dict[str, Element]) -> Iterator[Element]:
        name = _name(element)
        if name in ("metadata", "defs", "style"):
            return
        if name == "use":
            shape = defined[element.attrib["{http://www.w3.org/1999/xlink}href"][1:]]
            clean = ElementTree.Element("path", {"d": _rounded(shape.attrib["d"])})
            place = " ".join(_rounded(f"{float(element.attrib[axis]):f}") for axis in ("x", "y"))
            clean.set("transform", f"translate({place})")
            clean.set("style", _style({**_rules(shape), **_rules(element)}))
            yield clean
            return
        parts = [part for child in element for part in self._cleaned(child, defined)]
        gid = element.get("id", "")
        if name == "g" and gid != "label" and not gid.startswith("hint:"):
            yield from parts
            return
        clean = ElementTree.Element(name)
        if gid == "label":
            clean.set("class", "label")
        if gid.startswith("hint:"):
            ElementTree.SubElement(clean, "title").text = self._hints[int(gid.removeprefix("hint:"))]
        for key in ("d", "x", "y", "transform"):
            value = element.get(key, "")
            if value and not value.startswith("rotate(-0 "):
                clean.set(key, _rounded(value))
        if "style" in element.attrib:
            clean.set("style", _style(_rules(element)))
        clean.text = element.text if name == "text" else None
        clean.extend(parts)
        yield clean


@contextmanager
def drawing() -> Iterator[None]:
    """Within it matplotlib draws by our settings, which leave those of the program alone."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS):
        yield


def markup(element: Element, colour: Callable[[str], str], *, labels: bool = True) -> str:
    """A drawing as SVG; `colour` gives the CSS value of a colour's name. Without `labels` those are left out."""
    if not labels and element.get("class") == "label":
        return ""
    style = {key: value for key, value in element.attrib.items() if key != "class"}
    if "style" in style:
        style["style"] = re.sub(r"\{(\w+)\}", lambda match: colour(match[1]), style["style"])
    head = "".join(f' {key}="{escape(value)}"' for key, value in style.items())
    inside = escape(element.text or "", quote=False)
    inside += "".join(markup(child, colour, labels=labels) for child in element)
    name = element.tag
    if name == "g" and not head and inside.count("<title>") == 0:
        return inside
    return f"<{name}{head}>{inside}</{name}>" if inside else f"<{name}{head}/>"


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _rules(element: Element) -> dict[str, str]:
    pairs = (rule.partition(":") for rule in element.get("style", "").split(";") if rule.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _style(rules: dict[str, str]) -> str:
    """The rules that say something, colours by name in braces."""
    kept = {key: value for key, value in rules.items() if key not in ("font-family", "stroke-miterlimit")}
    if kept.get("text-anchor") == "start":
        del kept["text-anchor"]
    return ";".join(f"{key}:{_named(_rounded(value))}" for key, value in kept.items())


def _named(value: str) -> str:
    return f"{{{_STAND_INS[value]}}}" if value in _STAND_INS else value


def _rounded(value: str) -> str:
    """Two decimals are a fiftieth of a pixel at most; no negative zero."""
    short = _NUMBER.sub(
        lambda match: f"{round(float(match[0]), 2) + 0.0:g}" if abs(float(match[0])) < 1e4 else match[0],
        value,
    )
    return " ".join(short.split())


# Scales ---------------------------------------------------------------------------------------------------


def ends_of(points: Iterable[Estimate | float | None]) -> list[float]:
    """Every mean and end of interval, to size a scale by."""
    ends: list[float | None] = []
    for point in points:
        ends += [point.mean, point.low, point.high] if isinstance(point, Estimate) else [point]
    return [end for end in ends if end is not None and math.isfinite(end)]


def mean_of(point: Estimate | float | None) -> float | None:
    """The mean of a point; None where it is missing."""
    return point.mean if isinstance(point, Estimate) else point


def domain_of(ends: Sequence[float], *, zero: bool = True) -> Span:
    """A domain that holds all ends with a margin, and 0 where asked."""
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

    low, high = min(domain), max(domain)
    places = MaxNLocator(nbins=max(1, about), steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    places = [float(place) for place in places if low - 1e-9 <= place <= high + 1e-9]
    step = places[1] - places[0] if len(places) > 1 else abs(places[0]) if places else 1.0
    digits = next(
        (digits for digits in range(9) if abs(step * 10**digits - round(step * 10**digits)) < 1e-6), 9
    )
    return [(place, tick_words(place, digits, signed=signed)) for place in places]


def tick_words(place: float, digits: int, *, signed: bool) -> str:
    """The number of a tick: `+0.5`, `0`."""
    words = f"{abs(place):.{digits}f}"
    if not float(words):
        return "0"
    return (MINUS if place < 0 else "+" if signed else "") + words
