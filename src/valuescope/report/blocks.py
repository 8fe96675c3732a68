"""What a report is made of: sections of words, notes, lists, tables, figures and answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from valuescope.report.figure import Figure
from valuescope.report.table import Code as Code
from valuescope.report.table import Table
from valuescope.report.table import Verdict as Verdict


@dataclass(frozen=True)
class Strong:
    """Words that are stressed."""

    text: str


@dataclass(frozen=True)
class Em:
    """A term that is explained."""

    text: str


Inline: TypeAlias = str | Strong | Em | Code | Verdict
Inlines: TypeAlias = Inline | tuple[Inline, ...]


def inlines(parts: Inlines | None) -> tuple[Inline, ...]:
    """One or several parts of a line as several; `not stated` for None."""
    return ("not stated",) if parts is None else parts if isinstance(parts, tuple) else (parts,)


class Words:
    """A paragraph; `style` is "", "small", "absent" (says that something is missing) or "lead"."""

    def __init__(self, *parts: Inline, style: str = "") -> None:
        self.parts, self.style = parts, style


class Note:
    """A remark that is set off from the text; a `warning` is loud."""

    def __init__(self, *parts: Inline, warning: bool = False) -> None:
        self.parts, self.warning = parts, warning


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list with bullets."""

    items: Sequence[Inlines]


@dataclass(frozen=True)
class Facts:
    """Names and what they are; None is not stated."""

    items: Sequence[tuple[str, Inlines | None]]


@dataclass(frozen=True)
class Details:
    """Blocks that open on demand (and are printed in full)."""

    title: str
    blocks: Sequence[Block | None]


@dataclass(frozen=True)
class ArmAnswerText:
    """What one arm answered, and how that was judged."""

    arm: str
    text: str
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True)
class AskedText:
    """A question with every arm's answers. `group`, such as its value, folds questions together."""

    group: str
    text: str
    answers: Sequence[ArmAnswerText]
    system: str = ""


@dataclass(frozen=True)
class AnswerSheet:
    """Answers side by side, by group; the reader may keep those whose first verdict reads as chosen."""

    questions: Sequence[AskedText]

    def groups(self) -> dict[str, list[AskedText]]:
        """The questions of each group, in order."""
        groups: dict[str, list[AskedText]] = {}
        for question in self.questions:
            groups.setdefault(question.group, []).append(question)
        return groups

    def choices(self) -> list[str]:
        """The words that first verdicts have; a reader may choose by them."""
        firsts = [a.verdicts[0].words for question in self.questions for a in question.answers if a.verdicts]
        return list(dict.fromkeys(firsts))


Block: TypeAlias = (
    "str | Words | Note | Heading | Bullets | Facts | Details | AnswerSheet | Table[Any] | Figure"
)


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading. `link` is its word in the navigation, the title where empty."""

    id: str
    title: str
    blocks: Sequence[Block | None]
    link: str = ""


@dataclass(frozen=True)
class ResultBox:
    """The result in plain words; below them heads with lines of their own."""

    words: str
    items: Sequence[tuple[str, Sequence[str]]] = ()


@dataclass(frozen=True)
class Opening:
    """What stands above everything: what was run, remarks, the result, and beside it the figure that shows it."""

    title: str
    kicker: str = "valuescope report"
    lead: tuple[Inline, ...] = ()
    notes: Sequence[Note] = ()
    hero: Figure | None = None
    result: ResultBox | None = None


def every(blocks: Sequence[Block | None]) -> Iterator[Block]:
    """All blocks, those within others too; an empty place is skipped."""
    for block in blocks:
        if block is not None:
            yield block
        if isinstance(block, Details):
            yield from every(block.blocks)


def is_empty(block: Block | None) -> bool:
    """Whether a block shows nothing on the page."""
    match block:
        case None | "":
            return True
        case Table():
            return not (block.page and block.rows and block.titles())
        case Bullets() | Facts():
            return not block.items
        case AnswerSheet():
            return not block.questions
        case Details():
            return all(map(is_empty, block.blocks))
    return False
