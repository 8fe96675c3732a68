"""Colours in light and dark.

The methods' colours are Okabe and Ito's, which stay apart under the common forms of colour blindness; every
method has a shape of its own besides. In the page the colours are CSS variables, so that they follow the
reader's light or dark setting; in a file of its own they are written out, since few programs read variables.
"""

from __future__ import annotations

from typing import TypeAlias

Style: TypeAlias = int | str
"""How a series looks. A number is a method's place: a colour and a shape of its own. Else one of `STYLES`."""

METHOD_COLOURS = 6
STYLES = {
    "control": ("control", "circle", False),
    "matched": ("control", "diamond", False),
    "ink": ("ink", "circle", True),
    "up": ("m1", "triangle", True),
    "down": ("m0", "diamond", True),
}
"""Name of a style -> colour, shape, and whether it is filled."""
_SHAPES = ("circle", "square", "triangle", "diamond")

_PALETTE = {
    "paper": ("#ffffff", "#12161c"),
    "panel": ("#f6f7f9", "#1b2129"),
    "ink": ("#1b1f24", "#e8ebef"),
    "muted": ("#57606a", "#a3adb9"),
    "line": ("#d0d7de", "#3a434e"),
    "accent": ("#0a5a9c", "#7cc0f5"),
    "up": ("#d55e00", "#e8702a"),
    "down": ("#0072b2", "#2f8fd0"),
    "amount": ("#5b4b9a", "#8d7ed6"),
    "m0": ("#0072b2", "#58b2ea"),
    "m1": ("#d55e00", "#f08a3c"),
    "m2": ("#00855f", "#35c79a"),
    "m3": ("#b04a86", "#e08cc0"),
    "m4": ("#8a6d00", "#d9b63a"),
    "m5": ("#3a3a3a", "#c8ccd2"),
    "control": ("#848d97", "#8b95a1"),
    "good": ("#00704f", "#43cf9f"),
    "bad": ("#a83232", "#f08a8a"),
}
"""Name of a colour -> light, dark."""
LIGHT = {name: light for name, (light, _) in _PALETTE.items()}
DARK = {name: dark for name, (_, dark) in _PALETTE.items()}


def colour_of(style: Style) -> str:
    """The name of a style's colour."""
    return f"m{style % METHOD_COLOURS}" if isinstance(style, int) else STYLES[style][0]


def shape_of(style: Style) -> str:
    """`circle`, `square`, `triangle` or `diamond`."""
    return _SHAPES[style % len(_SHAPES)] if isinstance(style, int) else STYLES[style][1]


def is_filled(style: Style) -> bool:
    """Whether marks are filled; those of controls are hollow."""
    return isinstance(style, int) or STYLES[style][2]


def variables() -> str:
    """CSS: the variables for light, dark and print."""
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in palette.items()) for palette in (LIGHT, DARK)
    )
    return f":root{{color-scheme:light dark;{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
