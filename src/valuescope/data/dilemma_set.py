"""Dilemmas for ValueExploration: one part to read neurons from, another to ask, in several languages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from valuescope.data.findings import DataError
from valuescope.data.material import dilemma_text
from valuescope.data.records import Dilemma, LabelledText, MultipleChoice, Question, RatedText, Record

Split = Literal["activation", "evaluation"]
_LETTERS = "ABCDEFGH"
_TOPICS = 4  # a set with more topics per value draws few dilemmas of each, which nobody planned to be even


@dataclass(frozen=True)
class DilemmaSet:
    """Dilemmas per value and language in two splits that share no story (ValueExploration, section 2.2).

    `notes` are known faults of the data, to show and not to hide.
    """

    source: str
    values: tuple[str, ...]
    languages: tuple[str, ...]
    activation: tuple[Dilemma, ...]
    evaluation: tuple[Dilemma, ...]
    notes: tuple[str, ...] = ()

    def of(self, split: Split, language: str, value: str | None = None) -> tuple[Dilemma, ...]:
        """The dilemmas of one split and language, of one value or of all, in the set's order."""
        rows = self.activation if split == "activation" else self.evaluation
        return tuple(one for one in rows if one.language == language and value in (None, one.value))

    def first(self, split: Split, count: int | None) -> DilemmaSet:
        """The set with at most `count` dilemmas per value and language in one split."""
        if count is None:
            return self
        seen, kept = Counter[tuple[str, str]](), list[Dilemma]()
        for one in self.activation if split == "activation" else self.evaluation:
            seen[one.value, one.language] += 1
            if seen[one.value, one.language] <= count:
                kept.append(one)
        return (
            replace(self, activation=tuple(kept))
            if split == "activation"
            else replace(self, evaluation=tuple(kept))
        )

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Dilemmas per split, language and value."""
        return {
            split: {
                language: {value: len(self.of(split, language, value)) for value in self.values}
                for language in self.languages
            }
            for split in ("activation", "evaluation")
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> DilemmaSet:
        """The inverse of `to_dict`."""
        return cls(
            content["source"],
            tuple(content["values"]),
            tuple(content["languages"]),
            tuple(Dilemma(**one) for one in content["activation"]),
            tuple(Dilemma(**one) for one in content["evaluation"]),
            tuple(content["notes"]),
        )


def make_dilemma_set(
    source: str,
    values: Sequence[str],
    languages: Sequence[str],
    activation: Sequence[Dilemma],
    evaluation: Sequence[Dilemma],
    *,
    seed: int = 0,
    notes: Sequence[str] = (),
) -> DilemmaSet:
    """A set in an order drawn per value, so that its beginning is a fair part of it; checked.

    The two languages of a story stand at the same place. What is uneven is noted; an entropy over values compares
    rates, so fewer texts of one value mean more noise, and not a lower number.

    Raises:
        DataError: a value without a dilemma in a split and language, a key or a story in both splits.
    """
    parts = dict[Split, tuple[Dilemma, ...]]()
    for split, rows in _splits(activation, evaluation):
        parts[split] = tuple(
            one
            for language in languages
            for value in values
            for one in _drawn(rows, value, language, f"{source}-{split}-{seed}-{value}")
        )
    found = DilemmaSet(
        source, tuple(values), tuple(languages), parts["activation"], parts["evaluation"], tuple(notes)
    )
    _require_whole(found)
    return replace(found, notes=(*notes, *_unbalanced(found)))


def feeding_texts(dilemmas: Sequence[Dilemma], label: str, seed: int) -> list[LabelledText]:
    """Story, choices and rationale of each dilemma (the feeding strategy), the aligned choice A or B by its key."""
    return [
        replace(dilemma_text(one, one.value, random.Random(f"feeding-{seed}-{one.key}")), label=label)
        for one in dilemmas
    ]


def replacing_text(record: Record, label: str) -> LabelledText:
    """A record of another set in a dilemma's place, with its right answer where it has one (section 4.1).

    Raises:
        DataError: a record that is neither a dilemma nor a choice, a question or a text.
    """
    if isinstance(record, MultipleChoice):
        options = "\n".join(
            f"{letter}. {option}" for letter, option in zip(_LETTERS, record.options, strict=False)
        )
        asked = "\n".join(part for part in (record.context, record.question, options) if part)
        answer = (
            "" if record.answer is None else f"{_LETTERS[record.answer]}. {record.options[record.answer]}"
        )
        return LabelledText(label, f"{asked}\n\n", answer, group=record.key)
    if isinstance(record, Question):
        return LabelledText(label, record.question, group=record.key)
    if isinstance(record, RatedText):
        return LabelledText(label, record.text, f"\n{record.reply}" if record.reply else "", record.key)
    if isinstance(record, Dilemma):
        return feeding_texts([record], label, 0)[0]
    raise DataError(
        f"{record.key}: a {type(record).__name__} cannot stand in a dilemma's place; give dilemmas, choices, "
        "questions or rated texts"
    )


def story_key(dilemma: Dilemma) -> str:
    """The key of a story in whatever language."""
    return dilemma.key.removesuffix(f"/{dilemma.language}")


def _splits(
    activation: Sequence[Dilemma], evaluation: Sequence[Dilemma]
) -> tuple[tuple[Split, Sequence[Dilemma]], tuple[Split, Sequence[Dilemma]]]:
    return ("activation", activation), ("evaluation", evaluation)


def _drawn(rows: Sequence[Dilemma], value: str, language: str, seed: str) -> list[Dilemma]:
    found = [one for one in rows if one.value == value and one.language == language]
    return sorted(found, key=lambda one: random.Random(f"{seed}-{story_key(one)}").random())


def _require_whole(found: DilemmaSet) -> None:
    for split, languages in found.counts().items():
        for language, values in languages.items():
            empty = [value for value, count in values.items() if not count]
            if empty:
                raise DataError(
                    f"{found.source}: no {split} dilemmas in {language!r} about {', '.join(empty)}; "
                    "bring some, or leave these values or this language out"
                )
    for field in ("key", "story"):
        shared = {getattr(one, field) for one in found.activation} & {
            getattr(one, field) for one in found.evaluation
        }
        if shared:
            raise DataError(
                f"{found.source}: {len(shared)} dilemmas stand in both splits, by their {field}, such as "
                f"{min(shared)!r}; what neurons are found on must not be what they are tested on"
            )


def _unbalanced(found: DilemmaSet) -> list[str]:
    notes = []
    for split, languages in found.counts().items():
        for language, values in languages.items():
            few, many = min(values.values()), max(values.values())
            if few != many:
                notes.append(f"{split}, {language}: between {few} and {many} dilemmas per value")
    for language in found.languages:
        topics = {
            value: Counter(one.topic for one in found.of("evaluation", language, value))
            for value in found.values
        }
        uneven = [value for value, count in topics.items() if max(count.values()) > 2 * min(count.values())]
        if uneven:
            notes.append(
                f"evaluation, {language}: one conflict topic has more than twice another's dilemmas for "
                f"{', '.join(uneven)}"
            )
    return notes
