"""Material from the starter set that ships with the package."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from valuescope.data.findings import DataError
from valuescope.data.material import (
    Parts,
    add_described,
    add_pairs,
    dilemma_question,
    dilemma_text,
    of_kind,
    require_numbers,
)
from valuescope.data.records import ContrastPair, Description, Dilemma, Material, Question
from valuescope.data.starter_set import read_part
from valuescope.values import load_value_system

_Kind = TypeVar("_Kind", ContrastPair, Description, Dilemma, Question)
NOTE = "Texts and questions are those of the starter set, written for valuescope."


def starter_material(
    values: tuple[str, ...],
    *,
    language: str = "en",
    held_out: float | None = None,
    texts: int = 60,
    questions: int | None = None,
    tuning: int = 5,
    seed: int = 0,
) -> Material:
    """Texts, questions and pairs of the starter set.

    Schwartz's ten values: contrast pairs (texts positive and negative, held-out pairs) and open questions. His four
    dimensions: descriptions and situational questions (texts for and against; questions alone and described). The
    twelve Chinese social values: activation dilemmas with rationale (text) and evaluation dilemmas as questions.

    Args:
        values: ids of one of these three levels.
        language: "en", or "zh" for the Chinese social values.
        held_out: share of the pairs (None: 0.3), or of descriptions and situations (None: 0.5), kept for the
            evaluation.
        texts: described situations read per dimension and direction at most.
        questions: evaluation questions per value and setting at most (None: all).
        tuning: questions per value and setting put aside for the choice of strengths.
        seed: of the split; that of a value does not depend on the other values.

    Raises:
        DataError: values of no such level, a language that it lacks, a number out of range.
    """
    require_numbers(
        held_out=(held_out, 0.01, 0.99),
        texts=(texts, 1, 1e9),
        questions=(questions, 1, 1e9),
        tuning=(tuning, 0, 1e9),
    )
    level = _level(values)
    known = ("en", "zh") if level.system == "chinese-social" else ("en",)
    if language not in known:
        raise DataError(
            f"language is {language!r}; the starter set has these values in {' and '.join(known)}"
        )
    parts = Parts()
    for value in values:
        draw = _Draw(
            random.Random(f"starter-{seed}-{value}"),
            language,
            level.held_out if held_out is None else held_out,
            texts,
            questions,
            tuning,
        )
        level.add(parts, value, draw)
    return Material(
        "starter",
        values,
        tuple(parts.texts),
        tuple(parts.questions),
        tuple(parts.tuning),
        tuple(parts.pairs),
        (NOTE,),
    )


@dataclass(frozen=True)
class _Draw:
    """How much is drawn of each value, and by which random numbers."""

    rng: random.Random
    language: str
    held_out: float
    texts: int
    questions: int | None
    tuning: int

    def shuffled(self, part: str, value: str, kind: type[_Kind]) -> list[_Kind]:
        """The records of one part in this draw's language and order."""
        found = [one for one in of_kind(read_part(part, [value]), kind) if one.language == self.language]
        self.rng.shuffle(found)
        return found


def _add_value(parts: Parts, value: str, draw: _Draw) -> None:
    add_pairs(parts, draw.shuffled("schwartz/contrast", value, ContrastPair), draw.held_out)
    parts.ask(draw.shuffled("schwartz/questions", value, Question), draw.tuning, draw.questions)


def _add_dimension(parts: Parts, value: str, draw: _Draw) -> None:
    add_described(
        parts,
        value,
        draw.shuffled("schwartz/descriptions", value, Description),
        draw.shuffled("schwartz/situations", value, Question),
        held_out=draw.held_out,
        texts=draw.texts,
        tuning=draw.tuning,
        most=draw.questions,
        rng=draw.rng,
    )


def _add_chinese(parts: Parts, value: str, draw: _Draw) -> None:
    read = draw.shuffled("chinese-social/activation", value, Dilemma)
    asked = draw.shuffled("chinese-social/evaluation", value, Dilemma)
    parts.texts += [dilemma_text(one, value, draw.rng) for one in read]
    parts.ask([dilemma_question(one, value, draw.rng) for one in asked], draw.tuning, draw.questions)


@dataclass(frozen=True)
class _Level:
    """A level of a value system that the set has material for."""

    system: str
    level: str
    add: Callable[[Parts, str, _Draw], None]
    held_out: float = 0.3


_LEVELS = (
    _Level("schwartz", "value", _add_value),
    _Level("schwartz", "dimension", _add_dimension, held_out=0.5),
    _Level("chinese-social", "value", _add_chinese),
)


def _level(values: tuple[str, ...]) -> _Level:
    for level in _LEVELS:
        if set(values) <= set(load_value_system(level.system).at_level(level.level)):
            return level
    raise DataError(
        f"the starter set has no level with the values {', '.join(values)}; it has Schwartz's ten values, his four "
        "dimensions and the twelve Chinese social values"
    )
