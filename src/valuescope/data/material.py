"""The material of a run: what is read, what is asked, and no text in two places."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from valuescope.data.checks.words import even
from valuescope.data.findings import DataError
from valuescope.data.phrasing import dilemma_question, dilemma_text, template
from valuescope.data.records import (
    ROLES,
    ContrastPair,
    Description,
    Dilemma,
    LabelledText,
    Persona,
    Question,
    RatedText,
    Record,
    label,
    pair_texts,
    record_texts,
)
from valuescope.files import sha256_of

_Kind = TypeVar("_Kind", bound=Record)
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Material:
    """Everything one data source gives to a run.

    `texts` are for identification, `questions` and `pairs` for evaluation, `tuning` for the choice of
    strengths: the three never share a text. `notes` are known faults of the data, to show and not to hide.
    """

    source: str
    values: tuple[str, ...]
    texts: tuple[LabelledText, ...]
    questions: tuple[Question, ...] = ()
    tuning: tuple[Question, ...] = ()
    pairs: tuple[ContrastPair, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """sha256 of the content."""
        return sha256_of(self.to_dict())

    def counts(self) -> dict[str, int]:
        """Number of identification texts per role."""
        roles = Counter(text.label.split("|")[1] for text in self.texts)
        return {role: roles[role] for role in ROLES if roles[role]}

    def first(self, texts: int | None, asked: int | None) -> Material:
        """With the first `texts` of each label, and the first `asked` questions and pairs of each value and setting (None:
        all). The texts of a contrast pair stay together: labels hold them in one order."""
        return replace(
            self,
            texts=_first_of_each(self.texts, texts, lambda text: text.label),
            questions=_first_of_each(self.questions, asked, lambda item: (item.value, item.setting)),
            pairs=_first_of_each(self.pairs, asked, lambda pair: pair.value),
        )

    def evaluated_on(self, other: Material) -> Material:
        """These texts with another material's questions, tuning questions and pairs.

        Raises:
            DataError: a text of the evaluation stands among the texts to read, or within one of them.
        """
        read = "\n".join(even(text.prompt + text.answer) for text in self.texts)
        asked = [question.question for question in (*other.questions, *other.tuning)]
        asked += [side for pair in other.pairs for side in (pair.positive, pair.negative)]
        if shared := [text for text in asked if even(text) in read]:
            raise DataError(
                f"{len(shared)} texts of the evaluation's source {other.source} are read to locate neurons, such as "
                f"{shared[0][:80]!r}; take another source or tier for data.measured_on, or leave it out"
            )
        notes = (*self.notes, *(f"evaluation, {other.source}: {note}" for note in other.notes))
        return replace(self, questions=other.questions, tuning=other.tuning, pairs=other.pairs, notes=notes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content; what a text is made of only where that is known, and how questions are worded only where they are."""
        content = asdict(self)
        for text in content["texts"]:
            if text["persona"] is None:
                del text["persona"]
        for question in (*content["questions"], *content["tuning"]):
            for name in ("wording", "cue"):
                if not question[name]:
                    del question[name]
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Material:
        """The inverse of `to_dict`."""
        return cls(
            source=content["source"],
            values=tuple(content["values"]),
            texts=tuple(
                LabelledText(**{**text, "persona": text.get("persona") and Persona(**text["persona"])})
                for text in content["texts"]
            ),
            questions=tuple(Question(**question) for question in content["questions"]),
            tuning=tuple(Question(**question) for question in content["tuning"]),
            pairs=tuple(ContrastPair(**pair) for pair in content["pairs"]),
            notes=tuple(content["notes"]),
        )


@dataclass(frozen=True)
class MaterialDraw:
    """How much is drawn of each value, and by which random numbers.

    `held_out`: share kept for the evaluation. `texts`: described questions read per direction at most. `questions`:
    asked per setting at most (None: all). `tuning`: questions per setting put aside for the choice of strengths.
    """

    rng: random.Random
    held_out: float
    texts: int
    questions: int | None
    tuning: int

    def kept(self, count: int) -> int:
        """How many of `count` records the evaluation keeps: at least one, and one at least left over."""
        return max(1, min(round(self.held_out * count), count - 1)) if count > 1 else count


@dataclass
class MaterialDraft:
    """Texts, evaluation questions, tuning questions and held-out pairs, as they come together."""

    texts: list[LabelledText] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    tuning: list[Question] = field(default_factory=list)
    pairs: list[ContrastPair] = field(default_factory=list)

    def ask(self, questions: Sequence[Question], draw: MaterialDraw) -> None:
        """Put the first questions aside for tuning and the rest, as many as are wanted, into the evaluation."""
        if questions and draw.tuning >= len(questions):
            raise DataError(
                f"tuning is {draw.tuning}, but for {questions[0].value} there are {len(questions)} questions to ask"
            )
        self.tuning += questions[: draw.tuning]
        self.questions += questions[draw.tuning :][: draw.questions]

    def add_pairs(self, pairs: Sequence[ContrastPair], draw: MaterialDraw) -> None:
        """Contrast pairs: the first share is kept for the evaluation, the others are read."""
        kept = draw.kept(len(pairs))
        self.pairs += pairs[:kept]
        self.texts += [text for pair in pairs[kept:] for text in pair_texts(pair)]

    def add_dilemmas(
        self, value: str, read: Sequence[Dilemma], asked: Sequence[Dilemma], draw: MaterialDraw
    ) -> None:
        """Dilemmas to read with their aligned choice, and dilemmas to ask."""
        self.texts += [dilemma_text(dilemma, value, draw.rng) for dilemma in read]
        self.ask([dilemma_question(dilemma, value, draw.rng) for dilemma in asked], draw)

    def add_described(
        self,
        value: str,
        descriptions: Sequence[Description],
        questions: Sequence[Question],
        draw: MaterialDraw,
        *,
        alone: bool = True,
    ) -> None:
        """Descriptions and questions (ValueLocate): read together, and asked after descriptions for the value.

        A share of the questions and of the descriptions for the value is kept for the evaluation; each kept question
        is asked alone (unless not `alone`) and after one of the kept descriptions. The others are read: `draw.texts` times a question after
        a description for the value, and the same question after one against it, no two alike.
        """
        favour = [text.description for text in descriptions if text.stance == "for"]
        oppose = [text.description for text in descriptions if text.stance == "against"]
        if len(favour) < 2 or not oppose or len(questions) < 2:
            counts = f"{len(favour)} descriptions for, {len(oppose)} against and {len(questions)} questions"
            raise DataError(f"{value}: {counts}; a run needs at least 2, 1 and 2")
        kept, asked = draw.kept(len(favour)), draw.kept(len(questions))
        read = questions[asked:]
        for number in range(min(draw.texts, len(read) * min(len(favour) - kept, len(oppose)))):
            turn, place = divmod(number, len(read))
            question = read[place]
            for stance, tellings in (("for", favour[kept:]), ("against", oppose)):
                persona = Persona(tellings[(place + turn) % len(tellings)], question.question)
                text = template(question.language, "described").format(
                    description=persona.description, question=persona.question
                )
                self.texts.append(
                    LabelledText(label(value, stance), text, group=question.key, persona=persona)
                )
        described = [
            replace(
                question,
                key=f"{question.key}/described",
                setting="described",
                system=draw.rng.choice(favour[:kept]),
            )
            for question in questions[:asked]
        ]
        if alone:
            self.ask(questions[:asked], draw)
        self.ask(described, draw)

    def material(self, source: str, values: tuple[str, ...], notes: Sequence[str]) -> Material:
        """What has come together, as material."""
        return Material(
            source,
            values,
            tuple(self.texts),
            tuple(self.questions),
            tuple(self.tuning),
            tuple(self.pairs),
            tuple(notes),
        )


def _first_of_each(
    items: tuple[_Item, ...], most: int | None, kind: Callable[[_Item], Hashable]
) -> tuple[_Item, ...]:
    """The first items of each kind, in their order."""
    if most is None:
        return items
    seen, kept = Counter[Hashable](), list[_Item]()
    for item in items:
        seen[kind(item)] += 1
        if seen[kind(item)] <= most:
            kept.append(item)
    return tuple(kept)


def of_value(records: Sequence[Record], value: str) -> list[Record]:
    """The records about a value; a rated text is about every value that it is rated 1 for."""
    return [
        record
        for record in records
        if ((value, 1) in record.ratings if isinstance(record, RatedText) else record.value == value)
    ]


def without_repeats(records: Sequence[_Kind]) -> list[_Kind]:
    """The records none of whose texts stood in an earlier record, so that no split can share a text."""
    seen, kept = set[str](), list[_Kind]()
    for record in records:
        texts = {even(text) for text in record_texts(record)}
        if not texts & seen:
            kept.append(record)
        seen |= texts
    return kept


def require_numbers(**numbers: tuple[float | None, float, float]) -> None:
    """DataError where a parameter (value, least, most) is out of range; None is always in range."""
    for name, (number, low, high) in numbers.items():
        if number is not None and not low <= number <= high:
            raise DataError(f"{name} is {number!r}; it must be between {low:g} and {high:g}")
