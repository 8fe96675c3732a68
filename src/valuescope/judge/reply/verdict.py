"""Yes or No, True or False, out of a reply.

What counts is a verdict that stands for itself: the whole reply, the whole of a sentence or line, its first word
before a comma, dash or "because", or what follows "Answer:", "therefore" and their like. "takes no side", "not true of
it" or "reply Yes or No" are none. Where both verdicts are stated the reply is contradictory, and so is one
whose verdict is met anywhere by the other one with no word after it ("Yes, or rather no.").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from valuescope.judge.reply.refusal import is_refusal
from valuescope.judge.reply.reply import Reply
from valuescope.judge.reply.statement import ENDS, LABEL, OPENER, is_unsaid, sentences
from valuescope.judge.reply.text import reply_text

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
        _is_yes(found) for found in verdict.labelled.finditer(stated) if not is_unsaid(stated, found.start())
    }
    first = {_is_yes(found) for found in map(verdict.first.match, sentences(stated)) if found}
    if len(labelled | first) == 1:
        (value,) = labelled | first
        if any(_is_yes(found) != value for found in verdict.at_end.finditer(stated)):
            return Reply(None, "contradictory")
        return Reply(None, "refusal") if is_refusal(text) and not labelled else Reply(value)
    if labelled | first:
        return Reply(None, "contradictory")
    if is_refusal(text):
        return Reply(None, "refusal")
    said = {_is_yes(found) for found in verdict.word.finditer(text)}
    return Reply(None, "contradictory" if len(said) == 2 else "unparseable")


def _is_yes(found: re.Match[str]) -> bool:
    return bool(found["yes"] or found["yes_zh"])
