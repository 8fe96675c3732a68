"""A reply in one plain form, what declines in it, and how it states things: sentences, and labels such as "Answer:"."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import lru_cache
from importlib.resources import files

from valuescope.judge.missing import MissingKind
from valuescope.judge.reply.thoughts import final_part

_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9_:-]{0,20} ?/?>|<\|[A-Za-z][A-Za-z0-9_:-]{0,40}\|>")
_SYMBOL = re.compile(
    "[\u2022\u2023\u25e6\u2190-\u21ff\u2300-\u2426\u2500-\u2775\u2794-\u27e5\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff]"
)
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
    | dict.fromkeys("*#\\$", " ")  # Markdown and LaTeX
    | dict.fromkeys("‐‑‒–−﹣", "-")
    | dict.fromkeys("—―", " - ")
    | dict.fromkeys("～〜∼", "~")
    | dict.fromkeys("﹪٪", "%")
    | dict.fromkeys("【〔", "[")
    | dict.fromkeys("】〕", "]")
    | {"｢": "「", "｣": "」", "﹁": "「", "﹂": "」"}
    | {"。": ". ", "｡": ". ", "，": ", ", "、": ", ", "﹕": ":", "∶": ":", "⁄": "/", "∕": "/", "…": "..."}
)
QUOTATION_MARKS = str.maketrans(
    dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟″«»「」『』", '"') | {"`": " "}
)
LEFT_OUT = "\ufffc"
"""Stands for words that are left out: no pattern of a parser reads it."""


def cleaned(text: str) -> tuple[str, MissingKind | None]:
    """A reply's final part (see `final_part`) with its quotation marks as they stand, or "" and why it has none.

    Full-width forms, digits of other scripts and dashes become their ASCII forms; invisible characters go; markup,
    pictures and control characters become spaces, tags line ends; runs of spaces and of line ends become one. Nothing
    that stood apart is joined by this, but for what only invisible characters kept apart.
    """
    text = _INVISIBLE.sub("", text.replace('\\"', "'")).translate(_CHARACTERS)
    text, missing = final_part(text)
    if missing:
        return "", missing
    text = _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    text = _LINES.sub("\n", _SPACES.sub(" ", _SYMBOL.sub(" ", _TAG.sub("\n", text)))).strip()
    return (text, None) if text else ("", "empty")


def with_plain_marks(text: str) -> str:
    """A cleaned text with ASCII quotation marks and without code marks: the plain form that patterns read."""
    return _LINES.sub("\n", _SPACES.sub(" ", text.translate(QUOTATION_MARKS))).strip()


def plain_text(text: str) -> str:
    """The final part of a text in plain form, "" where it has none."""
    return with_plain_marks(cleaned(text)[0])


OPENING = 1000
"""Characters within which a refusal stands; what comes later is about something else."""

_QUOTATION = re.compile(r'"[^"\n]*"')


def is_refusal(text: str) -> bool:
    """Whether the opening of a reply, in plain form, says in the first person that it declines."""
    return _refusal().search(_QUOTATION.sub(" ", text[:OPENING])) is not None


@lru_cache(maxsize=1)
def _refusal() -> re.Pattern[str]:
    phrases = tomllib.loads(files("valuescope.judge.reply").joinpath("refusals.toml").read_text("utf-8"))
    return re.compile("|".join(phrase for language in phrases.values() for phrase in language), re.IGNORECASE)


OPENER = r"""[ "'(\[{>:-]{0,6}"""
"""What may stand between the start of a sentence and its statement."""

ENDS = r"""(?= ?(?:$|[.,:;!)\]}"'|<(\n]|-(?:[ \n]|$)))"""
"""What must follow a statement: an end, not another word."""

_LABELS_EN = (
    "answer|verdict|label|judgement|judgment|decision|conclusion|response|reply|result|assessment|evaluation|"
    "classification|output|choice|boxed"
)
_LABELS_ZH = "答案|判断|结论|标签|回答|回复|结果|判定|评价|选择|答"
_LINK_EN = r"""["')\]}]{0,3} ?(?:is|would be|will be|[:={])(?: ?[:="'(\[{\n]){0,6} ?(?:text ?\{ ?)?"""
_LINK_ZH = r"""["')\]}]{0,3} ?(?:(?:是|为|應为|应为|应该是) ?:?|[:=])(?: ?["'(\[{\n]){0,6} ?"""

LABEL = rf"(?:\b(?:{_LABELS_EN}){_LINK_EN}|(?:{_LABELS_ZH}){_LINK_ZH})"
"""A label and its link: "Answer:", "the verdict is", `{"label": `, "答案：", "判断为"."""

SENTENCE_END = re.compile(r"[!?;\n]|\.(?![0-9A-Za-z])")


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text in plain form, each with the sign that ends it."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    parts = (text[start:end].strip() for start, end in zip([0, *ends], [*ends, len(text)], strict=True))
    return [sentence for sentence in parts if sentence]
