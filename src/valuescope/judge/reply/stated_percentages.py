"""The percentages of two options out of a reply.

Labels decide, in whatever order they come: "A: 70%, B: 30%", "Option B - 30 %", "选项A：70％", "A支持率70%",
`{"A": 70, "B": 30}`, "70% for A and 30% for B". Without labels only a reply that is nothing but two numbers is read, in the
order A, B: "70/30" where they make 100, "80%, 40%" where both are percentages. A percentage of something else ("30% risk",
"the risk of A is 30%") is none of support.

Each option is asked about on its own, so any sum is an answer; with `together` the two must make 100. Out of range: a number
outside of 0..100, and shares of 1 ("0.7 / 0.3"). Contradictory: two percentages for one option, or with `together` a sum
further than `TOLERANCE` from 100 (1 leaves room for rounding, "33.3% / 66.6%"). One option alone is unparseable: nothing is
inferred from it. The percentages are given back as they stand.
"""

from __future__ import annotations

import re

from valuescope.judge.missing import Reply
from valuescope.judge.reply.own_words import reply_text
from valuescope.judge.reply.plain_text import is_refusal

TOLERANCE = 1.0
"""How far from 100 two percentages may sum where they must make 100."""

_NUMBER = r"(?P<number>[-+]?[0-9]++(?:[.,][0-9]++)*+)"
_PERCENT = r"(?: ?(?:%|per ?cent\b|percentage points?\b|个百分点))"
_OF_HUNDRED = r"(?: ?(?:/|out of) ?100(?![0-9.%]))"
_FOLLOWED = (
    r"""(?:$|[.,:;!)\]}"'|<(\n\ufffc]|-(?:[ \n]|$)|/ ?(?![ 0-9])|(?:support(?:ive|ed)?|in favou?r|agree(?:ment)?|and|or|while|but|whereas|"""
    r"""with|vs|versus|because|since|as|so|for|to|on|reasons?|options?|choice|action|[AB](?![A-Za-z0-9']))\b"""
    r"""|的?支持|赞成|选项|方案|选择|行动|理由|而|因为|[AB](?![A-Za-z]))"""
)
"""What may follow a percentage of support: an end, a word of support, a conjunction or the next option."""
_NOT_ON = r"(?! ?[-~/] ?[0-9]|[0-9])"
_ENDS = (
    rf"(?:(?P<sign>{_PERCENT}|{_OF_HUNDRED})(?= ?{_FOLLOWED})|(?= ?(?:$|[.,:;!)\]}}\"'|<(\n]|-(?:[ \n]|$))))"
    rf"{_NOT_ON}"
)
_OPTION = r"(?:\boptions?|\bchoice|\baction|选项|方案|选择|行动)"
_BARE = r"(?<![A-Za-z0-9'])[AB](?![A-Za-z0-9'])"
_LETTER = r"[AB](?![A-Za-z0-9])"
_ASIDE = r"(?: ?\([^()\n%]{1,100}\))?"
_LINK = r"""[ "'\]})]{0,3}(?:[:=)\].|\n]|- | is\b| ?support(?: rate)?\b|项?的?支持(?:率|度|程度)?|项|是|为)"""
_FILLER = (
    r"""(?:[ :="'(\[{\n~≈]|- |(?:my|i|would|the|of|at|is|it|it's|be|about|around|roughly|approximately|likelihood|level|rate|"""
    r"support(?: rate)?|supported|percentage|probability|give|with|for|this|by)\b|"
    r"支持率|支持度|支持|为|是|的|比例|概率|程度|约|大约|大概|百分之|我|给)"
)
_LABEL_FIRST = re.compile(
    rf"(?:{_OPTION} ?[\"'(]?(?P<option>{_LETTER}){_ASIDE}{_FILLER}{{0,12}}+"
    rf"|(?P<bare>{_BARE}){_ASIDE}{_LINK}{_FILLER}{{0,12}}+|支持(?P<after>{_LETTER}){_FILLER}{{0,12}}+)"
    rf"{_NUMBER}{_ENDS}",
    re.IGNORECASE,
)
_LABEL_LAST = re.compile(
    rf"(?<![0-9.,/-]){_NUMBER}(?P<sign>{_PERCENT}) ?(?:support )?(?:for|to|in favou?r of|支持|给|赞成)? ?[\"'(]?"
    rf"(?:{_OPTION} ?[\"'(]?)?(?P<option>{_LETTER})",
    re.IGNORECASE,
)
_MEASURE = (
    r"(?:risks?|chances?|odds|danger|dangers|costs?|price|confiden(?:ce|t)|certain(?:ty)?|sure|failure|success|loss(?:es)?|"
    r"gains?|profits?|savings?|discount|accuracy|error|harm|growth|increase|decrease|drop|rise)"
)
_OF_SOMETHING_ELSE = re.compile(
    rf"\b{_MEASURE}\b|(?:风险|几率|机会|危险|成本|代价|成功率|失败率|损失|利润|收益|把握|增长|下降)",
    re.IGNORECASE,
)
# "A. Lead the team: 70%", "Option B (wait) - 30%": the option's own words stand between its label and the number.
_LINE = re.compile(
    rf"(?:^|(?<=\n))[ \"'(\[{{>-]{{0,6}}(?:{_OPTION} ?)?(?P<option>{_LETTER})(?= ?[.:)\](-])"
    rf"(?! ?[.:)\](-]{{1,2}} ?(?:the |a )?{_MEASURE}\b)[^\n%]{{1,200}}?[:(=-] ?"
    rf"{_NUMBER}(?P<sign>{_PERCENT})[ .,;)\]}}\"']{{0,4}}(?=$|\n)",
    re.IGNORECASE,
)
_A_NUMBER, _B_NUMBER = (
    rf"(?P<{letter}>[-+]?[0-9]++(?:\.[0-9]++)?+)(?P<{letter}_sign>{_PERCENT})?" for letter in "ab"
)
_PAIR = re.compile(
    rf"(?:[ \"'(\[]{{0,4}}A ?/ ?B ?[:=-])?[ \"'(\[:]{{0,4}}{_A_NUMBER}"
    rf" ?(?:[/:,;|\n-]|and|to|vs\.?|versus|和|比|对)[ \n]?{_B_NUMBER}[ .!\"')\]]{{0,4}}",
    re.IGNORECASE,
)
_SPACED_PAIR = re.compile(
    rf"(?:(?:support(?: rates?)?|支持率)[: ]{{1,2}})?A ?[:=]? ?{_A_NUMBER}[ ,;/|\n]{{1,3}}"
    rf"(?:and )?B ?[:=]? ?{_B_NUMBER}[ .!]{{0,2}}",
    re.IGNORECASE,
)
_Stated = set[tuple[float | None, bool]]
"""The percentages stated of one option, None for one that none can be, each with whether it has a sign of percent."""


def parse_percentages(text: str, *, together: bool = False) -> Reply[tuple[float, float]]:
    """The percentages of option A and option B, each 0..100, or missing; any text can be given.

    `together`: they were asked to make 100, and contradict each other where they do not.
    """
    text, missing = reply_text(text)
    if missing:
        return Reply(None, missing)
    stated = _stated(text)
    if stated is None:
        return Reply(None, "refusal" if is_refusal(text) else "unparseable")
    numbers = [{number for number, _ in option} for option in stated]
    if any(len(option) > 1 for option in numbers):
        return Reply(None, "contradictory")
    (a,), (b,) = numbers
    if a is None or b is None or not (0 <= a <= 100 and 0 <= b <= 100):
        return Reply(None, "out of range")
    signed = any(sign for option in stated for _, sign in option)
    if not signed and max(a, b) <= 1 and (a, b) not in ((0, 0), (0, 1), (1, 0), (1, 1)):
        return Reply(None, "out of range")
    if together and abs(a + b - 100) > TOLERANCE:
        return Reply(None, "contradictory")
    return Reply((a, b))


def _stated(text: str) -> tuple[_Stated, _Stated] | None:
    """All that is stated of A and of B, or None where something is stated of one or neither."""
    spaced = _SPACED_PAIR.fullmatch(text)
    pair = spaced or _PAIR.fullmatch(text)
    if pair:
        a, b = ((_percentage(pair[letter]), bool(pair[f"{letter}_sign"])) for letter in "ab")
        makes_100 = a[0] is not None and b[0] is not None and abs(a[0] + b[0] - 100) <= TOLERANCE
        out_of_range = any(number is not None and not 0 <= number <= 100 for number, _ in (a, b))
        fraction = "." in pair["a"] and "." in pair["b"]
        return ({a}, {b}) if spaced or makes_100 or (a[1] and b[1]) or out_of_range or fraction else None
    for pattern in (_LABEL_FIRST, _LABEL_LAST, _LINE):
        stated: dict[str, _Stated] = {"A": set(), "B": set()}
        for match in pattern.finditer(text):
            groups = match.groupdict()
            letter = groups["option"] or groups.get("bare") or groups.get("after")
            if pattern is _LINE or not _is_of_something_else(text, match.start()):
                stated[str(letter).upper()].add((_percentage(match["number"]), bool(groups["sign"])))
        if stated["A"] and stated["B"]:
            return stated["A"], stated["B"]
    return None


_CLAUSE = re.compile(r"[.;!?\n]|, ")


def _is_of_something_else(text: str, position: int) -> bool:
    """Whether the words before a label, in its clause, name what its percentage is of: "the risk of A is 30%"."""
    clause = _CLAUSE.split(text[max(0, position - 60) : position])[-1]
    return _OF_SOMETHING_ELSE.search(clause) is not None


def _percentage(number: str) -> float | None:
    """A number as it was written; None for one that no percentage can be ("1,000", or thousands of digits)."""
    if "," in number or number.count(".") > 1 or len(number.lstrip("+-0")) > 20:
        return None
    return float(number)
