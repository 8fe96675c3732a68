"""Words out of a reply: Yes or No, True or False, or the letter of one of several options.

A verdict counts where it stands for itself: the whole reply, the whole of a sentence or line, its first word
before a comma, dash or "because", or what follows "Answer:", "therefore" and their like. "takes no side", "not true of
it" or "reply Yes or No" are none. Where both verdicts are stated the reply is contradictory, and so is one
whose verdict is met anywhere by the other one with no word after it ("Yes, or rather no.").

A letter counts where the reply or line is the letter ("A", "(A)", "**A.**", "A: lead the team", "Option A"), or where it
stands after a label or a verb of choosing ("Answer: A", "I choose option A", "我选择A"). The article in "A team" is no
choice. Two letters stated are contradictory, a letter that was not offered is out of range.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from valuescope.judge.missing import JudgeError, Reply
from valuescope.judge.reply.own_words import is_unsaid, reply_text
from valuescope.judge.reply.plain_text import ENDS, LABEL, OPENER, is_refusal, sentences

_STARTS = r"(?<![A-Za-z0-9_])(?<![A-Za-z]')(?<!\w-)"
_THEREFORE = r"""(?:(?:so|therefore|thus|hence|overall|in conclusion|因此|所以|综上(?:所述)?)[,:]? ?["'(]?)"""


@dataclass(frozen=True)
class _Verdict:
    """The patterns that read one pair of words."""

    word: re.Pattern[str]
    first: re.Pattern[str]
    labelled: re.Pattern[str]
    at_end: re.Pattern[str]
    both: re.Pattern[str]


def _verdict(yes: str, no: str, yes_zh: str, no_zh: str) -> _Verdict:
    english = rf"(?:(?P<yes>{yes})|(?P<no>{no}))(?![A-Za-z0-9_]|'[A-Za-z])"
    chinese = rf"(?:(?P<no_zh>{no_zh})|(?P<yes_zh>{yes_zh}))"
    word = rf"(?:{_STARTS}{english}|(?<![\u4e00-\u9fff]){chinese})"
    anywhere = rf"(?:{_STARTS}{english}|{chinese})"
    bare = rf"(?:{yes}|{no}|{no_zh}|{yes_zh})"
    ends = rf"(?:{ENDS}|(?= (?:because|since|as|it)\b))"
    separator = r"""["')\]]? ?(?:/|\||or|或者?|还是) ?["'(\[]?"""
    return _Verdict(
        *(
            re.compile(pattern, re.IGNORECASE)
            for pattern in (
                word,
                rf"{OPENER}{_THEREFORE}?{word}{ends}",
                rf"{LABEL}{anywhere}{ends}",
                rf"{word}(?! ?\w|-\w)",
                rf"(?<![A-Za-z]){bare}{separator}{bare}(?![A-Za-z])",
            )
        )
    )


_YES_NO = _verdict("yes", "no", "是的|是|对的|对|對", "不是的?|不对|不對|否|错误|错|錯")
_TRUE_FALSE = _verdict(
    "true", "false", "正确|正確|真|是的|是|对的|对|對", "不正确|错误|错|錯|假|不是|不对|不對|否"
)


def parse_yes_no(text: str) -> Reply[bool]:
    """True for Yes (是, 对), False for No (否, 错), or missing; any text can be given."""
    return _parse(text, _YES_NO)


def parse_true_false(text: str) -> Reply[bool]:
    """True for True (真, 正确, 对, 是), False for False (假, 错误, 错, 否), or missing; any text can be given."""
    return _parse(text, _TRUE_FALSE)


def _parse(text: str, verdict: _Verdict) -> Reply[bool]:
    text, missing = reply_text(text)
    if missing:
        return Reply(None, missing)
    stated = verdict.both.sub(" ", text)  # "Yes or No" repeats the question
    labelled = {
        _is_yes(match) for match in verdict.labelled.finditer(stated) if not is_unsaid(stated, match.start())
    }
    first = {_is_yes(match) for match in map(verdict.first.match, sentences(stated)) if match}
    if len(labelled | first) == 1:
        (value,) = labelled | first
        if any(_is_yes(match) != value for match in verdict.at_end.finditer(stated)):
            return Reply(None, "contradictory")
        return Reply(None, "refusal") if is_refusal(text) and not labelled else Reply(value)
    if labelled | first:
        return Reply(None, "contradictory")
    if is_refusal(text):
        return Reply(None, "refusal")
    both = len({_is_yes(match) for match in verdict.word.finditer(text)}) == 2
    return Reply(None, "contradictory" if both else "unparseable")


def _is_yes(match: re.Match[str]) -> bool:
    return bool(match["yes"] or match["yes_zh"])


_OPTION = r"(?:(?:option|choice|action)s?[ _\"'(\[]{1,2}|(?:选项|方案|选择) ?[\"'(\[]?)"
_CHOOSE = r"(?:choose|select|pick|prefer|support|go with|opt for|选择|选|支持|倾向于?)"
_CHOICE_END = r"""(?= ?(?:$|[.:;!)\]}"'|<(\n]|,(?! ?(?:and|or|和|或|[A-Za-z](?![A-Za-z])))|-(?:[ \n]|$)| because\b| since\b))"""
_CHOICE_NAMED = re.compile(  # the one letter is in any case where nothing else can be meant
    rf"(?:{OPENER}(?P<alone>[A-Za-z])[ .)\]}}\"']{{0,4}}$"
    rf"|{OPENER}(?P<first>(?-i:[A-Z]))(?![A-Za-z0-9'])(?!\. ?[A-Z](?![a-z])){_CHOICE_END}"
    rf"|{OPENER}{_OPTION}(?P<option>[A-Za-z])(?![A-Za-z0-9']){_CHOICE_END})",
    re.IGNORECASE,
)
_CHOICE_LABELLED = re.compile(
    rf"(?:{LABEL} ?{_OPTION}?(?P<label>[A-Za-z])(?![A-Za-z0-9'])"
    rf"|{_CHOOSE} ?:? ?[\"'(\[]?{_OPTION}?(?P<verb>(?-i:[A-Z]))(?![A-Za-z0-9'])){_CHOICE_END}",
    re.IGNORECASE,
)


def parse_choice(text: str, letters: Sequence[str]) -> Reply[str]:
    """The one of `letters` (single capital letters, such as "AB") that a reply chooses, or missing; any text can be
    given.

    Raises:
        JudgeError: fewer than two letters, one twice, or one that is not a capital letter.
    """
    distinct = len(letters) >= 2 and len(set(letters)) == len(letters)
    if not distinct or not all(re.fullmatch("[A-Z]", letter) for letter in letters):
        raise JudgeError(f"letters is {letters!r}; give two or more different capital letters, such as 'AB'")
    text, missing = reply_text(text)
    if missing:
        return Reply(None, missing)
    stated = _repeated(tuple(letters)).sub(" ", text)
    matches = [match for line in stated.split("\n") if (match := _CHOICE_NAMED.match(line))]
    matches += [match for match in _CHOICE_LABELLED.finditer(stated) if not is_unsaid(stated, match.start())]
    chosen = {str(match[match.lastgroup or 0]).upper() for match in matches}
    if len(chosen) > 1:
        return Reply(None, "contradictory")
    if not chosen:
        if is_refusal(text):
            return Reply(None, "refusal")
        return Reply(None, "contradictory" if stated.strip() != text.strip() else "unparseable")
    (letter,) = chosen
    return Reply(letter) if letter in letters else Reply(None, "out of range")


@lru_cache(maxsize=64)
def _repeated(letters: tuple[str, ...]) -> re.Pattern[str]:
    """The offer where it is only repeated: "A or B", "A/B"."""
    return re.compile(r"(?<![A-Za-z])" + r" ?(?:/|\||,|,? or|或者?|还是) ?".join(letters) + r"(?![A-Za-z])")
