"""Answers to judge: from JSON lines, or from the folder of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valuescope.data import Material, Question
from valuescope.files import file_name
from valuescope.judge.json_lines import LANGUAGES, read_rows, require_keys
from valuescope.judge.missing import JudgeError
from valuescope.lab.folder import RunFolder


@dataclass(frozen=True)
class AnswerRow:
    """One answer. `place` says where it stands, for messages; `value` is "" where the row names none."""

    key: str
    question: str
    answer: str
    value: str
    language: str
    place: str


def read_answers(path: Path, arms: tuple[str, ...] = ()) -> list[AnswerRow]:
    """The answers of a file of JSON lines, or of a run's folder (of the arms named, or of all).

    A line has `question` and `answer`, and optionally `value`, `key` and `language`.

    Raises:
        JudgeError: a file, line or field that is not as it must be, an unknown arm, or nothing to judge.
    """
    if path.is_dir():
        return _of_run(path, arms)
    if arms:
        raise JudgeError(f"{path}: --arm names arms of a run, and this is no run's folder")
    rows = [
        AnswerRow(
            key=row.text("key", str(row.line)),
            question=row.text("question"),
            answer=row.text("answer", empty=True),
            value=row.text("value", "", empty=True),
            language=row.one_of("language", LANGUAGES, "en"),
            place=f"{path}: line {row.line}",
        )
        for row in read_rows(path)
    ]
    require_keys(path, [row.key for row in rows])
    return rows


def arms_of(folder: Path) -> dict[str, list[Path]]:
    """The arms of a run's folder whose items are questions, with their files in order.

    Raises:
        JudgeError: a folder without the index of its arms; a run that is not finished names those that it has asked.
    """
    run = RunFolder(folder)
    index = run.read("arms.json", lambda content: {str(arm): file_name(ask) for arm, ask in content.items()})
    if index is None:
        raise JudgeError(f"{folder}: has no arms.json; run its specification again to finish it")
    arms = dict[str, list[Path]]()
    for arm, ask in index.items():
        files = sorted((folder / "asks" / ask).glob("*.json"))
        answered = run.read(f"asks/{ask}/{files[0].name}", _holds_texts) if files else None
        if answered:
            arms[arm] = files
    return arms


def _holds_texts(rows: Any) -> bool:
    return "text" in rows[0]


def _of_run(folder: Path, arms: tuple[str, ...]) -> list[AnswerRow]:
    run = RunFolder(folder)
    content = run.read("data/material.json", Material.from_dict)
    if content is None:
        raise JudgeError(f"{folder}: is no folder of a run: data/material.json is not there")
    questions = {question.key: question for question in (*content.questions, *content.tuning)}
    known = arms_of(folder)
    for arm in arms:
        if arm not in known:
            raise JudgeError(f"{folder}: has no arm {arm!r}; it has {', '.join(known) or 'none'}")
    rows = list[AnswerRow]()
    for arm in arms or known:
        for path in known[arm]:
            name = path.relative_to(folder).as_posix()
            answers = run.read(name, lambda content: [(row["key"], str(row["text"])) for row in content])
            # The material's own, once: no repeated runs, turns or items of questionnaires.
            rows += [_row(arm, questions[key], text, path) for key, text in answers or () if key in questions]
    if not rows:
        raise JudgeError(f"{folder}: holds no answers to questions")
    return rows


def _row(arm: str, question: Question, answer: str, path: Path) -> AnswerRow:
    return AnswerRow(
        key=f"{arm}|{question.key}",
        question=question.question,
        answer=answer,
        value=question.value,
        language=question.language,
        place=f"{path}: {question.key}",
    )
