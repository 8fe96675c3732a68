"""What a reply says itself, apart from what it quotes and what it reports of others: one rule for all parsers.

A quotation counts as the judge's own where it is the whole reply, holds a bare value ("Yes", "4", "A") or follows words that make it
the judge's ("My verdict: ...", "I choose ..."). Everything else in quotation marks, and lines that Markdown quotes (`> ...`), is what the
judge read and not what it says: it is taken out. A JSON object is read by its keys, without its reasons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_REASONS = re.compile(
    r"reason|rational|explanation|thought|thinking|analysis|comment|justif|evidence|quote|理由|解释|分析",
    re.IGNORECASE,
)
_LONGEST_VALUE = 40

_QUOTED = re.compile(r'"[^"\n]*"')
# Apostrophes stand between letters, and close no quotation.
_SINGLE_QUOTED = re.compile(r"(?<![A-Za-z0-9'])'(?:[^'\n]|(?<=[A-Za-z])'(?=[A-Za-z]))++'(?![A-Za-z0-9])")
_BLOCK = re.compile(r"(?:^|(?<=\n)) ?>[^\n]*")
_BARE = re.compile(
    r"[\"' (\[]*(?:(?:option |选项)?[A-Za-z]|yes|no|true|false|是的?|不?是|否|不?对|错误?|不?正确|真|假|"
    r"[-+]?[0-9][0-9 ./,%]*(?:out of [0-9]+|of [0-9]+|points?|stars?|分)?)[\"' .!)\]]*",
    re.IGNORECASE,
)
_OWN_LABEL = (
    r"(?:final |own |overall )*(?:answer|verdict|rating|score|judge?ment|output|result|reply|response|decision|label|choice|支持率|评分|"
    r"得分|分数|答案|判断|结论)"
)
_INTRODUCES = re.compile(
    rf"(?:(?:^|[.!?;\n]) ?(?:my |我的)?{_OWN_LABEL}|\b(?:my|final) {_OWN_LABEL}|我的(?:最终)?{_OWN_LABEL}|"
    r"\b(?:i|i'd|i'll|we)(?: (?:would|will|do|must|can|hereby|therefore|thus))? (?:choose|pick|select|prefer|support|say|answer|rate|give|"
    r"go with)(?: (?:it|this|option))?|我(?:选择?|选|给|判断为?|认为是?))"
    r" ?(?:is|would be|will be|[:=,是为])? ?:? ?$",
    re.IGNORECASE,
)
_REPORTS = re.compile(
    r"(?:\b(?:says?|said|saying|claims?|claimed|states?|stated|tells?|told|telling|asks?|asked|asking|wants?|wanted|tries|tried|trying|"
    r"demands?|demanded|instructs?|instructed|insists?|insisted|writes|wrote|written|reads|contains?|contained|requests?|requested|"
    r"orders?|ordered|begs?|begged|urges?|urged|commands?|commanded|includes?|included|quotes?|quoted|repeats?|repeated|mentions?|"
    r"mentioned|suggests?|suggested)\b|说|称|写道|写着|要求|让我|叫我|命令|告诉|声称|引用|包含|提到)"
    r"(?:[ ,:\"'(\[\n]|\b(?:that|me|to|us|the|this|line|judge|model|evaluator|reader|say|give|answer|reply|respond|output|write|rate|"
    r"choose|pick|with|a|an|it|its|you|should|must|words?|text|phrase|sentence|verdict|my|be|is)\b|给|它|打|我|回答|回复|为|是|：)*$",
    re.IGNORECASE,
)
_WINDOW = 160
_MOST_QUOTATIONS = 100
"""Of more none is looked at: a reply of that kind states nothing."""


def own_words(text: str) -> str:
    """A reply in the form of `reply_text` without what it quotes."""
    stripped = text.strip()
    if (
        len(stripped) > 2
        and stripped[0] == stripped[-1]
        and stripped[0] in "\"'"
        and stripped[0] not in stripped[1:-1]
    ):
        return stripped[1:-1].strip()
    if re.search(r"(?:^|\n) ?[^> \n]", text):  # a reply that is one block quotation is the judge's own
        text = _BLOCK.sub("", text)
    for quotation, mark in ((_QUOTED, '"'), (_SINGLE_QUOTED, "'")):
        text = quotation.sub(_kept if text.count(mark) <= 2 * _MOST_QUOTATIONS else '""', text)
    return text.strip()


def _kept(match: re.Match[str]) -> str:
    start = match.start()
    before = match.string[max(0, start - _WINDOW) : start]
    if _BARE.fullmatch(match[0]):
        return match[0]
    return match[0] if _INTRODUCES.search(before) and not is_reported(match.string, start) else '""'


def is_reported(text: str, position: int) -> bool:
    """Whether the words directly before `position` say that somebody else says what stands there."""
    return _REPORTS.search(text[max(0, position - _WINDOW) : position]) is not None


def json_statements(text: str) -> str | None:
    """A reply that is one JSON object as lines `key: value`, without its reasons and long texts; None for any other reply."""
    start, end = text.find("{"), text.rfind("}")
    around = text[:start] + text[end + 1 :]
    if start < 0 or end < start or re.sub(r"[\s`*]|json", "", around, flags=re.IGNORECASE):
        return None
    try:
        content = json.loads(text[start : end + 1], object_pairs_hook=list)
    except (ValueError, RecursionError):
        return None
    return "\n".join(_lines(content))


def _lines(content: Any, path: str = "") -> Iterator[str]:
    for key, value in content:
        if _REASONS.search(key):
            continue
        if isinstance(value, list) and all(isinstance(entry, tuple) for entry in value):
            yield from _lines(value, f"{path}{key}: ")
        elif isinstance(value, (str, int, float)) and len(str(value)) <= _LONGEST_VALUE:
            yield f"{path}{key}: {value}"
