"""Sets of single texts and of questionnaires' items: ValueCSV, FULCRA, VLSBench, UltraChat's topics, ValueBench, PVQ."""

from __future__ import annotations

import re
from collections.abc import Iterator

from valuescope.data.checks.words import language_of
from valuescope.data.readers.rows import DataRow, Format, RowParser, Shape, one_per_row, stem, value_id
from valuescope.data.readers.table_files import ITEM
from valuescope.data.records import Question, QuestionnaireItem, RatedText, Record

CHINESE_SOCIAL = (
    *("Prosperity", "Democracy", "Civility", "Harmony", "Freedom", "Equality", "Justice", "Rule of Law"),
    *("Patriotism", "Dedication", "Integrity", "Friendliness"),
)
_RATING = re.compile(r"\s*(?P<value>[^:]+?)\s*:\s*(?P<sign>[+-]?)\s*(?P<number>[01])\s*")
_DIALOGUE = re.compile(r"\s*Human:(?P<asked>.*?)\n\s*Bob:(?P<reply>.*)", re.DOTALL)


def _valuecsv(row: DataRow) -> Iterator[Record]:
    """A text and, for each of the twelve Chinese social values, whether it is about it."""
    text = row.text("text")
    ratings = tuple((value_id(name), row.integer(f"{name}_scr", 0, 1)) for name in CHINESE_SOCIAL)
    key, language = f"{stem(row.place)}/{row.place.number}", language_of(text)
    yield RatedText(key, _first(ratings), text, ratings=ratings, language=language)


def _fulcra(row: DataRow) -> Iterator[Record]:
    """A dialogue, and the values that its answer speaks for (+1) or against (-1)."""
    dialogue = _DIALOGUE.fullmatch(row.text("dialogue"))
    if not dialogue:
        raise row.error("dialogue", "is not 'Human: ...' and 'Bob: ...'", "write both turns")
    ratings = list[tuple[str, int]]()
    for entry in row.entries("value_types", empty=True):
        match = _RATING.fullmatch(str(entry))
        if not match:
            raise row.error("value_types", "holds a rating that cannot be read", "write it as 'security: +1'")
        ratings.append((value_id(match["value"]), int(match["sign"] + match["number"])))
    source = row.text("response_source", optional=True)
    asked = dialogue["asked"].strip()
    yield RatedText(
        f"{stem(row.place)}/{row.place.number}",
        _first(tuple(ratings)),
        asked,
        reply=dialogue["reply"].strip(),
        ratings=tuple(ratings),
        language=language_of(asked),
        topic=source,
    )


def _first(ratings: tuple[tuple[str, int], ...]) -> str:
    return next((value for value, number in ratings if number > 0), "")


def _first_issue(row: DataRow) -> str:
    issues = row.entries("safety_issues", empty=True)
    return str(issues[0]) if issues else "none"


def _items(questionnaire: str, item: str, value: str, agreement: str, question: str = "=") -> RowParser:
    """One item of a questionnaire per row; the arguments are the names of the columns."""

    def sign(row: DataRow) -> int:
        number = row.integer(agreement, -1, 1)
        if not number:
            fix = "write 1 where agreeing speaks for the value, else -1"
            raise row.error(agreement, "is neither 1 nor -1", fix)
        return number

    return one_per_row(
        QuestionnaireItem,
        "{questionnaire}/{sheet}/{line}",
        "item",
        item=item,
        agreement=sign,
        questionnaire=questionnaire,
        value=lambda row: value_id(row.text(value)),
        question=question,
        topic=questionnaire,
    )


def _svs(row: DataRow) -> Iterator[Record]:
    """One type of the survey with its items; an item is its name and what it means."""
    value = value_id(row.text("value"))
    for number, entry in enumerate(row.entries("items"), 1):
        item = row.inner("items", entry)
        text = f"{item.text('item')} ({item.text('definition').rstrip('.')})"
        yield QuestionnaireItem(f"SVS/{value}/{number}", value, text, questionnaire="SVS", topic="SVS")


def _pvq(row: DataRow) -> Iterator[Record]:
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


VALUECSV = Format(
    "valuecsv",
    "ValueCSV: Chinese texts with a label for each of the twelve Chinese social values, and test questions",
    (
        Shape(("text", *(f"{name}_scr" for name in CHINESE_SOCIAL)), _valuecsv),
        Shape(
            ("quest",),
            one_per_row(
                Question,
                "{file}/{line}",
                "question",
                question=lambda row: re.sub(r"^\d+\s*[.．、]\s*", "", row.text("quest")),
                value="=",
                setting="=dilemma",
            ),
        ),
    ),
)
FULCRA = Format(
    "fulcra",
    "Value FULCRA: dialogues rated by Schwartz's values, and prompts",
    (
        Shape(("dialogue", "value_types"), _fulcra),
        Shape(
            ("prompt", "safety_issues"),
            one_per_row(
                Question,
                "{file}/{line}",
                question="prompt",
                topic=_first_issue,
                value="=",
                setting="=dilemma",
            ),
        ),
    ),
)
VLSBENCH = Format(
    "vlsbench",
    "VLSBench: instructions without their pictures (value rule-of-law, after ValueExploration)",
    (
        Shape(
            ("instruction_id", "instruction", "category"),
            one_per_row(
                Question,
                "vlsbench/{key}",
                "question",
                question="instruction",
                key="instruction_id",
                topic="category",
                value="=rule-of-law",
                setting="=dilemma",
            ),
        ),
    ),
)
ULTRACHAT = Format(
    "ultrachat",
    "UltraChat: everyday topics (ValueInsight's T), and instructions by class",
    (
        Shape(
            (ITEM,),
            one_per_row(
                RatedText,
                "topic/{key}",
                "text",
                text=ITEM,
                key=lambda row: value_id(row.text(ITEM)),
                value="=",
            ),
            files="meta_topics*.json",
        ),
        Shape(
            ("class", "data"),
            one_per_row(
                Question,
                "{file}/{line}",
                "question",
                question="data",
                topic="class",
                value="=",
                setting="=dilemma",
            ),
        ),
    ),
)
VALUEBENCH = Format(
    "valuebench",
    "ValueBench: items of psychometric questionnaires, with the sign of agreement; the Schwartz Value Survey",
    (
        Shape(
            ("questionnaire", "item", "value", "agreement"),
            _items("questionnaire", "item", "value", "agreement", "question?"),
        ),
        Shape(
            ("questionnaire info", "scenario description", "corresponding value", "Agreement"),
            _items("questionnaire info", "scenario description", "corresponding value", "Agreement"),
        ),
        Shape(("instrument", "key", "text", "label"), _items("instrument", "text", "label", "key")),
        Shape(("value", "definition", "items"), _svs),
    ),
)
PVQ = Format(
    "pvq",
    "Portrait Values Questionnaires: items, scoring key and labels of the scale in one JSON object",
    (Shape(("scale", "key", "items"), _pvq),),
)
