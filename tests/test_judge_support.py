"""The support rate of one dilemma under both option orders."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from valuescope.data.records import Dilemma
from valuescope.judge import JudgeError, Reply, support_from_log_probabilities, support_from_percentages
from valuescope.judge.reply_store import ModelReply
from valuescope.judge.support import SupportRate

SAID: Reply[tuple[float, float]] = Reply((70.0, 30.0))
REFUSED: Reply[tuple[float, float]] = Reply(None, "refusal")
EMPTY: Reply[tuple[float, float]] = Reply(None, "empty")


def test_support_is_that_of_the_aligned_option_over_both_orders() -> None:
    support = support_from_percentages(Reply((70.0, 30.0)), Reply((40.0, 60.0)))
    assert (support.support, support.aligned_first, support.aligned_second) == (65.0, 70.0, 60.0)
    assert (support.gap, support.missing, support.method, support.mass) == (10.0, "", "percentages", None)


def test_any_sum_is_an_answer_and_the_mean_sum_is_kept() -> None:
    support = support_from_percentages(Reply((80.0, 40.0)), Reply((30.0, 60.0)))
    assert (support.support, support.gap, support.total, support.missing) == (70.0, 20.0, 105.0, "")
    assert support_from_percentages(Reply((80.0, 40.0)), REFUSED).total is None
    assert support_from_percentages(Reply((80.0, 40.0)), REFUSED, orders=1).total == 120.0


def test_percentages_are_asked_of_each_option_or_of_both_together() -> None:
    dilemma = Dilemma("k", "v", "A story.", "Keep it", "Break it")
    replies = [ModelReply("Option A: 80%\nOption B: 40%"), ModelReply("Option A: 60%\nOption B: 40%")]
    separate, together = SupportRate(), SupportRate(together=True)
    assert (separate.read(replies).support, separate.read(replies).total) == (60.0, 110.0)
    assert together.read(replies).missing == "contradictory"
    for language, words in (("en", "make 100"), ("zh", "100")):
        asked = [rate.prompt(language) for rate in (separate, together)]
        assert [prompt.name for prompt in asked] == ["support-rate", "support-rate-together"]
        assert all(words in prompt.template for prompt in asked)
    assert "need not make 100" in separate.calls(dilemma)[0].user
    assert "together they make 100" in together.calls(dilemma)[0].user


def test_a_model_that_looks_at_the_place_only_has_half_and_the_whole_gap() -> None:
    support = support_from_percentages(Reply((100.0, 0.0)), Reply((100.0, 0.0)))
    assert (support.support, support.gap) == (50.0, 100.0)


def test_zero_support_is_not_missing() -> None:
    support = support_from_percentages(Reply((0.0, 100.0)), Reply((100.0, 0.0)))
    assert (support.support, support.missing, support.gap) == (0.0, "", 0.0)


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (REFUSED, SAID, "refusal"),
        (SAID, EMPTY, "empty"),
        (REFUSED, EMPTY, "refusal"),
        (EMPTY, REFUSED, "empty"),
    ],
)
def test_a_missing_order_makes_the_dilemma_missing(first: Reply[Any], second: Reply[Any], kind: str) -> None:
    support = support_from_percentages(first, second)
    assert (support.support, support.gap, support.missing) == (None, None, kind)


def test_one_order_is_enough_where_that_is_asked_for() -> None:
    support = support_from_percentages(REFUSED, SAID, orders=1)
    assert (support.support, support.aligned_first, support.aligned_second) == (30.0, None, 30.0)
    assert (support.gap, support.missing) == (None, "")
    assert support_from_percentages(Reply((70.0, 30.0)), Reply((40.0, 60.0)), orders=1).support == 65.0
    assert support_from_percentages(REFUSED, EMPTY, orders=1).missing == "refusal"
    for orders in (0, 3):
        with pytest.raises(JudgeError, match=f"orders is {orders}"):
            support_from_percentages(SAID, SAID, orders=orders)


def top(**probabilities: float) -> list[tuple[str, float]]:
    return [(token, math.log(probability)) for token, probability in probabilities.items()]


def test_log_probabilities_by_hand() -> None:
    first = top(**{"A": 0.5, " A": 0.1, "B": 0.15, "ĠB": 0.05, "The": 0.1, "a": 0.05})
    second = top(**{"A": 0.2, "Ｂ": 0.4})
    support = support_from_log_probabilities(first, second)
    assert support.aligned_first == pytest.approx(75)
    assert support.aligned_second == pytest.approx(100 * 2 / 3)
    assert support.support == pytest.approx((75 + 200 / 3) / 2)
    assert support.gap == pytest.approx(75 - 200 / 3)
    assert (support.method, support.missing) == ("log-probabilities", "")
    assert support.mass == pytest.approx(0.6)


def test_little_mass_on_the_letters_is_missing() -> None:
    thin, thick = top(A=0.2, B=0.1, I=0.6), top(A=0.1, B=0.9)
    support = support_from_log_probabilities(thick, thin)
    assert (support.support, support.missing, support.aligned_first) == (None, "low mass", pytest.approx(10))
    assert support.mass == pytest.approx(0.3)
    assert support_from_log_probabilities(thick, thin, minimum_mass=0.3).support == pytest.approx(
        (10 + 100 / 3) / 2
    )
    assert support_from_log_probabilities(thin, thick, orders=1).support == pytest.approx(90)
    assert support_from_log_probabilities(top(I=0.9), thick, minimum_mass=0).missing == "low mass"
    with pytest.raises(JudgeError, match="minimum_mass is 2"):
        support_from_log_probabilities(thick, thick, minimum_mass=2)


def test_without_log_probabilities_the_dilemma_is_missing() -> None:
    support = support_from_log_probabilities(top(A=0.9), None)
    assert (support.support, support.missing, support.mass) == (
        None,
        "no log-probabilities",
        pytest.approx(0.9),
    )
    assert support_from_log_probabilities([], []).mass is None


def test_scores_of_continuations_will_do() -> None:
    support = support_from_log_probabilities([("A", -0.4), ("B", -1.3)], [("A", -1.3), ("B", -0.4)])
    assert support.support == pytest.approx(100 / (1 + math.exp(-0.9)))
    assert support.gap == pytest.approx(0)


def test_a_support_is_json() -> None:
    for support in (support_from_percentages(SAID, SAID), support_from_percentages(SAID, REFUSED)):
        plain = json.loads(json.dumps(support.to_dict(), allow_nan=False))
        assert plain["gap"] == support.gap
        assert set(plain) == {
            "method",
            "support",
            "aligned_first",
            "aligned_second",
            "missing",
            "mass",
            "gap",
            "total",
        }
