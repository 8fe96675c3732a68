"""Colours, in light and dark, and the style sheet that every figure shares.

The methods' colours are Okabe and Ito's, which stay apart under the common forms of colour blindness; every
method has a shape of its own besides. In the page the colours are CSS variables, so that they follow the
reader's light or dark setting; in a standalone SVG they are written out, since few programs read variables.
"""

from __future__ import annotations

from collections.abc import Callable

LIGHT = {
    "paper": "#ffffff",
    "panel": "#f6f7f9",
    "ink": "#1b1f24",
    "muted": "#57606a",
    "line": "#d0d7de",
    "accent": "#0a5a9c",
    "up": "#d55e00",
    "down": "#0072b2",
    "amount": "#5b4b9a",
    "m0": "#0072b2",
    "m1": "#d55e00",
    "m2": "#00855f",
    "m3": "#b04a86",
    "m4": "#8a6d00",
    "m5": "#3a3a3a",
    "control": "#848d97",
    "good": "#00704f",
    "bad": "#a83232",
}
DARK = {
    "paper": "#12161c",
    "panel": "#1b2129",
    "ink": "#e8ebef",
    "muted": "#a3adb9",
    "line": "#3a434e",
    "accent": "#7cc0f5",
    "up": "#e8702a",
    "down": "#2f8fd0",
    "amount": "#8d7ed6",
    "m0": "#58b2ea",
    "m1": "#f08a3c",
    "m2": "#35c79a",
    "m3": "#e08cc0",
    "m4": "#d9b63a",
    "m5": "#c8ccd2",
    "control": "#8b95a1",
    "good": "#43cf9f",
    "bad": "#f08a8a",
}
METHOD_COLOURS = 6

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
