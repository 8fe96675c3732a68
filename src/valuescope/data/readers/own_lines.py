"""valuescope's own JSON lines: what the starter set ships in and what the writers write.

One object per line. The fields say which kind of record it is; unknown fields are errors. Contrast pairs may also stand
in any table with the columns value, positive and negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from valuescope.data.readers.rows import (
    DataRow,
    Format,
    RowParser,
    Shape,
    Source,
    one_per_row,
    stem,
    value_id,
)
from valuescope.data.records import ContrastPair, Description, Dilemma, Question, Record

LANGUAGES = ("en", "zh")

DILEMMA = ("key", "value", "topic", "story", "aligned", "violating")
PAIR = ("key", "value", "kind", "scene", "positive", "negative")
QUESTION = ("key", "value", "scene", "question")
DESCRIPTION = ("key", "value", "stance", "description")
SITUATION = ("key", "value", "atomic", "topic", "question")


def dilemma(row: DataRow) -> Iterator[Record]:
    """A dilemma in one language or more: every text is an object with one text per language."""
    _require_known(row, DILEMMA, "rationale")
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


def _in_language(row: DataRow, name: str, language: str) -> str:
    texts = row.inner(name, row.mapping(name))
    if language not in texts.fields:
        raise row.error(f"{name}.{language}", "is missing", "write the text in this language too")
    if extra := sorted(set(texts.fields) - set(row.mapping("story"))):
        rule, fix = f"has the language {extra[0]!r}, which the story lacks", "write the story in it too"
        raise row.error(name, rule, fix)
    return DataRow(row.place, {f"{name}.{language}": texts.fields[language]}).text(f"{name}.{language}")


def _require_known(row: DataRow, fields: tuple[str, ...], *optional: str) -> None:
    for name in row.fields:
        if name not in (*fields, *optional):
            raise row.error(name, "is an unknown field", f"the fields are {', '.join(fields)}")


def _line(kind: type[Record], fields: tuple[str, ...], /, *optional: str, **sources: Source) -> RowParser:
    """A line in one language with these fields and no others; `language` may be left out where it is English."""
    parse = one_per_row(kind, key="key", value="value", **sources, language=_language)

    def checked(row: DataRow) -> Iterable[Record]:
        _require_known(row, fields, "language", *optional)
        return parse(row)

    return checked


def _language(row: DataRow) -> str:
    return row.one_of("language", LANGUAGES) if "language" in row.fields else "en"


pair = _line(
    ContrastPair,
    PAIR,
    positive="positive",
    negative="negative",
    topic="scene",
    kind=lambda row: row.one_of("kind", ("statement", "question")),
)
question = _line(
    Question,
    QUESTION,
    "yes_is",
    setting="=dilemma",
    question="question",
    topic="scene",
    yes_is=lambda row: row.one_of("yes_is", ("for", "against")) if "yes_is" in row.fields else "",
)
description = _line(
    Description,
    DESCRIPTION,
    stance=lambda row: row.one_of("stance", ("for", "against")),
    description="description",
)
situation = _line(
    Question, SITUATION, setting="=dilemma", question="question", topic="topic", atomic="atomic"
)

TABLE_OF_PAIRS = Shape(
    ("value", "positive", "negative"),
    one_per_row(
        ContrastPair,
        "{key}",
        "positive",
        key=lambda row: row.text("key", optional=True) or f"{stem(row.place)}/{row.place.number}",
        value=lambda row: value_id(row.text("value")),
        positive="positive",
        negative="negative",
        topic="topic?",
    ),
)
"""Pairs as people write them in a spreadsheet."""

OWN = Format(
    "valuescope",
    "valuescope's own JSON lines: the starter set, and what `valuescope write` makes; a table of value, positive, negative",
    (
        Shape(DILEMMA, dilemma),
        Shape(PAIR, pair),
        Shape(QUESTION, question),
        Shape(DESCRIPTION, description),
        Shape(SITUATION, situation),
        TABLE_OF_PAIRS,
    ),
)
