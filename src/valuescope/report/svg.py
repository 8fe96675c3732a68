"""Panels and figures: small SVG drawings that stand in the page side by side and in a file as one picture."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from valuescope.report.markup import Child, Markup, join, number, tag
from valuescope.report.palette import standalone_css

NAMESPACE = "http://www.w3.org/2000/svg"
PANEL_WIDTH = 344  # three stand side by side in the page, one fits a telephone
SMALL_WIDTH = 196
SHAPES = 4
_GAP = 28
_SHRUNK = 0.8  # how far a panel wider than a telephone shrinks before it scrolls
_HEAD = 58
_PAGE_WIDTH = 1096
_HALF_PAGE = 534.0


@dataclass(frozen=True)
class Panel:
    """One drawing of `width` by `height` units; the page may enlarge it up to `enlarge` times."""

    title: str
    description: str
    width: float
    height: float
    body: Markup
    enlarge: float = 1.0
    wide: bool = False  # takes two columns and two rows among small panels


@dataclass(frozen=True)
class Figure:
    """Panels that belong together; `small` ones fill a grid of narrow columns in the page."""

    name: str
    title: str
    description: str
    panels: tuple[Panel, ...]
    small: bool = False

    def inline(self) -> Markup:
        """The panels as SVG elements for the page."""
        drawn = [self._inline(i, panel) for i, panel in enumerate(self.panels)]
        return tag("div", drawn, class_="panels small-panels" if self.small else "panels")

    def _inline(self, index: int, panel: Panel) -> Markup:
        ids = [f"{self.name}-{index}-{part}" for part in ("title", "desc")]
        return tag(
            "svg",
            tag("title", panel.title, id=ids[0]),
            tag("desc", panel.description, id=ids[1]),
            panel.body,
            class_="fig wide" if panel.wide else "fig",
            role="img",
            aria_labelledby=" ".join(ids),
            viewBox=f"0 0 {number(panel.width)} {number(panel.height)}",
            width=panel.width * panel.enlarge,
            style=None
            if self.small
            else f"min-width:{number(max(panel.width * _SHRUNK, min(panel.width, PANEL_WIDTH)))}px",
        )

    def _places(self) -> list[tuple[float, float]]:
        """Left and top of each panel: rows of the page's width; a wide first panel has two rows beside it."""
        places: list[tuple[float, float]] = []
        indent = self.panels[0].width + _GAP if self.panels[0].wide else 0.0
        left, top, tallest, row = 0.0, float(_HEAD), 0.0, 0
        for place, panel in enumerate(self.panels):
            if left > 0 and left + panel.width > _PAGE_WIDTH:
                row, top = row + 1, top + tallest + _GAP
                left, tallest = (indent if row == 1 else 0.0), 0.0
            places.append((left, top))
            left += panel.width + _GAP
            tallest = max(tallest, 0.0 if place == 0 and panel.wide else panel.height)
        return places

    def standalone(self) -> str:
        """One SVG file with its own title, description, style and white paper."""
        placed: list[Markup] = []
        width, height = text_width(self.title, 14), 0.0
        for panel, (left, top) in zip(self.panels, self._places(), strict=True):
            placed.append(tag("g", panel.body, transform=f"translate({number(left)} {number(top)})"))
            width, height = max(width, left + panel.width), max(height, top + panel.height)
        margin = 20.0
        height += margin
        svg = tag(
            "svg",
            tag("title", self.title),
            tag("desc", " ".join([self.description, *(panel.description for panel in self.panels)])),
            tag("style", Markup(standalone_css())),
            tag("rect", class_="paper", x=0, y=0, width=width + 2 * margin, height=height),
            tag("text", self.title, class_="head", x=margin, y=32),
            tag("g", placed, transform=f"translate({number(margin)} 0)"),
            xmlns=NAMESPACE,
            class_="fig",
            viewBox=f"0 0 {number(width + 2 * margin)} {number(height)}",
            width=width + 2 * margin,
            height=height,
        )
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg}\n'


def headed_panel(title: str, description: str, body: Markup, width: float, height: float) -> Panel:
    """A panel with its title above `body`, as large as lets two stand side by side in the page."""
    width, drawn = max(width, text_width(title, 13.5)), join([text(0, 14, title, "head"), body])
    return Panel(title, f"{title}. {description}.", width, height + 6, drawn, enlarged(width))


def enlarged(width: float) -> float:
    """How far a panel may be enlarged so that two stand side by side."""
    return min(1.25, max(1.0, _HALF_PAGE / width))


def text(x: float, y: float, content: str, class_: str = "", *, turn: float | None = None) -> Markup:
    """Text at (x, y), turned by `turn` degrees about that point."""
    where = None if turn is None else f"rotate({number(turn)} {number(x)} {number(y)})"
    return tag("text", content, x=x, y=y, class_=class_ or None, transform=where)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def rect(
    x: float, y: float, width: float, height: float, class_: str, *, opacity: float | None = None
) -> Markup:
    """A rectangle; `opacity` is that of its fill."""
    return tag("rect", x=x, y=y, width=width, height=height, class_=class_, fill_opacity=opacity)


def polyline(points: list[tuple[float, float]], class_: str) -> Markup:
    """An open line through points."""
    return tag("polyline", points=_points(points), class_=class_, fill="none")


def polygon(points: list[tuple[float, float]], class_: str) -> Markup:
    """A closed shape."""
    return tag("polygon", points=_points(points), class_=class_)


def _points(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)


def marker(x: float, y: float, shape: int, class_: str, *, size: float = 4.5, hint: str = "") -> Markup:
    """A mark: circle, square, triangle or diamond by `shape`; `hint` shows under the pointer."""
    inside: Child = tag("title", hint) if hint else None
    kind = shape % SHAPES
    if kind == 0:
        return tag("circle", inside, cx=x, cy=y, r=size, class_=class_)
    if kind == 1:
        side = size * 0.88
        return tag("rect", inside, x=x - side, y=y - side, width=2 * side, height=2 * side, class_=class_)
    corners = {
        2: [(x, y - size * 1.15), (x + size * 1.1, y + size * 0.85), (x - size * 1.1, y + size * 0.85)],
        3: [(x, y - size * 1.25), (x + size * 1.25, y), (x, y + size * 1.25), (x - size * 1.25, y)],
    }
    return tag("polygon", inside, points=_points(corners[kind]), class_=class_)


def whisker(low: float, high: float, y: float, class_: str, *, cap: float = 3.5) -> Markup:
    """A horizontal interval with end caps."""
    return join(
        [
            line(low, y, high, y, class_),
            line(low, y - cap, low, y + cap, class_),
            line(high, y - cap, high, y + cap, class_),
        ]
    )


def text_width(content: str, size: float) -> float:
    """About how wide a text is: East Asian characters take a full square, others 0.57 of one."""
    return sum(size if unicodedata.east_asian_width(char) in "WF" else size * 0.57 for char in content)


def fitted(content: str, room: float, size: float = 11) -> str:
    """`content`, cut with an ellipsis where it would be wider than `room`."""
    if text_width(content, size) <= room:
        return content
    kept = content
    while kept and text_width(kept + "…", size) > room:
        kept = kept[:-1]
    return kept.rstrip() + "…"
