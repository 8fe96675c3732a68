"""From records to the material of a run: what is read, what is asked, and no text in two places."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TypeVar

from valuescope.data.checks.words import even
from valuescope.data.compared import record_texts
from valuescope.data.findings import DataError
from valuescope.data.records import (
    ContrastPair,
    Description,
    Dilemma,
    LabelledText,
    Question,
    RatedText,
    Record,
    label,
    pair_texts,
)

_Record = TypeVar("_Record")
_Any = TypeVar("_Any", bound=Record)


@dataclass
class Parts:
    """Texts, evaluation questions, tuning questions and held-out pairs, as they come together."""

    texts: list[LabelledText] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    tuning: list[Question] = field(default_factory=list)
    pairs: list[ContrastPair] = field(default_factory=list)

    def ask(self, questions: Sequence[Question], tuning: int, most: int | None) -> None:
        """Put the first `tuning` questions aside for tuning and at most `most` of the rest into the evaluation."""
        if questions and tuning >= len(questions):
            value = questions[0].value
            raise DataError(
                f"tuning is {tuning}, but for {value} there are {len(questions)} questions to ask"
            )
        self.tuning += questions[:tuning]
        self.questions += questions[tuning:][:most]


def add_pairs(parts: Parts, pairs: Sequence[ContrastPair], held_out: float) -> None:
    """Contrast pairs: the first share is kept for the evaluation, the others are read."""
    kept = share_of(len(pairs), held_out)
    parts.pairs += pairs[:kept]
    parts.texts += [text for pair in pairs[kept:] for text in pair_texts(pair)]


def add_described(
    parts: Parts,
    value: str,
    descriptions: Sequence[Description],
    questions: Sequence[Question],
    *,
    held_out: float,
    texts: int,
    tuning: int,
    most: int | None,
    rng: random.Random,
) -> None:
    """Descriptions and questions (ValueLocate): read together, and asked after descriptions for the value.

    A share of the questions and of the descriptions for the value is kept for the evaluation; each kept question is
    asked alone and after one of the kept descriptions. The others are read: `texts` times a question after a
    description for the value, and the same question after one against it, no two alike.
    """
    favour = [one.description for one in descriptions if one.stance == "for"]
    oppose = [one.description for one in descriptions if one.stance == "against"]
    if len(favour) < 2 or not oppose or len(questions) < 2:
        counts = f"{len(favour)} descriptions for, {len(oppose)} against and {len(questions)} questions"
        raise DataError(f"{value}: {counts}; a run needs at least 2, 1 and 2")
    kept, asked = share_of(len(favour), held_out), share_of(len(questions), held_out)
    read = questions[asked:]
    for number in range(min(texts, len(read) * min(len(favour) - kept, len(oppose)))):
        turn, place = divmod(number, len(read))
        question = read[place]
        for stance, tellings in (("for", favour[kept:]), ("against", oppose)):
            description = tellings[(place + turn) % len(tellings)]
            text = template(question.language, "described").format(
                description=description, question=question.question
            )
            parts.texts.append(LabelledText(label(value, stance), text, group=question.key))
    alone = questions[:asked]
    described = [
        replace(one, key=f"{one.key}/described", setting="described", system=rng.choice(favour[:kept]))
        for one in alone
    ]
    parts.ask(alone, tuning, most)
    parts.ask(described, tuning, most)


def dilemma_text(dilemma: Dilemma, value: str, rng: random.Random) -> LabelledText:
    """Story, choices and rationale in one text (ValueExploration section 2.3), the aligned choice A or B by chance."""
    asked, letter = _asked(dilemma, rng.random() < 0.5)
    answer = template(dilemma.language, "answer").format(
        letter=letter, action=dilemma.aligned, rationale=dilemma.rationale
    )
    return LabelledText(label(value, "text"), f"{asked}\n\n", answer.strip(), group=dilemma.key)


def dilemma_question(dilemma: Dilemma, value: str, rng: random.Random) -> Question:
    """A dilemma as a question, the aligned choice A or B by chance."""
    asked, _ = _asked(dilemma, rng.random() < 0.5)
    return Question(dilemma.key, value, "dilemma", asked, language=dilemma.language, topic=dilemma.topic)


def rated_text(text: RatedText, value: str) -> LabelledText:
    """A text that speaks for a value."""
    return LabelledText(
        label(value, "text"), text.text, f"\n{text.reply}" if text.reply else "", group=text.key
    )


def of_value(records: Sequence[Record], value: str) -> list[Record]:
    """The records about a value; a rated text is about every value that it is rated 1 for."""
    return [
        record
        for record in records
        if ((value, 1) in record.ratings if isinstance(record, RatedText) else record.value == value)
    ]


def without_repeats(records: Sequence[_Any]) -> list[_Any]:
    """The records none of whose texts stood in an earlier record, so that no split can share a text."""
    seen, kept = set[str](), list[_Any]()
    for record in records:
        texts = {even(text) for text in record_texts(record)}
        if not texts & seen:
            kept.append(record)
        seen |= texts
    return kept


def of_kind(records: Sequence[Record], kind: type[_Record]) -> list[_Record]:
    """The records of one kind."""
    return [record for record in records if isinstance(record, kind)]


def require_numbers(**numbers: tuple[float | None, float, float]) -> None:
    """DataError where a parameter (value, least, most) is out of range; None is always in range."""
    for name, (number, low, high) in numbers.items():
        if number is not None and not low <= number <= high:
            raise DataError(f"{name} is {number!r}; it must be between {low:g} and {high:g}")


def _asked(dilemma: Dilemma, first: bool) -> tuple[str, str]:
    """The dilemma with its two choices, and the letter of the aligned one."""
    actions = [dilemma.aligned, dilemma.violating]
    one, other = actions if first else reversed(actions)
    asked = template(dilemma.language, "question").format(story=dilemma.story, first=one, second=other)
    return asked, "A" if first else "B"


def share_of(count: int, share: float) -> int:
    """A share of some records: at least one, and one at least left over."""
    return max(1, min(round(share * count), count - 1)) if count > 1 else count


def template(language: str, name: str) -> str:
    """How records of a language are put into words."""
    found = _templates()
    return found[language if language in found else "en"][name]


@cache
def _templates() -> dict[str, dict[str, str]]:
    text = files("valuescope.data").joinpath("templates.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
