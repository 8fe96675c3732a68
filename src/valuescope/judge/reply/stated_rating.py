"""A rating out of a reply: a whole number on a scale.

Read are a reply that starts with the number, a line that holds nothing else, or a number after a label or a verb of
rating ("Score:", "I give it a", "评分："). "4/5", "4.0/5.0" and "4 stars out of 5" are 4 on a scale up to 5; a fraction of another
whole, a negative number and a number between two steps ("4.5") are not on the scale: out of range. The scale itself
("from 1 to 5", "1-5") is passed over wherever it is repeated. "4. The answer" is unparseable, since "1. The
answer" starts a list. Numbers in words ("four") are not read.
"""

from __future__ import annotations

import re
from functools import lru_cache

from valuescope.judge.missing import JudgeError, Reply
from valuescope.judge.reply.own_words import is_unsaid, reply_text
from valuescope.judge.reply.plain_text import LABEL, is_refusal

_SCORE = (
    r"(?P<sign>[-+]?)(?P<number>[0-9]++(?:[.,][0-9]++)*+)"
    r"(?P<suffix>(?: ?(?:points?|stars?|分))?(?: ?/ ?| ?\(?(?:out )?of (?:a (?:possible |maximum of )?)?)"
    r"(?P<whole>[0-9]++(?:\.0++)?)(?: ?(?:points?|stars?|分))?| ?(?:points?|stars?|分))?"
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
    """The scale where it is only repeated: "1 to 5", "between 1 and 5", "1, 2, 3, 4, 5", "Score (out of 5):", "score/5:"."""
    reach = (
        rf"(?:{low} ?(?:-|~|to|through|\.\.+|到|至) ?{high}|between {low} and {high}|{low} ?[与和] ?{high})"
    )
    steps = r" ?[,/|] ?(?:or |and )?".join(str(step) for step in range(low, high + 1))
    spelled = rf"{reach}|{steps}" if 2 <= high - low < 20 else reach  # of two steps, "1/2" is one out of two
    whole = rf"(?:(?:out )?of|max(?:imum)?(?: is|:)?|/|满分(?:为|是)?:?) ?{high}(?:\.0)?(?: ?(?:points?|stars?|分))?"
    return re.compile(
        rf"(?<![0-9.,/-])(?:{spelled})(?![0-9%]|[.,/-][0-9])|\((?:from )?(?:{spelled})\)|[(\[] ?{whole} ?[)\]]"
        rf"|(?:(?<=score)|(?<=rating)|(?<=grade)|(?<=评分)) ?{whole}(?= ?(?:[:=]|is\b|-[ \n]))"
        rf"|(?:^|(?<=[\n.;,]) ?)out of {high}(?: points?| stars?)?(?=[,:])",
        re.IGNORECASE,
    )


def _on_scale(statement: re.Match[str], low: int, high: int) -> int | None:
    """The step of the scale that a stated number is, or None."""
    number = re.sub(r",0{1,2}$", "", statement["number"])  # "4,0" is 4.0, "4,000" is not
    whole, _, rest = number.partition(".")
    digits = whole.lstrip("0") or "0"
    if not digits.isdecimal() or rest.strip("0") or len(digits) > 9:
        return None
    if statement["whole"] is not None and statement["whole"].partition(".")[0].lstrip("0") != str(high):
        return None
    value = -int(digits) if statement["sign"] == "-" else int(digits)
    return value if low <= value <= high else None
