"""The text of a reply in one form: what a parser reads once thoughts, markup and look-alikes are out of the way."""

from __future__ import annotations

import re
import unicodedata

from valuescope.judge.reply.reply import MissingKind

_THOUGHT = r"(?:think|thinking|thought|reasoning)"
_THOUGHT_OPENS = re.compile(rf"<{_THOUGHT}>", re.IGNORECASE)
_THOUGHT_CLOSES = re.compile(rf"</{_THOUGHT}>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9_-]{0,20}/?>")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"(?: ?\n ?)+")
_CHARACTERS = str.maketrans(
    {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width forms of ASCII
    | dict.fromkeys("\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\n")
    | dict.fromkeys(
        map(chr, [*range(9), *range(0x0E, 0x1C), 0x1F, *range(0x7F, 0x85), *range(0x86, 0xA0)]), " "
    )
    | dict.fromkeys("*`#\\$", " ")  # Markdown and LaTeX
    | dict.fromkeys("‘’‚‛′", "'")
    | dict.fromkeys("“”„‟″«»「」『』", '"')
    | dict.fromkeys("‐‑‒–−﹣", "-")
    | dict.fromkeys("—―", " - ")
    | dict.fromkeys("～〜∼", "~")
    | dict.fromkeys("﹪٪", "%")
    | dict.fromkeys("【〔", "[")
    | dict.fromkeys("】〕", "]")
    | {"。": ". ", "｡": ". ", "，": ", ", "、": ", ", "﹕": ":", "∶": ":", "⁄": "/", "∕": "/"}
)


def reply_text(text: str) -> tuple[str, MissingKind | None]:
    """A reply's text in plain form, or "" and why it has none.

    A thought (`<think>...</think>`) is left out; where only its end is there, all before it is one; one that never
    ends means that the reply was cut off. Full-width forms, digits of other scripts, quotation marks and dashes
    become their ASCII forms; invisible characters go; markup and control characters become spaces, tags line ends;
    runs of spaces and of line ends become one. Nothing that stood apart is joined by this, but for what only
    invisible characters kept apart.
    """
    text = text[_end_of_thoughts(text) :]
    if _THOUGHT_OPENS.search(text):
        return "", "cut off"
    text = _INVISIBLE.sub("", text).translate(_CHARACTERS)
    text = _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    text = _LINES.sub("\n", _SPACES.sub(" ", _TAG.sub("\n", text))).strip()
    return (text, None) if text else ("", "empty")


def _end_of_thoughts(text: str) -> int:
    end = 0
    for closing in _THOUGHT_CLOSES.finditer(text):
        end = closing.end()
    return end
