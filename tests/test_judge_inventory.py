"""Questionnaires out of items, and ValueBench's scores against the published ones of six models."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from conftest import shared

from valuescope.data import QuestionnaireItem, read_data
from valuescope.data.readers.rows import value_id
from valuescope.judge import (
    JudgeError,
    Reply,
    inventories,
    load_questionnaire,
    score_questionnaire,
    score_valuebench,
)

ITEMS = (
    QuestionnaireItem("a/1", "order", "one", questionnaire="A"),
    QuestionnaireItem("a/2", "order", "two", questionnaire="A", agreement=-1),
    QuestionnaireItem("b/1", "order", "three", questionnaire="B", agreement=-1),
    QuestionnaireItem("a/3", "calm", "four", questionnaire="A"),
)
PVQ40_KEY = {  # Schwartz's published key
    "conformity": (7, 16, 28, 36),
    "tradition": (9, 20, 25, 38),
    "benevolence": (12, 18, 27, 33),
    "universalism": (3, 8, 19, 23, 29, 40),
    "self-direction": (1, 11, 22, 34),
    "stimulation": (6, 15, 30),
    "hedonism": (10, 26, 37),
    "achievement": (4, 13, 24, 32),
    "power": (2, 17, 39),
    "security": (5, 14, 21, 31, 35),
}
PVQ21_KEY = {
    "benevolence": (12, 18),
    "universalism": (3, 8, 19),
    "self-direction": (1, 11),
    "stimulation": (6, 15),
    "hedonism": (10, 21),
    "achievement": (4, 13),
    "power": (2, 17),
    "security": (5, 14),
    "conformity": (7, 16),
    "tradition": (9, 20),
}


def items_of(path: str) -> list[QuestionnaireItem]:
    return [one for one in read_data(shared(path)).records if isinstance(one, QuestionnaireItem)]


def test_items_become_one_questionnaire_per_inventory() -> None:
    found = inventories(ITEMS, ("no", "so", "yes"))
    assert list(found) == ["A", "B"]
    assert found["A"].key == {"order": ("a/1", "a/2"), "calm": ("a/3",)}
    assert found["A"].reverse == {"a/2"}
    assert (found["A"].low, found["A"].high, found["B"].labels) == (1, 3, ("no", "so", "yes"))


def test_labels_are_the_items_own_where_none_are_given() -> None:
    scaled = [replace(one, scale=("no", "yes")) for one in ITEMS]
    assert inventories(scaled, low=0)["A"].high == 1
    with pytest.raises(JudgeError, match="questionnaire 'A': its items carry no answer scale; give labels"):
        inventories(ITEMS)
    with pytest.raises(JudgeError, match="carry different answer scales"):
        inventories([scaled[0], replace(scaled[1], scale=("a", "b"))])
    with pytest.raises(JudgeError, match="item 'a/1' stands twice"):
        inventories([scaled[0], scaled[0]])
    with pytest.raises(JudgeError, match="no items"):
        inventories([])


def test_valuebench_by_hand() -> None:
    ratings = {"a/1": 8, "a/2": 3, "b/1": 10, "a/3": 0}
    scores = score_valuebench(ITEMS, {key: Reply(value) for key, value in ratings.items()})
    assert scores["A"].scales["order"].raw == (8 + 7) / 2
    assert scores["B"].scales["order"].raw == 0
    assert scores["A"].scales["calm"].raw == 0
    assert scores["A"].scales["order"].n == 2
    partly = score_valuebench(ITEMS, {**{key: Reply(5) for key in ratings}, "b/1": Reply(None, "refusal")})
    assert partly["B"].scales["order"].raw is None
    assert partly["B"].missing.by_kind == {"refusal": 1}


def test_valuebench_wants_one_rating_per_item() -> None:
    replies: dict[str, Reply[int]] = {key: Reply(5) for key in ("a/1", "a/2", "b/1", "a/3")}
    with pytest.raises(JudgeError, match="reply 'c/9' is to no item"):
        score_valuebench(ITEMS, {**replies, "c/9": Reply(1)})
    with pytest.raises(JudgeError, match="item 'b/1' has no reply"):
        score_valuebench(ITEMS, {key: reply for key, reply in replies.items() if key != "b/1"})
    with pytest.raises(JudgeError, match=r"item 'a/1' is 11, not on 0\.\.10"):
        score_valuebench(ITEMS, {**replies, "a/1": Reply(11)})


def test_expected_ratings_lie_between_steps() -> None:
    found = score_questionnaire(
        inventories(ITEMS[:2], ("no", "so", "yes"))["A"], {"a/1": Reply(2.25), "a/2": Reply(1.5)}
    )
    assert found.scales["order"].raw == pytest.approx((2.25 + 2.5) / 2)
    assert found.same_answer == 1  # both round to the middle


@pytest.fixture(scope="module")
def published() -> tuple[list[str], list[tuple[Any, ...]]]:
    """The published sheet: names of columns, and rows."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(shared("golden/valuebench/QA-dataset-answers-rating.xlsx"), read_only=True)
    head, *rows = book.active.iter_rows(values_only=True)
    return list(head), rows


def test_the_published_ratings_of_six_models_give_the_published_scores(
    published: tuple[list[str], list[tuple[Any, ...]]],
) -> None:
    expected = json.loads(shared("golden/valuebench/expected_scores.json").read_text(encoding="utf-8"))
    columns, rows = published
    items = items_of("data/valuebench/value_orientation.csv")
    assert len(rows) == len(items) == 1988
    assert len(expected) == 6
    for model, wanted in expected.items():
        place = columns.index(f"{model}_rating")
        replies: dict[str, Reply[int]] = {
            item.key: Reply(row[place]) for item, row in zip(items, rows, strict=True)
        }
        found = {
            (name, value): (round(score.raw or 0, 6), score.n)
            for name, scores in score_valuebench(items, replies).items()
            for value, score in scores.scales.items()
        }
        assert len(found) == len(wanted) == 263
        for dimension, (score, n) in wanted.items():
            name, value = dimension.split(" | ", 1)
            assert found[name, value_id(value)] == (score, n), dimension


def test_without_mirroring_the_published_scores_are_missed(
    published: tuple[list[str], list[tuple[Any, ...]]],
) -> None:
    columns, rows = published
    items = items_of("data/valuebench/value_orientation.csv")
    assert sum(one.agreement == -1 for one in items) == 630
    assert [one.agreement for one in items] == [row[columns.index("Agreement")] for row in rows]
    assert [one.questionnaire for one in items] == [row[0] for row in rows]


@pytest.mark.parametrize(
    ("file", "key", "name"),
    [
        ("pvq40_third_person_male", PVQ40_KEY, str),
        ("pvq21_ess_first_person", PVQ21_KEY, lambda number: "ABCDEFGHIJKLMNOPQRSTU"[number - 1]),
    ],
)
def test_the_files_keys_are_the_published_ones(file: str, key: dict[str, tuple[int, ...]], name: Any) -> None:
    questionnaire = load_questionnaire(shared(f"data/pvq/{file}.json"))
    assert {scale: set(ids) for scale, ids in questionnaire.key.items()} == {
        value: {name(number) for number in numbers} for value, numbers in key.items()
    }
    assert not questionnaire.reverse
    (from_items,) = inventories(items_of(f"data/pvq/{file}.json")).values()
    assert from_items.labels == questionnaire.labels
    assert [*from_items.items.values()] == [*questionnaire.items.values()]
    assert {value: len(ids) for value, ids in from_items.key.items()} == {
        value: len(ids) for value, ids in key.items()
    }


def test_the_pvq_rr_has_nineteen_scales_of_three() -> None:
    questionnaire = load_questionnaire(shared("data/pvq/pvqrr_neutral_reordered.json"))
    assert [len(ids) for ids in questionnaire.key.values()] == [3] * 19
    items = items_of("data/pvq/pvqrr_neutral_reordered.json")
    assert len({(one.value, one.topic) for one in items}) == 19


def test_valuebench_s_pvq40_is_keyed_as_published() -> None:
    items = [one for one in items_of("data/valuebench/value_orientation.csv") if one.questionnaire == "PVQ40"]
    (found,) = inventories(items, ("a", "b")).values()
    assert {value: len(ids) for value, ids in found.key.items()} == {
        value: len(numbers) for value, numbers in PVQ40_KEY.items()
    }
    order = [one.key for one in items]
    assert {value: {order.index(key) + 1 for key in ids} for value, ids in found.key.items()} == {
        value: set(numbers) for value, numbers in PVQ40_KEY.items()
    }
