"""Reader for the data of ConVA and NeVA: contrast pairs and open dilemma questions, one CSV file per value."""

from __future__ import annotations

import random
from pathlib import Path

from valuescope.data.checks import near_duplicates
from valuescope.data.findings import DataError, refuse
from valuescope.data.material import Material
from valuescope.data.readers.rows import DataRow
from valuescope.data.readers.table_files import read_tables
from valuescope.data.records import ContrastPair, Question, pair_texts

TELLTALE = ("rather than", "instead", "avoid")
"""Words that occur in up to 74% of some values' negative texts and hardly in positive ones (METHODS section 4)."""


def conva_material(
    values: tuple[str, ...],
    *,
    folder: str,
    pairs: int | None = None,
    held_out: float = 0.3,
    questions: int | None = None,
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
        found = read_pairs(base / "probe" / f"{value}.csv", value)
        if note := _shortcut_note(value, found):
            notes.append(note)
        rng.shuffle(found)
        found = found[:pairs]
        kept = max(1, min(round(held_out * len(found)), len(found) - 1))
        evaluation += found[:kept]
        texts += [text for pair in found[kept:] for text in pair_texts(pair)]
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
    rows = _rows(path, ("question_1", "question_2"))
    return [
        ContrastPair(f"{value}/{number}", value, row.text("question_1"), row.text("question_2"))
        for number, row in enumerate(rows)
    ]


def read_questions(path: Path, value: str) -> list[Question]:
    """Open dilemma questions of one file: column `text`."""
    return [
        Question(f"{value}/{number}", value, "dilemma", row.text("text"))
        for number, row in enumerate(_rows(path, ("text",)))
    ]


def _rows(path: Path, columns: tuple[str, ...]) -> list[DataRow]:
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; `folder` must hold probe/<value>.csv and eval/test_<value>_new.csv"
        )
    (table,) = read_tables(path)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        found = ", ".join(table.columns) or "nothing"
        raise DataError(f"{path}: line 1: column {missing[0]!r} is missing; found {found}")
    refuse(table.problems)
    return table.rows


def _shortcut_note(value: str, pairs: list[ContrastPair]) -> str:
    def share(texts: list[str]) -> float:
        return sum(any(word in text.lower() for word in TELLTALE) for text in texts) / len(texts)

    negative, positive = share([pair.negative for pair in pairs]), share([pair.positive for pair in pairs])
    if negative - positive < 0.2:
        return ""
    words = ", ".join(f"'{word}'" for word in TELLTALE)
    return f"{value}: {negative:.0%} of the negative and {positive:.0%} of the positive texts hold {words}"
