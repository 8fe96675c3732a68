"""Questionnaires: the key, reversed items, centring, missing items, and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import shared

from valuescope.judge import (
    JudgeError,
    Questionnaire,
    Reply,
    judge_prompt,
    load_questionnaire,
    score_questionnaire,
)

LABELS = ("not at all", "not", "a little", "somewhat", "much", "very much")
CONTENT: dict[str, Any] = {
    "name": "small",
    "scale": list(LABELS),
    "key": {"power": [1, 2], "hedonism": [3, 4, 5]},
    "items": {"1": "one", "2": "two", "3": "three", "4": "four", "5": "five"},
    "reverse": [5],
}


def small(**changes: Any) -> Questionnaire:
    fields: dict[str, Any] = {
        "name": "small",
        "items": {number: f"item {number}" for number in "12345"},
        "key": {"power": ("1", "2"), "hedonism": ("3", "4", "5")},
        "labels": LABELS,
    }
    return Questionnaire(**{**fields, **changes})


def given(*ratings: int | str) -> dict[str, Reply[int]]:
    """One reply per item; a text is a kind of missing."""
    return {
        str(number + 1): Reply(None, rating) if isinstance(rating, str) else Reply(rating)  # type: ignore[arg-type]
        for number, rating in enumerate(ratings)
    }


def test_scores_by_hand() -> None:
    scores = score_questionnaire(small(), given(6, 5, 1, 2, 3))
    assert scores.mean == pytest.approx(17 / 5)
    power, hedonism = scores.scales["power"], scores.scales["hedonism"]
    assert (power.raw, power.centred) == (5.5, pytest.approx(5.5 - 3.4))
    assert (hedonism.raw, hedonism.centred) == (2.0, pytest.approx(2.0 - 3.4))
    assert (power.n, power.items, hedonism.n, hedonism.items) == (2, 2, 3, 3)
    assert scores.missing.missing == 0


def test_reversed_items_are_mirrored_on_the_scale() -> None:
    questionnaire = small(reverse=frozenset({"5"}))
    scores = score_questionnaire(questionnaire, given(6, 5, 1, 2, 3))
    assert scores.scales["hedonism"].raw == pytest.approx((1 + 2 + 4) / 3)
    assert scores.mean == pytest.approx(18 / 5)
    assert [questionnaire.rating("5", value) for value in (1, 6)] == [6, 1]
    from_zero = small(low=0, reverse=frozenset({"5"}))
    assert (from_zero.high, from_zero.rating("5", 0), from_zero.rating("1", 0)) == (5, 5, 0)


def test_centring_takes_out_how_a_respondent_uses_the_scale() -> None:
    low = score_questionnaire(small(), given(4, 3, 1, 2, 1))
    high = score_questionnaire(small(), given(6, 5, 3, 4, 3))
    for scale in ("power", "hedonism"):
        assert low.scales[scale].raw != high.scales[scale].raw
        assert low.scales[scale].centred == pytest.approx(high.scales[scale].centred)


def test_centred_scores_weighted_by_their_items_sum_to_zero() -> None:
    for reverse in (frozenset[str](), frozenset({"2", "5"})):
        scores = score_questionnaire(small(reverse=reverse), given(6, 2, 1, 4, 3))
        total = sum((score.centred or 0) * score.items for score in scores.scales.values())
        assert total == pytest.approx(0)


def test_missing_items_are_left_out_and_counted() -> None:
    scores = score_questionnaire(small(), given(6, "refusal", 1, 2, "unparseable"))
    assert (scores.scales["power"].raw, scores.scales["power"].n) == (6.0, 1)
    assert (scores.scales["hedonism"].raw, scores.scales["hedonism"].n) == (1.5, 2)
    assert scores.mean == pytest.approx(3.0)
    assert dict(scores.missing.by_kind) == {"refusal": 1, "unparseable": 1}
    assert scores.missing.total == 5


def test_a_scale_with_too_few_items_is_missing() -> None:
    replies = given(6, "empty", 1, "empty", "empty")
    scores = score_questionnaire(small(), replies)
    assert scores.scales["hedonism"].raw is None
    assert scores.scales["hedonism"].n == 1
    assert scores.mean is None  # two items of five: too few to centre on
    assert (scores.scales["power"].raw, scores.scales["power"].centred) == (6.0, None)
    lenient = score_questionnaire(small(), replies, minimum_share=0.3)
    assert (lenient.scales["hedonism"].raw, lenient.mean) == (1.0, 3.5)
    nothing = score_questionnaire(small(), given(*["refusal"] * 5))
    assert (nothing.scales["power"].raw, nothing.mean, nothing.same_answer) == (None, None, None)


def test_saying_the_same_to_everything_shows() -> None:
    same = score_questionnaire(small(reverse=frozenset({"5"})), given(6, 6, 6, 6, 6))
    assert same.same_answer == 1.0
    assert score_questionnaire(small(), given(6, 6, 1, 2, "empty")).same_answer == 0.5


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        (given(1, 2, 3, 4), "item '5' has no reply; give one"),
        (given(1, 2, 3, 4, 5, 6), "item '6' is not among the items"),
        (given(1, 2, 3, 4, 7), r"item '5' is 7, not on 1\.\.6"),
        (given(0, 2, 3, 4, 5), r"item '1' is 0, not on 1\.\.6"),
    ],
)
def test_replies_must_be_one_per_item_and_on_the_scale(replies: dict[str, Reply[int]], message: str) -> None:
    with pytest.raises(JudgeError, match=message):
        score_questionnaire(small(), replies)


def test_the_least_share_is_a_share() -> None:
    for share in (0, 1.5):
        with pytest.raises(JudgeError, match="minimum_share is"):
            score_questionnaire(small(), given(1, 2, 3, 4, 5), minimum_share=share)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"items": {}}, "items is empty"),
        ({"key": {}}, "key is empty"),
        ({"labels": ("only",)}, "scale has 1 labels"),
        ({"key": {"power": ()}}, r"key\.power names no item"),
        ({"key": {"power": ("1", "1")}}, r"key\.power names an item twice"),
        ({"key": {"power": ("9",)}}, r"key\.power names item '9', which is not among the items"),
        ({"reverse": frozenset({"9"})}, "reverse names item '9'"),
    ],
)
def test_a_questionnaire_must_be_consistent(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(JudgeError, match=f"questionnaire 'small': {message}"):
        small(**changes)


@pytest.mark.parametrize("name", ["portrait", "self-description", "agreement"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_fields_fit_the_prompts(name: str, language: str) -> None:
    shown = judge_prompt(name, language).render(**small().fields("3")).user
    assert "item 3" in shown
    assert "1 = not at all\n2 = not\n" in shown
    assert "6 = very much" in shown
    assert "1" in shown.splitlines()[-1]
    assert "6" in shown.splitlines()[-1]


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    path.write_text(json.dumps({**CONTENT, "note": "passed over"}), encoding="utf-8")
    questionnaire = load_questionnaire(path)
    assert questionnaire.key == {"power": ("1", "2"), "hedonism": ("3", "4", "5")}
    assert (questionnaire.low, questionnaire.high, questionnaire.reverse) == (1, 6, frozenset({"5"}))
    assert questionnaire.items["4"] == "four"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"items": None}, "field 'items' must be a dict, and is None"),
        ({"scale": "1-6"}, "field 'scale' must be a list"),
        ({"low": "1"}, "field 'low' must be a int, and is '1'"),
        ({"key": {"power": "1"}}, r"field 'key\.power' must be a list of item ids, and is '1'"),
        ({"key": {"power": [8]}}, "names item '8'"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "q.json"
    path.write_text(json.dumps({**CONTENT, **change}), encoding="utf-8")
    with pytest.raises(JudgeError, match=message):
        load_questionnaire(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match=r"absent\.json: no such file"):
        load_questionnaire(tmp_path / "absent.json")
    (tmp_path / "list.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(JudgeError, match="field 'name' must be a str"):
        load_questionnaire(tmp_path / "list.json")


def test_scores_are_json() -> None:
    scores = score_questionnaire(small(), given(6, "refusal", 1, 2, "empty"))
    plain = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert plain["scales"]["power"] == {"raw": 6.0, "centred": 3.0, "n": 1, "items": 2}
    assert plain["missing"] == {"refusal": 1, "empty": 1}


@pytest.mark.parametrize(
    ("file", "items", "scales"),
    [
        ("pvq21_ess_first_person", 21, 10),
        ("pvq40_third_person_male", 40, 10),
        ("pvqrr_neutral_reordered", 57, 19),
    ],
)
def test_published_questionnaires_are_read_and_scored(file: str, items: int, scales: int) -> None:
    questionnaire = load_questionnaire(shared(f"data/pvq/{file}.json"))
    assert (len(questionnaire.items), len(questionnaire.key)) == (items, scales)
    assert (questionnaire.low, questionnaire.high, len(questionnaire.reverse)) == (1, 6, 0)
    keyed = [item for ids in questionnaire.key.values() for item in ids]
    assert sorted(keyed) == sorted(questionnaire.items)  # every item speaks for one scale
    for favourite, ids in questionnaire.key.items():
        replies = {item: Reply(6 if item in ids else 2) for item in questionnaire.items}
        scores = score_questionnaire(questionnaire, replies)
        mean = (6 * len(ids) + 2 * (items - len(ids))) / items
        assert scores.mean == pytest.approx(mean)
        for scale, score in scores.scales.items():
            assert score.raw == (6 if scale == favourite else 2)
            assert score.centred == pytest.approx(score.raw - mean)
