"""valuescope's own JSON lines: what the starter set ships in and what the writers write.

One object per line. The fields say which kind of record it is; unknown fields are errors.
"""

from __future__ import annotations

from collections.abc import Iterator

from valuescope.data.readers.formats import Format, Shape, by_row
from valuescope.data.readers.rows import Row
from valuescope.data.records import ContrastPair, Description, Dilemma, Question, Record

LANGUAGES = ("en", "zh")

DILEMMA = ("key", "value", "topic", "story", "aligned", "violating")
PAIR = ("key", "value", "kind", "scene", "positive", "negative")
QUESTION = ("key", "value", "scene", "question")
DESCRIPTION = ("key", "value", "stance", "description")
SITUATION = ("key", "value", "atomic", "topic", "question")


def dilemma(row: Row) -> Iterator[Record]:
    """A dilemma in one language or more: every text is an object with one text per language."""
    _require_known(row, DILEMMA, ("rationale",))
    languages = row.mapping("story")
    for language in languages:
        if language not in LANGUAGES:
            raise row.error("story", f"the language {language!r} is unknown", f"use {' or '.join(LANGUAGES)}")
    for language in languages:
        texts = {
            name: _in_language(row, name, language) for name in ("topic", "story", "aligned", "violating")
        }
        rationale = _in_language(row, "rationale", language) if "rationale" in row.fields else ""
        key = f"{row.text('key')}/{language}"
        yield Dilemma(key, row.text("value"), rationale=rationale, language=language, **texts)


def pair(row: Row) -> Iterator[Record]:
    """A contrast pair."""
    _require_known(row, PAIR, ("language",))
    yield ContrastPair(
        row.text("key"),
        row.text("value"),
        row.text("positive"),
        row.text("negative"),
        language=_language(row),
        topic=row.text("scene"),
        kind=row.one_of("kind", ("statement", "question")),
    )


def question(row: Row) -> Iterator[Record]:
    """An open dilemma question."""
    _require_known(row, QUESTION, ("language",))
    yield Question(
        row.text("key"),
        row.text("value"),
        "dilemma",
        row.text("question"),
        language=_language(row),
        topic=row.text("scene"),
    )


def description(row: Row) -> Iterator[Record]:
    """A second-person description."""
    _require_known(row, DESCRIPTION, ("language",))
    stance = row.one_of("stance", ("for", "against"))
    yield Description(
        row.text("key"),
        row.text("value"),
        "for" if stance == "for" else "against",
        row.text("description"),
        language=_language(row),
    )


def situation(row: Row) -> Iterator[Record]:
    """A situational question."""
    _require_known(row, SITUATION, ("language",))
    yield Question(
        row.text("key"),
        row.text("value"),
        "dilemma",
        row.text("question"),
        language=_language(row),
        topic=row.text("topic"),
        atomic=row.text("atomic"),
    )


def _language(row: Row) -> str:
    return row.one_of("language", LANGUAGES) if "language" in row.fields else "en"


def _in_language(row: Row, name: str, language: str) -> str:
    texts = row.inner(name, row.mapping(name))
    if language not in texts.fields:
        raise row.error(f"{name}.{language}", "is missing", "write the text in this language too")
    if extra := sorted(set(texts.fields) - set(row.mapping("story"))):
        raise row.error(
            name, f"has the language {extra[0]!r}, which the story lacks", "write the story in it too"
        )
    return Row(row.place, {f"{name}.{language}": texts.fields[language]}).text(f"{name}.{language}")


def _require_known(row: Row, fields: tuple[str, ...], optional: tuple[str, ...]) -> None:
    for name in row.fields:
        if name not in (*fields, *optional):
            raise row.error(name, "is an unknown field", f"the fields are {', '.join(fields)}")


OWN = Format(
    "valuescope",
    "valuescope's own JSON lines: the starter set, and what `valuescope write` makes",
    (
        Shape(DILEMMA, by_row(dilemma)),
        Shape(PAIR, by_row(pair)),
        Shape(QUESTION, by_row(question)),
        Shape(DESCRIPTION, by_row(description)),
        Shape(SITUATION, by_row(situation)),
    ),
)
