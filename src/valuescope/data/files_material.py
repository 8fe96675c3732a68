"""Material from a user's own files, or any published set that valuescope can read."""

from __future__ import annotations

import random
from itertools import chain

from valuescope.data.checks import near_duplicates, word_differences, wording_accuracy
from valuescope.data.findings import DataError
from valuescope.data.material import (
    Material,
    MaterialDraft,
    MaterialDraw,
    of_value,
    require_numbers,
    without_repeats,
)
from valuescope.data.phrasing import rated_text
from valuescope.data.readers.data_sets import Dataset, read_data
from valuescope.data.records import (
    KINDS,
    ContrastPair,
    Description,
    Dilemma,
    MultipleChoice,
    Question,
    QuestionnaireItem,
    RatedText,
    Record,
    compared_text,
    of_kind,
    sides,
    story_key,
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
    records = [record for record in dataset.records if language is None or record.language == language]
    draft, notes = MaterialDraft(), _notes(dataset)
    for value in values:
        held = of_value(records, value)
        if not held:
            known = sorted({record.value for record in records if record.value})
            spoken = f" in {language}" if language else ""
            raise DataError(
                f"{path}: no records{spoken} about {value!r}; it has {', '.join(known) or 'no values'}"
            )
        draw = MaterialDraw(random.Random(f"files-{seed}-{value}"), held_out, texts, questions, tuning)
        notes += _faults(value, held)
        held = without_repeats(held)
        draw.rng.shuffle(held)
        _add(draft, value, held, draw)
    if not draft.texts and not draft.questions and not draft.pairs:
        kinds = ", ".join(sorted({KINDS[type(record)] for record in records}))
        raise DataError(f"{path}: holds {kinds}, which a run cannot read or ask")
    return draft.material(f"files:{dataset.format}", values, notes)


def _add(draft: MaterialDraft, value: str, records: list[Record], draw: MaterialDraw) -> None:
    questions = of_kind(records, Question)
    draft.add_pairs(of_kind(records, ContrastPair), draw)
    if descriptions := of_kind(records, Description):
        draft.add_described(value, descriptions, questions, draw)
    else:
        draft.ask(questions, draw)
    # The languages of one dilemma stay on one side of the split.
    stories = dict[str, list[Dilemma]]()
    for dilemma in of_kind(records, Dilemma):
        stories.setdefault(story_key(dilemma), []).append(dilemma)
    groups = list(stories.values())
    kept = draw.kept(len(groups))
    draft.add_dilemmas(value, list(chain(*groups[kept:])), list(chain(*groups[:kept])), draw)
    draft.texts += [rated_text(text, value) for text in of_kind(records, RatedText)]


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
    for kind in sorted({type(record) for record in records}, key=KINDS.__getitem__):
        texts = [compared_text(record)[1] for record in records if type(record) is kind]
        repeats = near_duplicates(texts)
        if repeats.effective < len(texts):
            notes.append(f"{value}: {len(texts)} {KINDS[kind]}, {repeats.effective} without near-duplicates")
    pairs = of_kind(records, ContrastPair)
    if both := sides(pairs):
        _, first, second = both
        measured = wording_accuracy(first, second)
        if measured is not None and measured.accuracy >= 0.65:
            words = ", ".join(f"'{word.word}'" for word in word_differences(first, second)[:5])
            notes.append(
                f"{value}: a bag of words tells the sides apart with accuracy {measured.accuracy:.2f}, by {words}"
            )
    return notes
