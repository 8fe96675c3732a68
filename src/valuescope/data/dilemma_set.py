"""Dilemmas for ValueExploration: one part to read neurons from, another to ask, in several languages; their sources."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from valuescope.data.findings import DataError
from valuescope.data.material import without_repeats
from valuescope.data.organism_material import social_organism
from valuescope.data.phrasing import dilemma_text
from valuescope.data.readers import read_data
from valuescope.data.records import (
    Dilemma,
    LabelledText,
    MultipleChoice,
    Question,
    RatedText,
    Record,
    of_kind,
    story_key,
)
from valuescope.data.starter import read_part
from valuescope.ranges import CountOrNone
from valuescope.values import load_value_system

Split = Literal["activation", "evaluation"]
_LETTERS = "ABCDEFGH"


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
        return tuple(row for row in rows if row.language == language and value in (None, row.value))

    def first(self, split: Split, count: int | None) -> DilemmaSet:
        """The set with at most `count` dilemmas per value and language in one split."""
        if count is None:
            return self
        kept = tuple(
            dilemma
            for language in self.languages
            for value in self.values
            for dilemma in self.of(split, language, value)[:count]
        )
        return replace(self, activation=kept) if split == "activation" else replace(self, evaluation=kept)

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
            tuple(Dilemma(**dilemma) for dilemma in content["activation"]),
            tuple(Dilemma(**dilemma) for dilemma in content["evaluation"]),
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
    read, asked = (
        tuple(
            dilemma
            for language in languages
            for value in values
            for dilemma in _drawn(rows, value, language, f"{source}-{split}-{seed}-{value}")
        )
        for split, rows in (("activation", activation), ("evaluation", evaluation))
    )
    dilemmas = DilemmaSet(source, tuple(values), tuple(languages), read, asked, tuple(notes))
    _require_whole(dilemmas)
    return replace(dilemmas, notes=(*notes, *_unbalanced(dilemmas)))


def feeding_texts(dilemmas: Sequence[Dilemma], label: str, seed: int) -> list[LabelledText]:
    """Story, choices and rationale of each dilemma (the feeding strategy), the aligned choice A or B by its key."""
    return [
        replace(
            dilemma_text(dilemma, dilemma.value, random.Random(f"feeding-{seed}-{dilemma.key}")), label=label
        )
        for dilemma in dilemmas
    ]


def is_about(record: Record, value: str) -> bool:
    """Whether a record of another set can stand for a value: one with ratings by them, any other by its value or none."""
    if isinstance(record, RatedText) and record.ratings:
        return any(rated == value and number > 0 for rated, number in record.ratings)
    return record.value in ("", value)


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


def _drawn(rows: Sequence[Dilemma], value: str, language: str, seed: str) -> list[Dilemma]:
    held = [row for row in rows if row.value == value and row.language == language]
    return sorted(held, key=lambda row: random.Random(f"{seed}-{story_key(row)}").random())


def _require_whole(dilemmas: DilemmaSet) -> None:
    for split, languages in dilemmas.counts().items():
        for language, values in languages.items():
            empty = [value for value, count in values.items() if not count]
            if empty:
                raise DataError(
                    f"{dilemmas.source}: no {split} dilemmas in {language!r} about {', '.join(empty)}; "
                    "bring some, or leave these values or this language out"
                )
    for field in ("key", "story"):
        read, asked = (
            {getattr(row, field) for row in rows} for rows in (dilemmas.activation, dilemmas.evaluation)
        )
        if shared := read & asked:
            raise DataError(
                f"{dilemmas.source}: {len(shared)} dilemmas stand in both splits, by their {field}, such as "
                f"{min(shared)!r}; what neurons are found on must not be what they are tested on"
            )


def _unbalanced(dilemmas: DilemmaSet) -> list[str]:
    notes = []
    for split, languages in dilemmas.counts().items():
        for language, values in languages.items():
            few, many = min(values.values()), max(values.values())
            if few != many:
                notes.append(f"{split}, {language}: between {few} and {many} dilemmas per value")
    for language in dilemmas.languages:
        topics = {
            value: Counter(row.topic for row in dilemmas.of("evaluation", language, value))
            for value in dilemmas.values
        }
        uneven = [value for value, count in topics.items() if max(count.values()) > 2 * min(count.values())]
        if uneven:
            notes.append(
                f"evaluation, {language}: one conflict topic has more than twice another's dilemmas for "
                f"{', '.join(uneven)}"
            )
    return notes


def starter_dilemmas(values: tuple[str, ...], languages: tuple[str, ...], *, seed: int = 0) -> DilemmaSet:
    """The starter set's dilemmas: 20 activation and 20 evaluation ones of each Chinese social value, in en and zh, and 12
    and 12 of each of Schwartz's ten values, in en.

    Raises:
        DataError: other values or languages.
    """
    system = (
        "schwartz"
        if set(values) <= set(load_value_system("schwartz").at_level("value"))
        else "chinese-social"
    )
    splits = [
        of_kind(read_part(f"{system}/{split}", values), Dilemma) for split in ("activation", "evaluation")
    ]
    return make_dilemma_set("starter", values, languages, *splits, seed=seed)


def file_dilemmas(
    values: tuple[str, ...],
    languages: tuple[str, ...],
    *,
    activation: str,
    evaluation: str,
    reader: str | None = None,
    strict: bool = False,
    seed: int = 0,
) -> DilemmaSet:
    """Dilemmas from a user's files, one path (file, folder or hub id) for each split.

    Args:
        activation: dilemmas with a rationale.
        evaluation: dilemmas; a rationale is not read.
        reader: the set's format; None: found by its columns.
        strict: refuse malformed rows instead of leaving them out.

    Raises:
        DataError: a path that holds no dilemmas, or none about a value in a language.
    """
    splits, notes = list[list[Dilemma]](), list[str]()
    for path in (activation, evaluation):
        dataset = read_data(path, reader, strict=strict)
        dilemmas = of_kind(dataset.records, Dilemma)
        if not dilemmas:
            raise DataError(f"{path}: holds no dilemmas; they have a story and two actions (docs/data.md)")
        if dataset.problems:
            notes.append(f"{len(dataset.problems)} malformed rows left out, the first: {dataset.problems[0]}")
        splits.append(without_repeats(dilemmas))
    bare = sum(not dilemma.rationale for dilemma in splits[0])
    if bare:
        notes.append(f"activation: {bare} of {len(splits[0])} dilemmas have no rationale")
    return make_dilemma_set("files", values, languages, *splits, seed=seed, notes=notes)


def organism_dilemmas(
    values: tuple[str, ...],
    languages: tuple[str, ...],
    *,
    activation: CountOrNone = 60,
    evaluation: CountOrNone = 20,
    seed: int = 0,
) -> DilemmaSet:
    """Dilemmas of the social organism's own grammar, `activation` and `evaluation` per value and language.

    Raises:
        DataError: a value, language or number that the grammar does not have.
    """
    try:
        drawn, asked = social_organism(
            values, languages=languages, activation=activation, evaluation=evaluation, seed=seed
        )
    except ValueError as error:
        raise DataError(f"source organism-social: {error}") from error
    return make_dilemma_set("organism-social", values, languages, drawn, asked, seed=seed)


DILEMMA_SOURCES: dict[str, Callable[..., DilemmaSet]] = {
    "starter": starter_dilemmas,
    "files": file_dilemmas,
    "organism-social": organism_dilemmas,
}
"""name -> function(values, languages, *, seed, ...) that reads or draws the dilemmas of a run."""
