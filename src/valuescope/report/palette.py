"""Colours, in light and dark, and the style sheet that every figure shares.

The methods' colours are Okabe and Ito's, which stay apart under the common forms of colour blindness; every
method has a shape of its own besides. In the page the colours are CSS variables, so that they follow the
reader's light or dark setting; in a standalone SVG they are written out, since few programs read variables.
"""

from __future__ import annotations

from collections.abc import Callable

from valuescope.report.colours import DARK, LIGHT
from valuescope.report.colours import METHOD_COLOURS as METHOD_COLOURS

_FONT = 'system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,"Noto Sans CJK SC","Noto Sans",sans-serif'


def variables(palette: dict[str, str]) -> str:
    """The colours as CSS variables."""
    return "".join(f"--{name}:{colour};" for name, colour in palette.items())


def figure_css(colour: Callable[[str], str]) -> str:
    """The rules for everything drawn; `colour` gives a colour name's CSS value."""
    rules = [
        f".fig text{{font-family:{_FONT};font-size:11px;fill:{colour('ink')}}}",
        f".fig .muted{{fill:{colour('muted')}}}",
        ".fig .small{font-size:9.5px}.fig .head{font-size:13px;font-weight:600}.fig .bold{font-weight:700}",
        ".fig .end{text-anchor:end}.fig .mid{text-anchor:middle}.fig .num{font-variant-numeric:tabular-nums}",
        f".fig .panel{{fill:{colour('panel')}}}.fig .cell{{font-size:10px}}",
        f".fig .paper{{fill:{colour('paper')}}}",
        f".fig .axis{{stroke:{colour('muted')};stroke-width:1;fill:none}}",
        f".fig .grid{{stroke:{colour('line')};stroke-width:1;fill:none}}",
        f".fig .zero{{stroke:{colour('ink')};stroke-width:1.2;fill:none}}",
        f".fig .frame{{stroke:{colour('ink')};stroke-width:1.6;fill:none}}",
        *(f".fig .{name}{{fill:{colour(name)}}}" for name in ("up", "down", "amount")),
        f".fig .empty{{fill:{colour('panel')};stroke:{colour('line')};stroke-dasharray:2 2}}",
        ".fig .dash{stroke-dasharray:5 3}.fig .dot{stroke-dasharray:1.5 3}",
        f".fig .halo{{paint-order:stroke;stroke:{colour('paper')};stroke-width:3.5px;stroke-linejoin:round}}",
        ".fig .soft{opacity:.18}.fig .faint{opacity:.45}",
    ]
    for name in [*(f"m{index}" for index in range(METHOD_COLOURS)), "control", "ink", "muted"]:
        rules.append(f".fig .f-{name}{{fill:{colour(name)}}}")
        rules.append(f".fig .s-{name}{{stroke:{colour(name)};stroke-width:1.8;fill:none}}")
        hollow = f"stroke:{colour(name)};stroke-width:1.6;fill:{colour('paper')}"
        rules.append(f".fig .h-{name}{{{hollow}}}")
    return "".join(rules)


def standalone_css() -> str:
    """The figures' rules with the light colours written out."""
    return figure_css(LIGHT.__getitem__)


def page_css() -> str:
    """The variables for light, dark and print, and the figures' rules that use them."""
    return (
        f":root{{color-scheme:light dark;{variables(LIGHT)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}"
        + figure_css(lambda name: f"var(--{name})")
    )
