"""Sets of dilemmas and contrast pairs: ConVA, C-Voice, ValueInsight, MoralChoice and DailyDilemmas."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from valuescope.data.findings import Place
from valuescope.data.readers.rows import (
    DataRow,
    DataTable,
    Format,
    Parsed,
    RowError,
    Shape,
    one_per_row,
    stem,
    value_id,
)
from valuescope.data.records import ContrastPair, Description, Dilemma, Question, Record
from valuescope.values import available_value_systems, load_value_system

_NO_VALUE = (
    "en",
    "zh",
    "cn",
    "eval",
    "evaluation",
    "activation",
    "act",
    "train",
    "dev",
    "test",
    "data",
    "c-voice",
)
FOR = {"for", "positive", "pos", "1", "+1", "true", "value", "aligned"}
AGAINST = {"against", "negative", "neg", "-1", "0", "false", "opposite", "antonym", "reversed", "opposed"}


def _value(row: DataRow) -> str:
    """The value of a row: its field, else the known value that the file is named after."""
    if named := row.text("value", optional=True):
        return value_id(named)
    parts = [part for part in re.split(r"[_.\s]+", stem(row.place).lower()) if part not in _NO_VALUE]
    value = value_id(" ".join(parts))
    if value not in _known_values():
        fix = "add it, or name the file after a value, such as equality.json"
        raise row.error("value", "is missing", fix)
    return value


@cache
def _known_values() -> frozenset[str]:
    """The ids of all values of the built-in systems."""
    return frozenset(value.id for name in available_value_systems() for value in load_value_system(name))


def _stance(row: DataRow) -> str:
    stance = row.text("stance").lower()
    if stance not in FOR | AGAINST:
        raise row.error("stance", "says neither for nor against", "write 'for' or 'against'")
    return "for" if stance in FOR else "against"


_RULES = {
    "kill": "death",
    "pain": "pain",
    "disable": "disable",
    "freedom": "freedom",
    "pleasure": "pleasure",
    "deceive": "deceive",
    "cheat": "cheat",
    "promise": "break_promise",
    "law": "break_law",
    "duty": "duty",
}
"""A word of the rule, and the columns that say which action breaks it: a1_death and a2_death."""


def _moralchoice(row: DataRow) -> Iterator[Record]:
    """A scenario with two actions; the aligned one keeps the rule that the scenario was written for.

    Where both actions or neither keep it, the record names no value and its actions are merely first and second.
    """
    rule = row.text("generation_rule", optional=True)
    first, second = row.text("action1"), row.text("action2")
    label = next((name for word, name in _RULES.items() if word in rule.lower()), "")
    broken = [row.text(f"{action}_{label}", optional=True) for action in ("a1", "a2")]
    value = value_id(rule) if sorted(broken) == ["No", "Yes"] else ""
    if value and broken[0] == "Yes":
        first, second = second, first
    key, story, topic = row.text("scenario_id"), row.text("context"), row.text("ambiguity", optional=True)
    yield Dilemma(key, value, story, first, second, topic=topic)


def _daily_pairs(table: DataTable) -> Parsed:
    """Two rows, to do and not to do, make one dilemma; the set names no value that one of them would keep."""
    rows = defaultdict[str, dict[str, DataRow]](dict)
    records, places = list[Record](), list[Place]()
    for row in table.rows:
        try:
            action = row.one_of("action_type", ("to_do", "not_to_do"))
            number = row.text("idx")
            if action in rows[number]:
                raise row.error("action_type", f"stands twice for dilemma {number}", "keep one")
            rows[number][action] = row
        except RowError as error:
            table.problems.extend(error.findings)
    for number, sides in rows.items():
        row = next(iter(sides.values()))
        try:
            if len(sides) < 2:
                raise row.error("action_type", f"dilemma {number} has one action only", "add the other one")
            first, second = (sides[side].text("action") for side in ("to_do", "not_to_do"))
            story = row.text("dilemma_situation")
            topic = row.text("topic_group", optional=True)
            records.append(Dilemma(f"daily/{number}/actions", "", story, first, second, topic=topic))
            places.append(row.place)
        except RowError as error:
            table.problems.extend(error.findings)
    return records, places


_VALUE = {"value": ("dimension", "value dimension", "higher-order value")}
CONVA = Format(
    "conva",
    "ConVA (of NeVA): contrast pairs in probe/<value>.csv, open questions in eval/test_<value>_new.csv",
    (
        Shape(
            ("question_1", "question_2"),
            one_per_row(
                ContrastPair,
                "{value}/probe/{line}",
                "positive",
                value=lambda row: value_id(stem(row.place)),
                positive="question_1",
                kind=lambda row: "question" if row.text("question_1").endswith(("?", "？")) else "statement",
                negative="question_2",
            ),
        ),
        Shape(
            ("text",),
            one_per_row(
                Question,
                "{value}/eval/{line}",
                "question",
                value=lambda row: value_id(re.sub(r"^test_|_new$", "", stem(row.place))),
                setting="=dilemma",
                question="text",
            ),
            files="test_*_new.csv",
        ),
    ),
)
C_VOICE = Format(
    "c-voice",
    "C-Voice (of ValueExploration): Type, Context, Action1, Action2 and, for activation, a rationale",
    (
        Shape(
            ("context", "action1", "action2"),
            one_per_row(
                Dilemma,
                "{value}/{file}/{line}",
                "story",
                story="context",
                value=_value,
                aligned="action1",
                violating="action2",
                rationale="rationale?",
                topic="type?",
            ),
            aliases={
                "context": ("background", "story", "moral dilemma", "situation"),
                "action1": ("aligned action", "option a"),
                "action2": ("violating action", "option b"),
                "type": ("dilemma type", "topic", "conflict", "conflict type"),
                "rationale": ("reasoning", "reason", "explanation"),
                **_VALUE,
            },
        ),
    ),
)
VALUEINSIGHT = Format(
    "valueinsight",
    "ValueInsight (of ValueLocate): second-person descriptions with a stance, situational questions",
    (
        Shape(
            ("description", "stance"),
            one_per_row(
                Description,
                "{value}/{file}/{line}",
                "description",
                description="description",
                stance=_stance,
                value=_value,
                topic="atomic?",
            ),
            aliases={
                "description": ("value description",),
                "stance": ("orientation", "polarity", "direction", "label"),
                "atomic": ("atomic value", "factor"),
                **_VALUE,
            },
        ),
        Shape(
            ("question", "atomic"),
            one_per_row(
                Question,
                "{value}/{file}/{line}",
                "question",
                question="question",
                value=_value,
                setting="=dilemma",
                topic="topic?",
                atomic=lambda row: value_id(row.text("atomic")),
            ),
            aliases={
                "question": ("situational question",),
                "atomic": ("atomic value", "factor"),
                "topic": (),
                **_VALUE,
            },
        ),
    ),
)
MORALCHOICE = Format(
    "moralchoice",
    "MoralChoice: scenarios with two actions, of low and high ambiguity",
    (Shape(("scenario_id", "context", "action1", "action2"), _moralchoice),),
)
DAILY_DILEMMAS = Format(
    "daily-dilemmas",
    "DailyDilemmas: everyday dilemmas, alone or with what to do and not to do",
    (
        Shape(("idx", "dilemma_situation", "action_type", "action"), parse_table=_daily_pairs),
        Shape(
            ("basic_situation", "dilemma_situation"),
            one_per_row(
                Question,
                "daily/{key}",
                question="dilemma_situation",
                key=lambda row: row.text("idx", optional=True) or row.place.number,
                value="=",
                setting="=dilemma",
                topic="topic_group?",
            ),
        ),
    ),
)
