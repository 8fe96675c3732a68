"""Numbers out of a reply: a whole number on a scale, or the percentages of two options.

A rating: a reply that starts with the number, a line that holds nothing else, or a number after a label or a verb of
rating ("Score:", "I give it a", "评分："). "4/5" and "4 out of 5" are 4 on a scale up to 5; a fraction of another
whole, a negative number and a number between two steps ("4.5") are not on the scale: out of range. The scale itself
("from 1 to 5", "1-5") is passed over wherever it is repeated. "4. The answer" is unparseable, since "1. The
answer" starts a list. Numbers in words ("four") are not read.

Percentages: labels decide, in whatever order they come: "A: 70%, B: 30%", "Option B - 30 %", "选项A：70％",
`{"A": 70, "B": 30}`, "70% for A and 30% for B". Without labels only a reply that is nothing but two numbers is read:
"70/30", "70%, 30%", in the order A, B. Out of range: a number outside of 0..100. Contradictory: two percentages for one
option, or a sum further than `TOLERANCE` from 100 (1 leaves room for rounding, "33.3% / 66.6%"; it also turns away
"0.7 / 0.3"). One option alone is unparseable: nothing is inferred from it. The percentages are given back as they stand.
"""

from __future__ import annotations

import re
from functools import lru_cache

from valuescope.judge.missing import JudgeError, Reply
from valuescope.judge.reply.own_words import is_unsaid, reply_text
from valuescope.judge.reply.plain_text import LABEL, is_refusal

_SCORE = (
    r"(?P<sign>[-+]?)(?P<number>[0-9]++(?:[.,][0-9]++)*+)"
    r"(?P<suffix>(?: ?/ ?| ?(?:out )?of )(?P<whole>[0-9]++)(?: ?(?:points?|stars?|分))?| ?(?:points?|stars?|分))?"
)
_NO_SCORE = r"""(?! ?[-+("'\[]?[0-9])"""  # "3, 4" and "4 (5 is best)" state more than one number
_REASON = r" (?:because|since|as|it)\b"
_SCORE_ENDS = rf"""(?= ?(?:$|(?:[.,:;!)\]}}"'|<(\n]|-(?:[ \n]|$)){_NO_SCORE})|{_REASON})"""
_ENDS_LINE = r"""(?= ?[.!)\]}"']{0,4} ?(?:$|\n))"""
_ENDS_FIRST = (
    rf"""(?:{_ENDS_LINE}|(?(suffix){_SCORE_ENDS}|(?= ?(?:[,:;!|<(]|-(?:[ \n]|$)){_NO_SCORE}|{_REASON})))"""
)
_OPENER = r"""(?:- )?[ "'(\[{>:]{0,6}"""

_SCORE_FIRST = re.compile(rf"{_OPENER}{_SCORE}{_ENDS_FIRST}", re.IGNORECASE)
_SCORE_LINE = re.compile(rf"(?:^|(?<=\n)){_OPENER}{_SCORE}{_ENDS_LINE}", re.IGNORECASE)

_NOUNS = "scores?|ratings?|grade|marks?|relevance|quality|scale of"
_VERBS = "give|giving|rate|assign|award|deserves?|choose|select|go with|i(?:'d| would) say|(?:it|this|that)(?: is|'s) an?"
_NOUNS_ZH = "评分|得分|分数|打分|分值|评级|等级|相关性|相关度|质量|给出|给|打|选|评为"
_SCORE_FILLER = (
    r"""(?:[ :=,"'(\[{)\]}\n]|- |(?:it|this|that|the|an?|of|as|at|is|be|would|will|to|my|me|on|with|its|for|text|"""
    r"""(?:answer|response|reply)(?:'s)?|relevance|quality|overall|final|scores?|ratings?|scale|value)\b|"""
    r"为|是|个|该|此|这个|回答|分数|评分|了)"
)
_SCORE_LABELLED = re.compile(
    rf"(?:(?:\b(?:{_NOUNS}|{_VERBS})(?![a-z0-9])|{_NOUNS_ZH}){_SCORE_FILLER}{{0,20}}+(?<![a-z])|{LABEL}|\bscale ?[:=] ?)"
    rf"{_SCORE}{_SCORE_ENDS}",
    re.IGNORECASE,
)
_EXTREME = re.compile(
    r"(?:\b(?:max(?:imum)?|min(?:imum)?|highest|lowest|top|full|best|worst|perfect|possible)|最高|最低|满) ?$",
    re.IGNORECASE,
)


def parse_rating(text: str, low: int, high: int) -> Reply[int]:
    """The rating from `low` to `high` that a reply gives, or missing; any text can be given.

    Raises:
        JudgeError: a scale whose low end is not below its high one.
    """
    if low >= high:
        raise JudgeError(f"the scale goes from {low} to {high}; its low end must be below its high one")
    text, missing = reply_text(text)
    if missing:
        return Reply(None, missing)
    text = _scale(low, high).sub(" ", text).strip()
    statements = [_SCORE_FIRST.match(text), *_SCORE_LINE.finditer(text)]
    statements += [
        labelled
        for labelled in _SCORE_LABELLED.finditer(text)
        if not is_unsaid(text, labelled.start())
        and not _EXTREME.search(text, max(0, labelled.start() - 12), labelled.start())
    ]
    ratings = {_on_scale(statement, low, high) for statement in statements if statement is not None}
    if len(ratings) > 1:
        return Reply(None, "contradictory")
    if not ratings:
        return Reply(None, "refusal" if is_refusal(text) else "unparseable")
    (rating,) = ratings
    return Reply(None, "out of range") if rating is None else Reply(rating)


@lru_cache(maxsize=64)
def _scale(low: int, high: int) -> re.Pattern[str]:
    """The scale where it is only repeated: "1 to 5", "1-5", "between 1 and 5", "1, 2, 3, 4, 5"."""
    reach = (
        rf"(?:{low} ?(?:-|~|to|through|\.\.+|到|至) ?{high}|between {low} and {high}|{low} ?[与和] ?{high})"
    )
    steps = r" ?[,/|] ?(?:or |and )?".join(str(step) for step in range(low, high + 1))
    spelled = rf"{reach}|{steps}" if 2 <= high - low < 20 else reach  # of two steps, "1/2" is one out of two
    return re.compile(rf"(?<![0-9.,/-])(?:{spelled})(?![0-9%]|[.,/-][0-9])", re.IGNORECASE)


def _on_scale(statement: re.Match[str], low: int, high: int) -> int | None:
    """The step of the scale that a stated number is, or None."""
    whole, _, rest = statement["number"].partition(".")
    digits = whole.lstrip("0") or "0"
    if not digits.isdecimal() or rest.strip("0") or len(digits) > 9:
        return None
    if statement["whole"] is not None and statement["whole"].lstrip("0") != str(high):
        return None
    value = -int(digits) if statement["sign"] == "-" else int(digits)
    return value if low <= value <= high else None


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
        for match in pattern.finditer(text):
            letter = match["option"] or match.groupdict().get("bare")
            stated[str(letter).upper()].add(_percentage(match["number"]))
        if stated["A"] and stated["B"]:
            return stated["A"], stated["B"]
    return None


def _percentage(number: str) -> float | None:
    """A number as it was written; None for one that no percentage can be ("1,000", or thousands of digits)."""
    if "," in number or number.count(".") > 1 or len(number.lstrip("+-0")) > 20:
        return None
    return float(number)
