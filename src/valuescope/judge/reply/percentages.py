"""The percentages that a reply gives to two options, A and B.

Labels decide, in whatever order they come: "A: 70%, B: 30%", "Option B - 30 %", "选项A：70％",
`{"A": 70, "B": 30}`, "70% for A and 30% for B". Without labels only a reply that is nothing but two numbers is read:
"70/30", "70%, 30%", in the order A, B.

Out of range: a number outside of 0..100. Contradictory: two percentages for one option, or a sum further than
`TOLERANCE` from 100 (1 leaves room for rounding, "33.3% / 66.6%"; it also turns away "0.7 / 0.3"). One option alone
is unparseable: nothing is inferred from it. The percentages are given back as they stand.
"""

from __future__ import annotations

import re

from valuescope.judge.reply.refusal import is_refusal
from valuescope.judge.reply.reply import Reply
from valuescope.judge.reply.text import reply_text

TOLERANCE = 1.0
"""How far from 100 two percentages may sum."""

_NUMBER = r"(?P<number>[-+]?[0-9]++(?:[.,][0-9]++)*+)"
_PERCENT = r"(?: ?(?:%|per ?cent\b|percentage points?\b|个百分点))"
_ENDS = rf"""(?:{_PERCENT}|(?= ?(?:$|[.,:;!)\]}}"'|<(\n]|-(?:[ \n]|$))))(?! ?[-~/] ?[0-9]|[0-9])"""
_OPTION = r"(?:\boptions?|\bchoice|\baction|选项|方案|选择|行动)"
_BARE = r"(?<![A-Za-z0-9'])[AB](?![A-Za-z0-9'])"
_LETTER = r"[AB](?![A-Za-z0-9])"
_LINK = r"""[ "'\]})]{0,3}(?:[:=)\].|\n]|- | is\b|是|为)"""
_FILLER = (
    r"""(?:[ :="'(\[{\n]|- |(?:my|i|would|the|of|at|is|be|about|around|roughly|approximately|likelihood|level|rate|"""
    r"support(?: rate)?|supported|percentage|probability|give|it|with|for|this|by)\b|"
    r"支持率|支持|为|是|的|比例|概率|程度|约|大约|大概|百分之|我|给)"
)
_LABEL_FIRST = re.compile(
    rf"(?:{_OPTION} ?[\"'(]?(?P<option>{_LETTER}){_FILLER}{{0,12}}+|(?P<bare>{_BARE}){_LINK}{_FILLER}{{0,12}}+)"
    rf"{_NUMBER}{_ENDS}",
    re.IGNORECASE,
)
_LABEL_LAST = re.compile(
    rf"(?<![0-9.,/-]){_NUMBER}{_PERCENT} ?(?:support )?(?:for|to|in favou?r of|支持|给|赞成)? ?[\"'(]?"
    rf"(?:{_OPTION} ?[\"'(]?)?(?P<option>{_LETTER})",
    re.IGNORECASE,
)
# "A. Lead the team: 70%", "Option B (wait) - 30%": the option's own words stand between its label and the number.
_LINE = re.compile(
    rf"(?:^|(?<=\n))[ \"'(\[{{>-]{{0,6}}(?:{_OPTION} ?)?(?P<option>{_LETTER})(?= ?[.:)\](-])[^\n%]{{1,200}}?[:(=-] ?"
    rf"{_NUMBER}{_PERCENT}[ .,;)\]}}\"']{{0,4}}(?=$|\n)",
    re.IGNORECASE,
)
_PAIR = re.compile(
    rf"(?:[ \"'(\[]{{0,4}}A ?/ ?B ?[:=-])?[ \"'(\[:]{{0,4}}(?P<a>[-+]?[0-9]++(?:\.[0-9]++)?+){_PERCENT}?"
    rf" ?(?:[/:,;|\n-]|and|to|vs\.?|versus|和|比|对)[ \n]?(?P<b>[-+]?[0-9]++(?:\.[0-9]++)?+){_PERCENT}?[ .!\"')\]]{{0,4}}",
    re.IGNORECASE,
)
_SPACED_PAIR = re.compile(
    rf"(?:(?:support(?: rates?)?|支持率)[: ]{{1,2}})?A ?[:=]? ?(?P<a>[-+]?[0-9]++(?:\.[0-9]++)?+){_PERCENT}?[ ,;/|\n]{{1,3}}"
    rf"(?:and )?B ?[:=]? ?(?P<b>[-+]?[0-9]++(?:\.[0-9]++)?+){_PERCENT}?[ .!]{{0,2}}",
    re.IGNORECASE,
)


def parse_percentages(text: str) -> Reply[tuple[float, float]]:
    """The percentages of option A and option B, each 0..100, or missing; any text can be given."""
    text, missing = reply_text(text)
    if missing:
        return Reply(None, missing)
    stated = _stated(text)
    if stated is None:
        return Reply(None, "refusal" if is_refusal(text) else "unparseable")
    if any(len(numbers) > 1 for numbers in stated):
        return Reply(None, "contradictory")
    (a,), (b,) = stated
    if a is None or b is None or not (0 <= a <= 100 and 0 <= b <= 100):
        return Reply(None, "out of range")
    return Reply((a, b)) if abs(a + b - 100) <= TOLERANCE else Reply(None, "contradictory")


def _stated(text: str) -> tuple[set[float | None], set[float | None]] | None:
    """All that is stated of A and of B, or None where something is stated of one or neither."""
    pair = _PAIR.fullmatch(text) or _SPACED_PAIR.fullmatch(text)
    if pair:
        return {_percentage(pair["a"])}, {_percentage(pair["b"])}
    for pattern in (_LABEL_FIRST, _LABEL_LAST, _LINE):
        stated: dict[str, set[float | None]] = {"A": set(), "B": set()}
        for found in pattern.finditer(text):
            letter = found["option"] or found.groupdict().get("bare")
            stated[str(letter).upper()].add(_percentage(found["number"]))
        if stated["A"] and stated["B"]:
            return stated["A"], stated["B"]
    return None


def _percentage(number: str) -> float | None:
    """A number as it was written; None for one that no percentage can be ("1,000", or thousands of digits)."""
    if "," in number or number.count(".") > 1 or len(number.lstrip("+-0")) > 20:
        return None
    return float(number)
