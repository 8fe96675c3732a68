"""Items of questionnaires as open questions."""

from __future__ import annotations

import pytest
from conftest import shared

from valuescope.data import DataError, QuestionnaireItem, item_questions, read_data
from valuescope.values import load_value_system

ITEMS = (
    QuestionnaireItem(
        "a/1", "power", "I like to lead.", questionnaire="A", question="Should I like to lead?"
    ),
    QuestionnaireItem("a/2", "hedonism", "I like sweets.", questionnaire="A", agreement=-1),
    QuestionnaireItem("a/3", "power", "我喜欢带头。", questionnaire="B", language="zh"),
)


def test_a_set_s_own_question_comes_first() -> None:
    own, quoted, chinese = item_questions(ITEMS)
    assert own.question == "Should I like to lead?"
    assert '"I like sweets."' in quoted.question
    assert "“我喜欢带头。”" in chinese.question
    assert [one.key for one in (own, quoted, chinese)] == ["a/1", "a/2", "a/3"]
    assert [(one.value, one.topic, one.language) for one in (own, chinese)] == [
        ("power", "A", "en"),
        ("power", "B", "zh"),
    ]
    assert own.prompt == ""  # the model's chat template is for whoever asks


def test_forms_quote_the_item_in_different_words() -> None:
    statement, portrait = (item_questions(ITEMS, form)[0].question for form in ("statement", "portrait"))
    assert "I like to lead." in statement
    assert "I like to lead." in portrait
    assert statement != portrait


def test_values_can_be_gathered_into_dimensions() -> None:
    found = item_questions(ITEMS, values={"power": "self-enhancement"})
    assert [(one.key, one.value) for one in found] == [
        ("a/1", "self-enhancement"),
        ("a/3", "self-enhancement"),
    ]


def test_what_cannot_be_asked() -> None:
    with pytest.raises(DataError, match="form 'ask' is unknown; the forms are question, statement, portrait"):
        item_questions(ITEMS, "ask")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no item to ask: there are 3 items about hedonism, power"):
        item_questions(ITEMS, values={"care": "care"})


def test_published_sets_as_questions() -> None:
    items = [
        one
        for one in read_data(shared("data/valuebench/value_orientation.csv")).records
        if isinstance(one, QuestionnaireItem)
    ]
    asked = item_questions(items)
    assert len(asked) == 1988
    assert [one.question for one in asked] == [one.question for one in items]  # all of them have their own
    portraits = [
        one
        for one in read_data(shared("data/pvq/pvq40_third_person_male.json")).records
        if isinstance(one, QuestionnaireItem)
    ]
    asked = item_questions(portraits, "portrait")
    assert {one.value for one in asked} <= set(load_value_system("schwartz").values)
    assert all(one.item in question.question for one, question in zip(portraits, asked, strict=True))
