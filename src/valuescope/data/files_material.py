"""Material from files: a user's own, any published set that valuescope can read, and ConVA's as NeVA splits it."""

from __future__ import annotations

import random
from itertools import chain
from pathlib import Path
from typing import Annotated

from valuescope.data.checks import near_duplicates, word_differences, wording_accuracy
from valuescope.data.findings import DataError, refuse
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
from valuescope.data.readers.rows import DataRow, Shape
from valuescope.data.readers.table_files import read_tables
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
    pair_texts,
    sides,
    story_key,
)
from valuescope.ranges import MOST, Count, CountOrNone, HeldOut, Range

TELLTALE = ("rather than", "instead", "avoid")
"""Words that occur in up to 74% of some values' negative texts and hardly in positive ones (METHODS section 4)."""


def files_material(
    values: tuple[str, ...],
    *,
    path: str,
    reader: str | None = None,
    language: str | None = None,
    held_out: HeldOut = 0.3,
    texts: Count = 60,
    questions: Count | None = None,
    tuning: CountOrNone = 0,
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


def conva_material(
    values: tuple[str, ...],
    *,
    folder: str,
    pairs: Annotated[int, Range(2, MOST)] | None = None,
    held_out: HeldOut = 0.3,
    questions: Count | None = None,
    seed: int = 0,
) -> Material:
    """Read `probe/<value>.csv` and `eval/test_<value>_new.csv` under `folder`.

    Args:
        values: value ids; each needs both files.
        folder: where the published files lie; they have no licence and do not ship with valuescope.
        pairs: contrast pairs per value at most (None: all).
        held_out: share of the pairs kept from the probes, to measure preference on.
        questions: evaluation questions per value at most (None: all).
        seed: of the draw; that of a value does not depend on the other values.

    Raises:
        DataError: for a missing file or column, an empty field or an undecodable file, and a number out of range.
    """
    for name, number, good, rule in (
        ("pairs", pairs, pairs is None or pairs >= 2, "at least 2: some for the probes, some held out"),
        ("questions", questions, questions is None or questions >= 1, "at least 1"),
        ("held_out", held_out, 0 < held_out < 1, "between 0 and 1"),
    ):
        if not good:
            raise DataError(f"{name} is {number!r}; it must be {rule}")
    base = Path(folder).expanduser()
    texts, evaluation, asked, notes = [], [], [], []
    for value in values:
        rng = random.Random(f"conva-{seed}-{value}")
        contrast = read_pairs(base / "probe" / f"{value}.csv", value)
        if note := _shortcut_note(value, contrast):
            notes.append(note)
        rng.shuffle(contrast)
        contrast = contrast[:pairs]
        kept = max(1, min(round(held_out * len(contrast)), len(contrast) - 1))
        evaluation += contrast[:kept]
        texts += [text for pair in contrast[kept:] for text in pair_texts(pair)]
        wanted = read_questions(base / "eval" / f"test_{value}_new.csv", value)
        repeats = near_duplicates([question.question for question in wanted])
        if repeats.pairs:
            notes.append(
                f"{value}: {len(repeats.pairs)} pairs of near-duplicate questions among {len(wanted)} "
                f"({repeats.effective} without repeats)"
            )
        asked += rng.sample(wanted, min(questions or len(wanted), len(wanted)))
    return Material("conva", values, tuple(texts), tuple(asked), (), tuple(evaluation), tuple(notes))


def read_pairs(path: Path, value: str) -> list[ContrastPair]:
    """Contrast pairs of one file: columns `question_1` (positive) and `question_2` (negative)."""
    rows = _conva_rows(path, ("question_1", "question_2"))
    return [
        ContrastPair(f"{value}/{number}", value, row.text("question_1"), row.text("question_2"))
        for number, row in enumerate(rows)
    ]


def read_questions(path: Path, value: str) -> list[Question]:
    """Open dilemma questions of one file: column `text`."""
    return [
        Question(f"{value}/{number}", value, "dilemma", row.text("text"))
        for number, row in enumerate(_conva_rows(path, ("text",)))
    ]


def _conva_rows(path: Path, columns: tuple[str, ...]) -> list[DataRow]:
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; `folder` must hold probe/<value>.csv and eval/test_<value>_new.csv"
        )
    (table,) = read_tables(path)
    shape = Shape(columns)
    missing = shape.missing(table)
    if missing:
        found = ", ".join(table.columns) or "nothing"
        raise DataError(f"{path}: line 1: column {missing[0]!r} is missing; found {found}")
    refuse(table.problems)
    return shape.renamed(table).rows


def _shortcut_note(value: str, pairs: list[ContrastPair]) -> str:
    def share(texts: list[str]) -> float:
        return sum(any(word in text.lower() for word in TELLTALE) for text in texts) / len(texts)

    negative, positive = share([pair.negative for pair in pairs]), share([pair.positive for pair in pairs])
    if negative - positive < 0.2:
        return ""
    words = ", ".join(f"'{word}'" for word in TELLTALE)
    return f"{value}: {negative:.0%} of the negative and {positive:.0%} of the positive texts hold {words}"
