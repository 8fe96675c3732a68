"""Ratings weighted by probability and sampled ones, and the counts of what is missing."""

from __future__ import annotations

import json
import math
from statistics import stdev
from typing import Any

import pytest

from valuescope.judge import (
    JudgeError,
    MissingCount,
    Rating,
    Reply,
    expected_rating,
    mean_of_runs,
    one_mode,
    sampled_rating,
)


def top(**probabilities: float) -> list[tuple[str, float]]:
    return [(token, math.log(probability)) for token, probability in probabilities.items()]


def test_an_expected_rating_by_hand() -> None:
    rating = expected_rating(top(**{"4": 0.6, "5": 0.2, "The": 0.1, "3": 0.05}), 1, 5)
    assert rating.score == pytest.approx((4 * 0.6 + 5 * 0.2 + 3 * 0.05) / 0.85)
    assert rating.mass == pytest.approx(0.85)
    assert rating.probabilities == pytest.approx({1: 0, 2: 0, 3: 0.05 / 0.85, 4: 0.6 / 0.85, 5: 0.2 / 0.85})
    assert (rating.mode, rating.n, rating.missing) == ("expected", 1, "")


def test_marks_are_taken_off_and_duplicates_summed() -> None:
    tokens = {
        "4": 0.1,
        " 4": 0.1,
        "Ġ4": 0.1,
        "▁4": 0.1,
        "\n4": 0.1,
        "Ċ4": 0.05,
        "４": 0.05,
        "4 ": 0.05,
        "2": 0.3,
    }
    rating = expected_rating(top(**tokens), 1, 5)
    assert rating.probabilities[4] == pytest.approx(0.65 / 0.95)
    assert rating.score == pytest.approx((4 * 0.65 + 2 * 0.3) / 0.95)


@pytest.mark.parametrize(
    "token", ["40", "0", "6", "-4", "4.5", "4.", "four", "٤", "04", "+4", "4/5", "", " ", "<0x34>", "②"]
)
def test_only_steps_of_the_scale_count(token: str) -> None:
    rating = expected_rating(top(**{"3": 0.6, token: 0.3}), 1, 5)
    assert (rating.score, rating.mass) == (pytest.approx(3), pytest.approx(0.6))


def test_little_mass_is_missing_and_kept() -> None:
    thin = top(**{"5": 0.3, "I": 0.6})
    rating = expected_rating(thin, 1, 5)
    assert (rating.score, rating.missing, rating.mass) == (None, "low mass", pytest.approx(0.3))
    assert not rating.probabilities
    assert expected_rating(thin, 1, 5, minimum_mass=0.25).score == pytest.approx(5)
    assert expected_rating(top(I=0.9), 1, 5, minimum_mass=0).missing == "low mass"
    assert expected_rating([("5", -math.inf), ("I", 0.0)], 1, 5).missing == "low mass"


def test_half_is_enough() -> None:
    assert expected_rating([("5", math.log(0.5)), ("x", math.log(0.5))], 1, 5).score == pytest.approx(5)


def test_without_log_probabilities_there_is_no_expected_rating() -> None:
    for nothing in (None, []):
        rating = expected_rating(nothing, 1, 5)
        assert (rating.score, rating.mass, rating.missing, rating.n) == (
            None,
            None,
            "no log-probabilities",
            0,
        )


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([("4", math.nan)], "token '4' has the log-probability nan"),
        ([("4", 0.5)], "token '4' has the log-probability 0.5; it must be 0 or less"),
        ([("4", -0.1), ("5", -0.1)], r"the 2 tokens have the probability 1\.810 together"),
    ],
)
def test_impossible_log_probabilities(tokens: list[tuple[str, float]], message: str) -> None:
    with pytest.raises(JudgeError, match=message):
        expected_rating(tokens, 1, 5)


@pytest.mark.parametrize(("low", "high"), [(1, 10), (0, 10), (-2, 2), (5, 1), (3, 3)])
def test_a_scale_must_be_of_single_digits(low: int, high: int) -> None:
    with pytest.raises(JudgeError, match=r"use a scale within 0\.\.9, or sampled_rating"):
        expected_rating(top(**{"1": 0.9}), low, high)


def replies(*values: int, missing: tuple[Any, ...] = ()) -> list[Reply[int]]:
    return [*map(Reply, values), *(Reply(None, kind) for kind in missing)]


def test_a_sampled_rating_by_hand() -> None:
    rating = sampled_rating(replies(*[4] * 12, *[5] * 6, missing=("refusal", "unparseable")), 1, 5)
    assert rating.score == pytest.approx(78 / 18)
    assert (rating.mode, rating.n, rating.mass, rating.missing) == ("sampled", 18, 0.9, "")
    assert rating.probabilities == pytest.approx({1: 0, 2: 0, 3: 0, 4: 12 / 18, 5: 6 / 18})


def test_a_sampled_rating_of_mostly_missing_replies_is_missing() -> None:
    rating = sampled_rating(replies(*[4] * 9, missing=("refusal",) * 7 + ("empty",) * 4), 1, 5)
    assert (rating.score, rating.missing, rating.n, rating.mass) == (None, "refusal", 9, 0.45)
    assert sampled_rating(replies(*[4] * 10, missing=("empty",) * 10), 1, 5).score == 4
    assert sampled_rating(replies(missing=("empty",) * 20), 1, 5, minimum_mass=0).missing == "empty"


def test_sampling_takes_many_replies_on_the_scale() -> None:
    with pytest.raises(JudgeError, match="19 replies are too few for a sampled rating; draw 20 or more"):
        sampled_rating(replies(*[4] * 19), 1, 5)
    assert sampled_rating(replies(1, 2), 1, 10, minimum_samples=2).score == 1.5
    with pytest.raises(JudgeError, match="a reply is 6, outside of the scale from 1 to 5"):
        sampled_rating(replies(*[6] * 20), 1, 5)
    for mass in (-0.1, 1.1, math.nan):
        with pytest.raises(JudgeError, match="minimum_mass is"):
            sampled_rating(replies(*[4] * 20), 1, 5, minimum_mass=mass)


def expected(number: float) -> Rating:
    low = math.floor(number)
    tokens = {str(low): 1 - (number - low)} | ({str(low + 1): number - low} if number > low else {})
    return expected_rating(top(**tokens), 1, 5)


def test_the_mean_of_runs_leaves_missing_runs_out_and_counts_them() -> None:
    runs = [expected(4), expected(2.5), expected_rating(top(I=0.9), 1, 5), expected_rating(None, 1, 5)]
    mean = mean_of_runs(runs)
    assert (mean.mode, mean.score, mean.n) == ("expected", pytest.approx(3.25), 2)
    assert mean.spread == pytest.approx(stdev([4, 2.5]))
    assert mean.missing == MissingCount(4, {"low mass": 1, "no log-probabilities": 1})
    assert mean.mass == 0
    alone = mean_of_runs([expected(4)])
    assert (alone.score, alone.spread, alone.mass) == (4, None, pytest.approx(1))
    assert mean_of_runs([expected_rating(None, 1, 5)]).score is None


def test_modes_are_never_mixed() -> None:
    sampled = sampled_rating(replies(*[4] * 20), 1, 5)
    assert one_mode([sampled, sampled]) == "sampled"
    assert one_mode([expected(4)]) == "expected"
    for mixed in ([sampled, expected(4)], [sampled, expected_rating(None, 1, 5)]):
        with pytest.raises(JudgeError, match="expected and sampled ratings are mixed"):
            one_mode(mixed)
        with pytest.raises(JudgeError, match="mixed"):
            mean_of_runs(mixed)
    with pytest.raises(JudgeError, match="there are none"):
        one_mode([])


def test_ratings_are_json() -> None:
    for rating in (expected(2.5), expected_rating(None, 1, 5)):
        plain = json.loads(json.dumps(rating.to_dict(), allow_nan=False))
        assert set(plain) == {"mode", "score", "mass", "probabilities", "n", "missing"}
    assert expected(2.5).to_dict()["probabilities"]["3"] == pytest.approx(0.5)


def test_missing_replies_are_counted_by_kind() -> None:
    count = MissingCount.of(["", "refusal", "", "empty", "refusal", ""])
    assert (count.total, count.missing, count.share) == (6, 3, 0.5)
    assert list(count.by_kind.items()) == [("refusal", 2), ("empty", 1)]
    assert count + MissingCount.of(["", "empty"]) == MissingCount(8, {"refusal": 2, "empty": 2})
    assert MissingCount.of([]).share is None


def test_a_large_missing_share_is_said_loudly() -> None:
    tenth = MissingCount.of([""] * 9 + ["refusal"])
    assert tenth.warning() is None
    assert tenth.warning(0.05) is not None
    said = MissingCount.of([""] * 8 + ["refusal", "refusal"]).warning()
    assert said is not None
    assert "2 OF 10 JUDGEMENTS ARE MISSING (20%, more than 10%): refusal 2" in said
    assert "NOTHING WAS JUDGED" in str(MissingCount.of([]).warning())
    assert MissingCount.of([""]).warning(0) is None
    with pytest.raises(JudgeError, match="limit is 10; give a share"):
        tenth.warning(10)
