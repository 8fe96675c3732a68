"""What in a reply are the judge's own words: the one rule that every parser reads a reply by.

Left out are quotations that are not the judge's verdict (in quotation marks of any kind, code marks, quoted lines, or the
fences of `judge/quoting.py`), and what a sentence reports ("the answer tells me to say ..."), what the judge thought of and
left ("I was about to give a 5"), and questions. The phrases are in `reported.toml`.

A quotation is the judge's own where it is the whole reply or line ("Score: 4" in quotation marks), a key or a value in JSON
(a reason's text is none), one word or number, or what a label of the judge's is followed by (`Final answer: "4/5"`), and
nothing in its sentence says that somebody else says it.
"""

from __future__ import annotations

import re

from valuescope.judge.missing import MissingKind
from valuescope.judge.reply.plain_text import LEFT_OUT, SENTENCE_END, cleaned, with_plain_marks
from valuescope.judge.reply.quotations import without_quotations
from valuescope.judge.reply.reported import phrases

LONGEST = 20_000
"""Characters of a final part that are read; a longer one is no clear statement, and is unparseable."""
_NEAR = 300


def reply_text(text: str) -> tuple[str, MissingKind | None]:
    """The judge's own words out of a reply's final part, in plain form; or "" and why there are none.

    A reply that has no words of its own is not empty: it states nothing.
    """
    text, missing = cleaned(text)
    if missing or len(text) > LONGEST:
        return "", missing or "unparseable"
    return _without_reports(with_plain_marks(without_quotations(text))), None


def _without_reports(text: str) -> str:
    known, kept, introduced = phrases(), list[str](), False
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        sentence = text[start:end]
        words, stop = sentence.strip(), "\n" if sentence.endswith("\n") else ". "
        if kept and known.of_the_last.match(words):
            kept[-1] = f"{LEFT_OUT}{stop}"
        is_question = words.endswith("?") and known.question.match(words)
        if words and (introduced or is_question or known.pointing_back.search(words)):
            kept.append(f"{LEFT_OUT}{stop}")
            introduced = introduced and not sentence.endswith("\n")
        else:
            kept.append(_own_clauses(sentence, stop))
            introduced = kept[-1] != sentence and words.endswith(":")
    return "".join(kept).strip()


def _own_clauses(sentence: str, stop: str) -> str:
    """A sentence without what it reports."""
    known, pieces, position = phrases(), list[str](), 0
    while (report := known.reported.search(sentence, position)) is not None:
        pieces += [sentence[position : report.start()], LEFT_OUT]
        again = known.own_again.search(sentence, report.end())
        if again is None:
            return "".join([*pieces, stop])
        position = again.end()
        pieces.append(f", {again[0]}")
    return "".join([*pieces, sentence[position:]])


_CLAUSE_END = re.compile(r"[,:]|\b(?:so|but|therefore|thus|hence)\b|所以|因此|但", re.IGNORECASE)
_CONDITION = re.compile(r"\b(?:if|unless|were|had|would have|should have)\b|如果|假如|若", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|cannot|hardly|whether|rather than|instead of)\b|n't\b|不|没|沒|無|无|是否|而非",
    re.IGNORECASE,
)


def is_unsaid(text: str, position: int) -> bool:
    """Whether the words before `position`, in its own sentence, make the statement there a condition or deny it."""
    sentence = SENTENCE_END.split(text[max(0, position - _NEAR) : position])[-1]
    clause = _CLAUSE_END.split(sentence)[-1]
    return _CONDITION.search(sentence) is not None or _NEGATION.search(clause) is not None
