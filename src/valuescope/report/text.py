"""Text that others wrote, made safe to stand beside our words: no control characters, no turned directions."""

from __future__ import annotations

import re

from rich.cells import cell_len

# What XML 1.0 forbids: control characters, lone surrogates and two non-characters. NUL is no HTML either.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# What turns the direction of the text after it, and so could make our own words read as others.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NARROW = 0.57  # of the font's size: about the mean width of a character that is not East Asian


def clean(text: str) -> str:
    """`text` with every character that no XML or UTF-8 file may hold replaced by U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)


def visible(text: str) -> str:
    """`clean` text whose marks of writing direction are replaced by U+FFFD as well: safe beside our words."""
    return _TURNING.sub("\ufffd", clean(text))


def text_width(text: str, size: float) -> float:
    """About how wide a text is, in the unit of `size`: an East Asian character takes a full square.

    It does not depend on the fonts of a machine, so that a drawing has the same bytes everywhere.
    """
    wide = cell_len(text) - len(text)
    return size * (max(wide, 0) + _NARROW * (len(text) - max(wide, 0)))


def fitted(text: str, room: float, size: float) -> str:
    """`text`, cut with an ellipsis where it would be wider than `room`."""
    if text_width(text, size) <= room:
        return text
    kept = text
    while kept and text_width(f"{kept}…", size) > room:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"
