"""Quotations in a reply: where they stand, and which of them are the judge's own verdict (see `own_words`)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from valuescope.judge.reply.plain_text import LABEL, LEFT_OUT, QUOTATION_MARKS, SENTENCE_END, with_plain_marks
from valuescope.judge.reply.reported import phrases

_CLOSERS = {
    '"': '"”', "“": '”"', "„": '“”"', "‟": '”"', "″": "″", "«": "»", "「": "」", "『": "』", "‘": "’'", "‚": "‘’", "'": "'’", "`": "`", "```": ("```",),
}  # fmt: skip
"""Opening mark -> the marks that close it, the usual one first."""
_MARK = re.compile("```+|[" + "".join({*"".join(c for c in _CLOSERS if len(c) == 1), *"”»」』’"}) + "]")
_WITHIN_A_LINE = "'`‘‚"
_BLOCK = re.compile(r"(?:^|(?<=\n))>[^\n]*(?:\n>[^\n]*)*")
_FENCE = re.compile(r"<<<([a-z_]+) ([0-9a-f]{12})\n")
_WORD_CHARACTER = re.compile(r"[A-Za-z0-9]")


@dataclass(frozen=True)
class _Mark:
    start: int
    end: int
    sign: str
    opens: bool
    closes: bool


def _marks(text: str) -> list[_Mark]:
    marks = []
    for match in _MARK.finditer(text):
        sign, before, after = match[0][:3], text[: match.start()][-1:], text[match.end() : match.end() + 1]
        between_letters = bool(_WORD_CHARACTER.match(before) and _WORD_CHARACTER.match(after))
        apostrophe = sign in "'’" and between_letters
        opens = sign in _CLOSERS and (
            sign not in "\"'" or not (_WORD_CHARACTER.match(before) or after in ("", " ", "\n"))
        )
        closes = sign not in "\"'’" or (
            before not in ("", " ", "\n") or after in ("", " ", "\n") or not _WORD_CHARACTER.match(after)
        )
        marks.append(
            _Mark(match.start(), match.end(), sign, opens and not apostrophe, closes and not apostrophe)
        )
    return marks


@dataclass(frozen=True)
class _Quotation:
    """From `start` to `end`, with its marks; what is quoted begins at `inner`."""

    start: int
    inner: int
    end: int


def _quotations(text: str, is_reported: Callable[[int], bool]) -> Iterator[_Quotation]:
    """Every outermost quotation; one that never ends ends with its line, or with the text where it is reported."""
    marks = _marks(text)
    closings: dict[str, list[int]] = {}
    for place, mark in enumerate(marks):
        if mark.closes:
            closings.setdefault(mark.sign, []).append(place)
    place = 0
    while place < len(marks):
        mark = marks[place]
        place += 1
        if not mark.opens:
            continue
        line_end = text.find("\n", mark.end) % (len(text) + 1)
        following = _next_closing(closings, mark.sign, place)
        if following is not None and not (mark.sign in _WITHIN_A_LINE and marks[following].start > line_end):
            yield _Quotation(mark.start, mark.end, marks[following].end)
            place = following + 1
        elif following is None and mark.sign not in _WITHIN_A_LINE:
            end = len(text) if is_reported(mark.start) else line_end
            yield _Quotation(mark.start, mark.end, end)
            while place < len(marks) and marks[place].start < end:
                place += 1


def _next_closing(closings: dict[str, list[int]], opening: str, place: int) -> int | None:
    """The place, from `place` on, of the mark that closes an opening one."""
    for sign in _CLOSERS[opening]:
        places = closings.get(sign, [])
        following = bisect_left(places, place)
        if following < len(places):
            return places[following]
    return None


_Span = tuple[int, int, str]
"""Start and end of a quotation, and what is put in its place."""


class _Outline:
    """Where sentences begin and where others are said to speak, outside of quotations."""

    def __init__(self, text: str, quotations: Sequence[_Quotation] = ()):
        self._text, self._plain = text, text.translate(QUOTATION_MARKS)
        self._quotations, self._starts = quotations, [quotation.start for quotation in quotations]

    def _outside(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        """All matches that begin outside of quotations."""
        matches = []
        for match in pattern.finditer(self._plain):
            before = bisect_right(self._starts, match.start()) - 1
            if before < 0 or self._quotations[before].end <= match.start():
                matches.append(match)
        return matches

    @cached_property
    def _sentences(self) -> list[int]:
        spans = [
            (quotation.end, self._text[quotation.start : quotation.end]) for quotation in self._quotations
        ]
        stops = [end for end, quotation in spans if _stop(quotation)]
        return sorted([0, *(match.end() for match in self._outside(SENTENCE_END)), *stops])

    @cached_property
    def _reports(self) -> list[int]:
        return [match.start() for match in self._outside(phrases().reported)]

    @cached_property
    def _returns(self) -> list[int]:
        return [match.start() for match in self._outside(phrases().own_again)]

    def sentence(self, position: int) -> int:
        """Where the sentence of a position begins."""
        return self._sentences[bisect_right(self._sentences, position) - 1]

    def is_reported(self, position: int) -> bool:
        """Whether the words before a position, in its sentence, say that somebody else speaks there."""
        report = bisect_left(self._reports, position) - 1
        if report < 0 or self._reports[report] < self.sentence(position):
            return False
        back = bisect_left(self._returns, position) - 1
        return back < 0 or self._returns[back] <= self._reports[report]


def without_quotations(text: str) -> str:
    """A cleaned reply without the quotations that are not the judge's own verdict."""
    text = _without_fences(text)
    blocks = [(block.start(), block.end(), _placeholder(block[0])) for block in _BLOCK.finditer(text)]
    if blocks and blocks[0][1] - blocks[0][0] < len(text):  # quoted lines among others
        text = _cut(text, blocks)
    quotations = list(_quotations(text, _Outline(text).is_reported))
    if not quotations:
        return text
    outline = _Outline(text, quotations)
    spans = list[_Span]()
    for quotation in quotations:
        start, end = quotation.start, quotation.end
        if not _is_own(text, quotation, outline):
            spans.append((start, end, _placeholder(text[start:end])))
        elif text[start] in "'‘‚":  # which would read as an apostrophe
            spans.append((start, end, f'"{text[quotation.inner : end - 1]}"'))
    return _cut(text, spans)


def _without_fences(text: str) -> str:
    """Without quotations out of the judge's prompt (see `valuescope.judge.quoting`)."""
    spans, position = list[_Span](), 0
    while (fence := _FENCE.search(text, position)) is not None:
        position = fence.end()
        closing = f"\n{fence[2]} {fence[1]}>>>"
        end = text.find(closing, position - 1)
        if end >= 0:
            position = end + len(closing)
            spans.append((fence.start(), position, _placeholder("")))
    return _cut(text, spans)


def _cut(text: str, spans: list[_Span]) -> str:
    pieces, position = list[str](), 0
    for start, end, kept in spans:
        pieces += [text[position:start], kept]
        position = end
    return "".join([*pieces, text[position:]])


def _placeholder(quotation: str) -> str:
    """What stands for a quotation that is left out; it ends its sentence where the quotation did."""
    return f'"{LEFT_OUT}"{_stop(quotation)}' + ("\n" if quotation.startswith("```") else "")


def _stop(quotation: str) -> str:
    """The sign that ends a sentence, where a quotation ends one."""
    return "." if quotation[-10:].rstrip("\"”“»」』'’`\n ").endswith((".", "!", "?")) else ""


_NOTHING_BEFORE = re.compile(r"""[ \-(\[{>:,"']{0,8}""")
_NOTHING_AFTER = re.compile(r""" ?(?:$|[.,:;!)\]}|<(\n-]|(?:because|since|as|it|out of|of)\b)""")
_BARE = re.compile(
    r"[ ]?(?:(?:option|选项|方案) ?)?(?:[^\W_]{1,12}|[-+]?[0-9.]{1,6})(?: ?(?:%|/ ?[0-9]{1,3}(?:\.0)?|points?|stars?|分))?[ .!,]{0,2}",
    re.IGNORECASE,
)
_KEY = re.compile(r"""["'](?P<key>[^"'\n]{1,40})["'] ?: ?\[?$""")
_OWN_LABEL = re.compile(
    rf"(?:^|[.;!\n] ?)(?:so |thus |therefore |hence |因此|所以)?,? ?(?:(?:my|the|here is|here's|final|overall|我的|最终) ?){{0,3}}{LABEL} ?$",
    re.IGNORECASE,
)
_THE_ANSWER = re.compile(r"\b(?:the|this|that) (?:answer|response|reply|output)", re.IGNORECASE)


def _is_own(text: str, quotation: _Quotation, outline: _Outline) -> bool:
    """Whether a quotation is what the judge itself says."""
    start, end = quotation.start, quotation.end
    after = text[end : end + 120]
    if outline.is_reported(start) or phrases().pointing_back.match(f'"{after}'):
        return False
    key = _KEY.search(text[max(0, start - 50) : start])
    if key:
        return phrases().reasons.fullmatch(key["key"]) is None
    quoted = text[quotation.inner : end].strip("\"”“»」』'’`")
    if not quoted or after.lstrip(" ").startswith(":") or _BARE.fullmatch(quoted):
        return True
    line_start = text.rfind("\n", max(0, start - 10), start) + 1
    if _NOTHING_BEFORE.fullmatch(text, line_start, start):
        before = text[:line_start].rstrip() if line_start else ""
        introduced = before.endswith(":") and outline.is_reported(len(before))
        return not introduced and _NOTHING_AFTER.match(with_plain_marks(after)) is not None
    label = _OWN_LABEL.search(with_plain_marks(text[max(outline.sentence(start), start - 80) : start]) + " ")
    return label is not None and not _THE_ANSWER.search(label[0])
