"""The letter of one of several options, out of a reply.

What counts: a reply or line that is the letter ("A", "(A)", "**A.**", "A: lead the team", "Option A"), or a letter
after a label or a verb of choosing ("Answer: A", "I choose option A", "我选择A"). The article in "A team" is no choice. Two
letters stated are contradictory, a letter that was not offered is out of range.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from valuescope.judge.error import JudgeError
from valuescope.judge.reply.refusal import is_refusal
from valuescope.judge.reply.reply import Reply
from valuescope.judge.reply.statement import LABEL, OPENER, is_unsaid
from valuescope.judge.reply.text import reply_text

_OPTION = r"(?:(?:option|choice|action)s?[ _\"'(\[]{1,2}|(?:选项|方案|选择) ?[\"'(\[]?)"
_VERBS = r"(?:choose|select|pick|prefer|support|go with|opt for|选择|选|支持|倾向于?)"
_END = r"""(?= ?(?:$|[.:;!)\]}"'|<(\n]|,(?! ?(?:and|or|和|或|[A-Za-z](?![A-Za-z])))|-(?:[ \n]|$)| because\b| since\b))"""
_NAMED = re.compile(  # the one letter is in any case where nothing else can be meant
    rf"(?:{OPENER}(?P<alone>[A-Za-z])[ .)\]}}\"']{{0,4}}$"
    rf"|{OPENER}(?P<first>(?-i:[A-Z]))(?![A-Za-z0-9'])(?!\. ?[A-Z](?![a-z])){_END}"
    rf"|{OPENER}{_OPTION}(?P<option>[A-Za-z])(?![A-Za-z0-9']){_END})",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    rf"(?:{LABEL} ?{_OPTION}?(?P<label>[A-Za-z])(?![A-Za-z0-9'])"
    rf"|{_VERBS} ?:? ?[\"'(\[]?{_OPTION}?(?P<verb>(?-i:[A-Z]))(?![A-Za-z0-9'])){_END}",
    re.IGNORECASE,
)


def parse_choice(text: str, letters: Sequence[str]) -> Reply[str]:
    """The one of `letters` (single capital letters, such as "AB") that a reply chooses, or missing; any text can be
    given.

    Raises:
        JudgeError: fewer than two letters, one twice, or one that is not a capital letter.
    """
    if (
        len(letters) < 2
        or len(set(letters)) < len(letters)
        or not all(re.fullmatch("[A-Z]", one) for one in letters)
    ):
        raise JudgeError(f"letters is {letters!r}; give two or more different capital letters, such as 'AB'")
    text, missing = reply_text(text)
    if missing:
        return Reply(None, missing)
    stated = _repeated(tuple(letters)).sub(" ", text)
    found = [_NAMED.match(line) for line in stated.split("\n")]
    found += [one for one in _LABELLED.finditer(stated) if not is_unsaid(stated, one.start())]
    chosen = {str(one[one.lastgroup or 0]).upper() for one in found if one is not None}
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
