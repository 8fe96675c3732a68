"""Material from a user's own files, or any published set that valuescope can read."""

from __future__ import annotations

import random

from valuescope.data.checks import near_duplicates, word_differences, wording_accuracy
from valuescope.data.compared import KINDS, compared_text, sides
from valuescope.data.findings import DataError
from valuescope.data.material import (
    Parts,
    add_described,
    add_pairs,
    dilemma_question,
    dilemma_text,
    of_kind,
    of_value,
    rated_text,
    require_numbers,
    share_of,
    without_repeats,
)
from valuescope.data.readers import Dataset, read_data
from valuescope.data.records import (
    ContrastPair,
    Description,
    Dilemma,
    Material,
    MultipleChoice,
    Question,
    QuestionnaireItem,
    RatedText,
    Record,
)


def files_material(
    values: tuple[str, ...],
    *,
    path: str,
    reader: str | None = None,
    language: str | None = None,
    held_out: float = 0.3,
    texts: int = 60,
    questions: int | None = None,
    tuning: int = 0,
    strict: bool = False,
    seed: int = 0,
) -> Material:
    """Read any set that `read_data` reads.

    Contrast pairs are split into texts (positive, negative) and held-out pairs; dilemmas into texts with the aligned
    choice and its rationale (text) and questions; descriptions go with questions (for, against; described); rated
    texts are texts of every value they speak for; questions are asked.

    Args:
        values: value ids; the set must hold records about each.
        path: a file, a folder or a hub id.
        reader: the set's format; None: found by its columns.
        language: "en" or "zh" only (None: all).
        held_out: share of pairs, dilemmas, descriptions and questions with descriptions kept for the evaluation.
        texts: described questions read per value and direction at most.
        questions: evaluation questions per value and setting at most (None: all).
        tuning: questions per value and setting put aside for the choice of strengths.
        strict: refuse malformed rows instead of leaving them out.
        seed: of the split; that of a value does not depend on the other values.

    Raises:
        DataError: nothing can be read, a value has no records, or none that a run can use.
    """
    require_numbers(
        texts=(texts, 1, 1e9),
        questions=(questions, 1, 1e9),
        tuning=(tuning, 0, 1e9),
        held_out=(held_out, 0.01, 0.99),
    )
    dataset = read_data(path, reader, strict=strict)
    records = [one for one in dataset.records if language is None or one.language == language]
    parts, notes = Parts(), _notes(dataset)
    for value in values:
        found = of_value(records, value)
        if not found:
            known = sorted({one.value for one in records if one.value})
            spoken = f" in {language}" if language else ""
            raise DataError(
                f"{path}: no records{spoken} about {value!r}; it has {', '.join(known) or 'no values'}"
            )
        rng = random.Random(f"files-{seed}-{value}")
        notes += _faults(value, found)
        found = without_repeats(found)
        rng.shuffle(found)
        _add(parts, value, found, held_out=held_out, texts=texts, tuning=tuning, most=questions, rng=rng)
    if not parts.texts and not parts.questions and not parts.pairs:
        kinds = ", ".join(sorted({KINDS[type(record)] for record in records}))
        raise DataError(f"{path}: holds {kinds}, which a run cannot read or ask")
    return Material(
        f"files:{dataset.format}",
        values,
        tuple(parts.texts),
        tuple(parts.questions),
        tuple(parts.tuning),
        tuple(parts.pairs),
        tuple(notes),
    )


def _add(
    parts: Parts,
    value: str,
    records: list[Record],
    *,
    held_out: float,
    texts: int,
    tuning: int,
    most: int | None,
    rng: random.Random,
) -> None:
    questions = of_kind(records, Question)
    add_pairs(parts, of_kind(records, ContrastPair), held_out)
    if descriptions := of_kind(records, Description):
        add_described(
            parts,
            value,
            descriptions,
            questions,
            held_out=held_out,
            texts=texts,
            tuning=tuning,
            most=most,
            rng=rng,
        )
    else:
        parts.ask(questions, tuning, most)
    read, asked = _split(of_kind(records, Dilemma), held_out)
    parts.texts += [dilemma_text(one, value, rng) for one in read]
    parts.ask([dilemma_question(one, value, rng) for one in asked], tuning, most)
    parts.texts += [rated_text(one, value) for one in of_kind(records, RatedText)]


def _split(dilemmas: list[Dilemma], held_out: float) -> tuple[list[Dilemma], list[Dilemma]]:
    """Dilemmas to read and to ask; the languages of one dilemma stay together."""
    groups = dict[str, list[Dilemma]]()
    for dilemma in dilemmas:
        groups.setdefault(dilemma.key.removesuffix(f"/{dilemma.language}"), []).append(dilemma)
    names = list(groups)
    kept = share_of(len(names), held_out)
    return [one for name in names[kept:] for one in groups[name]], [
        one for name in names[:kept] for one in groups[name]
    ]


def _notes(dataset: Dataset) -> list[str]:
    notes = list(dataset.notes)
    if dataset.problems:
        notes.append(f"{len(dataset.problems)} malformed rows left out, the first: {dataset.problems[0]}")
    unused = sum(isinstance(record, MultipleChoice | QuestionnaireItem) for record in dataset.records)
    if unused:
        notes.append(f"{unused} multiple-choice questions and questionnaire items are not part of the run")
    return notes


def _faults(value: str, records: list[Record]) -> list[str]:
    """Known faults of a value's records, to show and not to hide."""
    notes = []
    for kind in sorted({type(record) for record in records}, key=lambda one: KINDS[one]):
        texts = [compared_text(record)[1] for record in records if type(record) is kind]
        repeats = near_duplicates(texts)
        if repeats.effective < len(texts):
            notes.append(f"{value}: {len(texts)} {KINDS[kind]}, {repeats.effective} without near-duplicates")
    pairs = of_kind(records, ContrastPair)
    if found := sides(pairs):
        _, first, second = found
        measured = wording_accuracy(first, second)
        if measured is not None and measured.accuracy >= 0.65:
            words = ", ".join(f"'{word.word}'" for word in word_differences(first, second)[:5])
            notes.append(
                f"{value}: a bag of words tells the sides apart with accuracy {measured.accuracy:.2f}, by {words}"
            )
    return notes
