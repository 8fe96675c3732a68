"""Figures: panels that stand side by side, in the page as elements and in a file as one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from xml.etree.ElementTree import Element

from markupsafe import Markup

from valuescope.report.colours import LIGHT
from valuescope.report.drawing import drawing, markup
from valuescope.report.text import clean, text_width, visible

PAGE_WIDTH = 1096.0
GAP = 20.0
FONT = 'system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,"Noto Sans CJK SC","Noto Sans",sans-serif'
_MARGIN, _HEAD = 16.0, 44.0


@dataclass(frozen=True)
class Panel:
    """One drawing of `width` by `height` units. `labels`: how wide the labels at its left are that the panel at
    the left of it has too, so that a file may leave them out."""

    title: str
    words: str
    width: float
    height: float
    drawn: Element
    labels: float = 0.0


@dataclass(frozen=True)
class Figure:
    """A picture with its title and description, drawn when it is first asked for.

    `columns`: how many panels stand in a row where there is room.
    """

    name: str
    title: str
    description: str
    columns: int
    paint: Callable[[], Sequence[Panel]] = field(repr=False, compare=False)

    @cached_property
    def panels(self) -> tuple[Panel, ...]:
        """The panels, drawn."""
        with drawing():
            return tuple(self.paint())

    def inline(self) -> Markup:
        """The panels for a page: colours are its variables, and each panel has a title and a description."""
        parts = []
        for place, panel in enumerate(self.panels):
            ids = [f"{self.name}-{place}-{part}" for part in ("title", "desc")]
            parts.append(
                f'<svg class="fig" role="img" aria-labelledby="{" ".join(ids)}" '
                f'viewBox="0 0 {panel.width:g} {panel.height:g}" style="--width:{panel.width:g}px">'
                f'<title id="{ids[0]}">{_text(panel.title)}</title><desc id="{ids[1]}">{_text(panel.words)}</desc>'
                f"{markup(panel.drawn, _variable)}</svg>"
            )
        return Markup(f'<div class="panels columns-{self.columns}">{"".join(parts)}</div>')

    def standalone(self) -> str:
        """One SVG file with its own title, description, fonts and colours on white paper."""
        width = text_width(self.title, 14) * 1.05
        height, parts = _HEAD, list[str]()
        for start in range(0, len(self.panels), self.columns):
            left, row = 0.0, self.panels[start : start + self.columns]
            for place, panel in enumerate(row):
                cut = panel.labels if place else 0.0
                parts.append(
                    f'<svg overflow="visible" x="{_MARGIN + left:g}" y="{height:g}" width="{panel.width - cut:g}" height="{panel.height:g}" '
                    f'viewBox="{cut:g} 0 {panel.width - cut:g} {panel.height:g}">'
                    f"{markup(panel.drawn, LIGHT.__getitem__, labels=not cut)}</svg>"
                )
                left += panel.width - cut + GAP
            width = max(width, left - GAP)
            height += max(panel.height for panel in row) + GAP
        size = f"{width + 2 * _MARGIN:g}", f"{height:g}"
        said = " ".join([self.description, *(f"{panel.title}: {panel.words}" for panel in self.panels)])
        ids = [f"{self.name}-{part}" for part in ("title", "desc")]
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'aria-labelledby="{" ".join(ids)}" viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" height="{size[1]}">'
            f'<title id="{ids[0]}">{_text(self.title)}</title><desc id="{ids[1]}">{_text(said)}</desc>'
            f"<style>text{{font-family:{FONT}}}</style>"
            f'<rect width="{size[0]}" height="{size[1]}" fill="{LIGHT["paper"]}"/>'
            f'<text x="{_MARGIN:g}" y="28" style="font-size:14px;font-weight:600;fill:{LIGHT["ink"]}">{_text(self.title)}</text>'
            f"{''.join(parts)}</svg>\n"
        )


def columns_for(panels: int, least: float) -> int:
    """How many panels stand in a row of the page where each needs `least` units; none is left over on its own."""
    most = max(1, int((PAGE_WIDTH + GAP) / (least + GAP)))
    if panels <= most and panels <= 4:
        return panels
    fitting = [columns for columns in range(min(most, 6), 1, -1) if panels % columns != 1]
    even = [columns for columns in fitting if panels % columns == 0 and columns >= fitting[0] - 1]
    return (even or fitting or [most])[0]


def width_of(columns: int, most: float) -> float:
    """How wide each of the panels of a row may be, `most` at most."""
    return min(most, (PAGE_WIDTH - GAP * (columns - 1)) // columns)


def _text(words: str) -> str:
    return escape(visible(clean(words)), quote=False)


def _variable(name: str) -> str:
    return f"var(--{name})"
