"""A reply in one plain form, what declines in it, and how it states things: sentences, and labels such as "Answer:"."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import lru_cache
from importlib.resources import files

from valuescope.judge.missing import MissingKind
from valuescope.judge.reply.own_words import is_reported, json_statements, own_words
from valuescope.judge.reply.thoughts import after_thoughts

_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9_-]{0,20}/?>|<\|[A-Za-z_/]{1,30}\|>")
_PICTURES = re.compile("[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
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

    Thoughts are left out (`after_thoughts`); one that never ends means that the reply was cut off. Full-width forms, digits of other scripts, quotation marks and dashes
    become their ASCII forms; invisible characters go; markup, pictures and control characters become spaces, tags line ends;
    runs of spaces and of line ends become one. Nothing that stood apart is joined by this, but for what only
    invisible characters kept apart.
    """
    spoken = after_thoughts(text)
    if spoken is None:
        return "", "cut off"
    text = _PICTURES.sub(" ", spoken)
    text = _INVISIBLE.sub("", text).translate(_CHARACTERS)
    text = _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    text = _LINES.sub("\n", _SPACES.sub(" ", _TAG.sub("\n", text))).strip()
    return (text, None) if text else ("", "empty")


def verdict_text(text: str) -> tuple[str, MissingKind | None]:
    """`reply_text` of what a reply says itself: without what it quotes, of a JSON object what its keys say."""
    spoken = after_thoughts(text)
    if spoken is not None and (stated := json_statements(spoken)) is not None:
        return reply_text(stated) if stated else ("", "unparseable")
    plain, missing = reply_text(text)
    if missing:
        return "", missing
    own = own_words(plain)
    return (own, None) if own else ("", "unparseable")


OPENING = 1000
"""Characters within which a refusal stands; what comes later is about something else."""

_QUOTATION = re.compile(r'"[^"\n]*"')


def is_refusal(text: str) -> bool:
    """Whether the opening of a reply, in the form of `reply_text`, says in the first person that it declines."""
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
_LINK_EN = r"""["')\]}]{0,3} ?(?:is|would be|will be|[:={]|-(?= ))(?: ?[:="'(\[{\n]){0,6} ?(?:text ?\{ ?)?"""
_LINK_ZH = r"""["')\]}]{0,3} ?(?:(?:是|为|應为|应为|应该是) ?:?|[:=])(?: ?["'(\[{\n]){0,6} ?"""

LABEL = rf"(?:\b(?:{_LABELS_EN}){_LINK_EN}|(?:{_LABELS_ZH}){_LINK_ZH})"
"""A label and its link: "Answer:", "the verdict is", `{"label": `, "答案：", "判断为"."""

_SENTENCE_END = re.compile(r"[!?;\n]|\.(?![0-9A-Za-z])")
_CLAUSE_END = re.compile(r"[,:]|\b(?:so|but|therefore|thus|hence)\b|所以|因此|但", re.IGNORECASE)
_CONDITION = re.compile(
    r"\b(?:if|unless|were|had|would have|should have|was (?:about|going) to|at first|initially|originally|tempted|considered|nearly|"
    r"first (?:thought|instinct|impression))\b|如果|假如|若|本来|原本|起初|差点|本想",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|cannot|hardly|whether|rather than|instead of)\b|n't\b|不|没|沒|無|无|是否|而非",
    re.IGNORECASE,
)
_SENTENCE_WINDOW = 300


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text in the form of `reply_text`, each with the sign that ends it."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    parts = (text[start:end].strip() for start, end in zip([0, *ends], [*ends, len(text)], strict=True))
    return [sentence for sentence in parts if sentence]


def is_unsaid(text: str, position: int) -> bool:
    """Whether the words before `position`, in its own sentence, make the statement there a condition, deny it,
    take it back, or report it of somebody else."""
    sentence = _SENTENCE_END.split(text[max(0, position - _SENTENCE_WINDOW) : position])[-1]
    clause = _CLAUSE_END.split(sentence)[-1]
    unsaid = _CONDITION.search(sentence) is not None or _NEGATION.search(clause) is not None
    return unsaid or is_reported(text, position)
