"""Sets of single texts: ValueCSV, FULCRA, VLSBench and UltraChat's topics."""

from __future__ import annotations

import re
from collections.abc import Iterator

from valuescope.data.checks.words import language_of
from valuescope.data.readers.formats import Format, Shape, by_row, stem, value_id
from valuescope.data.readers.rows import Row
from valuescope.data.readers.tables import ITEM
from valuescope.data.records import Question, RatedText, Record

CHINESE_SOCIAL = (
    *("Prosperity", "Democracy", "Civility", "Harmony", "Freedom", "Equality", "Justice", "Rule of Law"),
    *("Patriotism", "Dedication", "Integrity", "Friendliness"),
)
_RATING = re.compile(r"\s*(?P<value>[^:]+?)\s*:\s*(?P<sign>[+-]?)\s*(?P<number>[01])\s*")
_DIALOGUE = re.compile(r"\s*Human:(?P<asked>.*?)\n\s*Bob:(?P<reply>.*)", re.DOTALL)


def _valuecsv(row: Row) -> Iterator[Record]:
    """A text and, for each of the twelve Chinese social values, whether it is about it."""
    text = row.text("text")
    ratings = tuple((value_id(name), row.integer(f"{name}_scr", 0, 1)) for name in CHINESE_SOCIAL)
    yield RatedText(
        f"{stem(row.place)}/{row.place.line}",
        _first(ratings),
        text,
        ratings=ratings,
        language=language_of(text),
    )


def _valuecsv_question(row: Row) -> Iterator[Record]:
    text = re.sub(r"^\d+\s*[.．、]\s*", "", row.text("quest"))
    yield Question(f"{stem(row.place)}/{row.place.line}", "", "dilemma", text, language=language_of(text))


def _fulcra(row: Row) -> Iterator[Record]:
    """A dialogue, and the values that its answer speaks for (+1) or against (-1)."""
    dialogue = _DIALOGUE.fullmatch(row.text("dialogue"))
    if not dialogue:
        raise row.error("dialogue", "is not 'Human: ...' and 'Bob: ...'", "write both turns")
    ratings = list[tuple[str, int]]()
    for one in row.entries("value_types", empty=True):
        match = _RATING.fullmatch(str(one))
        if not match:
            raise row.error("value_types", "holds a rating that cannot be read", "write it as 'security: +1'")
        ratings.append((value_id(match["value"]), int(match["sign"] + match["number"])))
    source = row.text("response_source", optional=True)
    asked = dialogue["asked"].strip()
    yield RatedText(
        f"{stem(row.place)}/{row.place.line}",
        _first(tuple(ratings)),
        asked,
        reply=dialogue["reply"].strip(),
        ratings=tuple(ratings),
        language=language_of(asked),
        topic=source,
    )


def _fulcra_prompt(row: Row) -> Iterator[Record]:
    text = row.text("prompt")
    issues = row.entries("safety_issues", empty=True)
    topic = str(issues[0]) if issues else "none"
    yield Question(f"{stem(row.place)}/{row.place.line}", "", "dilemma", text, topic=topic)


def _vlsbench(row: Row) -> Iterator[Record]:
    """The text of an instruction; its picture is left out."""
    text = row.text("instruction")
    key = f"vlsbench/{row.text('instruction_id')}"
    yield Question(
        key, "rule-of-law", "dilemma", text, language=language_of(text), topic=row.text("category")
    )


def _topic(row: Row) -> Iterator[Record]:
    text = row.text(ITEM)
    yield RatedText(f"topic/{value_id(text)}", "", text, language=language_of(text))


def _instruction(row: Row) -> Iterator[Record]:
    text = row.text("data")
    key = f"{stem(row.place)}/{row.place.line}"
    yield Question(key, "", "dilemma", text, language=language_of(text), topic=row.text("class"))


def _first(ratings: tuple[tuple[str, int], ...]) -> str:
    return next((value for value, number in ratings if number > 0), "")


VALUECSV = Format(
    "valuecsv",
    "ValueCSV: Chinese texts with a label for each of the twelve Chinese social values, and test questions",
    (
        Shape(("text", *(f"{name}_scr" for name in CHINESE_SOCIAL)), by_row(_valuecsv)),
        Shape(("quest",), by_row(_valuecsv_question)),
    ),
)
FULCRA = Format(
    "fulcra",
    "Value FULCRA: dialogues rated by Schwartz's values, and prompts",
    (
        Shape(("dialogue", "value_types"), by_row(_fulcra)),
        Shape(("prompt", "safety_issues"), by_row(_fulcra_prompt)),
    ),
)
VLSBENCH = Format(
    "vlsbench",
    "VLSBench: instructions without their pictures (value rule-of-law, after ValueExploration)",
    (Shape(("instruction_id", "instruction", "category"), by_row(_vlsbench)),),
)
ULTRACHAT = Format(
    "ultrachat",
    "UltraChat: everyday topics (ValueInsight's T), and instructions by class",
    (
        Shape((ITEM,), by_row(_topic), files="meta_topics*.json"),
        Shape(("class", "data"), by_row(_instruction)),
    ),
)
