"""ValueBench's items, the Schwartz Value Survey and the Portrait Values Questionnaires."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from valuescope.data.checks.words import language_of
from valuescope.data.readers.formats import Format, Parsed, Shape, by_row, stem, value_id
from valuescope.data.readers.rows import Row, Table
from valuescope.data.records import QuestionnaireItem, Record


def _items(
    questionnaire: str, item: str, value: str, agreement: str, question: str = ""
) -> Callable[[Table], Parsed]:
    """One item per row; the arguments are the names of the columns."""

    def parse(row: Row) -> Iterator[Record]:
        text = row.text(item)
        sign = row.integer(agreement, -1, 1)
        if not sign:
            raise row.error(
                agreement, "is neither 1 nor -1", "write 1 where agreeing speaks for the value, else -1"
            )
        yield QuestionnaireItem(
            f"{row.text(questionnaire)}/{row.place.sheet or stem(row.place)}/{row.place.line}",
            value_id(row.text(value)),
            text,
            questionnaire=row.text(questionnaire),
            agreement=1 if sign == 1 else -1,
            question=row.text(question, optional=True) if question else "",
            language=language_of(text),
            topic=row.text(questionnaire),
        )

    return by_row(parse)


def _svs(row: Row) -> Iterator[Record]:
    """One type of the survey with its items; an item is its name and what it means."""
    value = value_id(row.text("value"))
    for number, entry in enumerate(row.entries("items"), 1):
        item = row.inner("items", entry)
        text = f"{item.text('item')} ({item.text('definition').rstrip('.')})"
        yield QuestionnaireItem(f"SVS/{value}/{number}", value, text, questionnaire="SVS", topic="SVS")


def _pvq(row: Row) -> Iterator[Record]:
    """A whole questionnaire: the items by number, the scoring key by value, and the labels of the scale."""
    items, key = row.inner("items", row.mapping("items")), row.mapping("key")
    name, scale = row.text("name", optional=True) or "PVQ", tuple(row.texts("scale"))
    scored = dict[str, str]()
    for value, numbers in key.items():
        if not isinstance(numbers, list):
            raise row.error("key", f"the items of {value!r} are not a list", "write the numbers in brackets")
        for number in map(str, numbers):
            if number not in items.fields:
                raise row.error("key", f"names item {number!r}, which is not there", "correct the key")
            if number in scored:
                raise row.error("key", f"names item {number!r} twice", "score every item once")
            scored[number] = str(value)
    for number in items.fields:
        if number not in scored:
            raise row.error("key", f"does not score item {number!r}", "add it to a value")
        value, _, facet = scored[number].partition(":")
        text = items.text(number)
        yield QuestionnaireItem(
            f"{value_id(name)}/{number}",
            value_id(value),
            text,
            questionnaire=name,
            scale=scale,
            language=language_of(text),
            topic=value_id(facet) or value_id(value),
        )


VALUEBENCH = Format(
    "valuebench",
    "ValueBench: items of psychometric questionnaires, with the sign of agreement; the Schwartz Value Survey",
    (
        Shape(
            ("questionnaire", "item", "value", "agreement"),
            _items("questionnaire", "item", "value", "agreement", "question"),
        ),
        Shape(
            ("questionnaire info", "scenario description", "corresponding value", "Agreement"),
            _items("questionnaire info", "scenario description", "corresponding value", "Agreement"),
        ),
        Shape(("instrument", "key", "text", "label"), _items("instrument", "text", "label", "key")),
        Shape(("value", "definition", "items"), by_row(_svs)),
    ),
)
PVQ = Format(
    "pvq",
    "Portrait Values Questionnaires: items, scoring key and labels of the scale in one JSON object",
    (Shape(("scale", "key", "items"), by_row(_pvq)),),
)
