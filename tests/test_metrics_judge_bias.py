"""Position and length bias of a judge."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from valuescope.metrics import Bootstrap, MetricError, length_bias, position_bias


def test_position_bias_by_hand() -> None:
    # Item scores: both first +0.5, one each 0, both second -0.5, missing.
    bias = position_bias([True, True, False, None], [True, False, False, True]).bias
    assert (bias.mean, bias.n, bias.missing) == (0.0, 3, 1)
    assert position_bias([True, True], [True, False]).bias.mean == 0.25
    assert position_bias([0.8, 0.5], [0.6, 0.5]).bias.mean == pytest.approx(0.1)


def test_a_judge_by_merit_has_no_bias_whatever_it_prefers() -> None:
    generator = np.random.default_rng(1)
    choice = generator.random(40) < 0.8
    bias = position_bias(choice.tolist(), (~choice).tolist()).bias
    assert bias.mean == 0
    # All items came to 0: Wilson's limit for a share of 0 over 40 items, half an item's range.
    reach = 0.5 * 3.841459 / 43.841459
    assert (bias.low, bias.high, bias.interval) == (
        pytest.approx(-reach, abs=1e-6),
        pytest.approx(reach, abs=1e-6),
        "wilson",
    )


def test_a_judge_by_place_alone_has_all_of_it() -> None:
    for first, sign in ((True, 1), (False, -1)):
        bias = position_bias([first] * 20, [first] * 20).bias
        assert bias.mean == 0.5 * sign
        limits = sorted((sign * 0.5, sign * (0.5 - 0.5 * 3.841459 / 23.841459)))
        assert (bias.low, bias.high) == (pytest.approx(limits[0]), pytest.approx(limits[1]))


def test_position_bias_is_paired_by_item() -> None:
    """Items differ much, orders little: the interval goes over items, and is narrow."""
    generator = np.random.default_rng(2)
    merit = generator.random(100)
    one = np.clip(merit + 0.05, 0, 1)
    other = np.clip(1 - merit + 0.05, 0, 1)
    bias = position_bias(one.tolist(), other.tolist()).bias
    assert bias.ci is not None
    assert bias.low is not None
    assert 0.03 < bias.low < 0.05
    assert bias.ci[1] - bias.ci[0] < 0.01


def test_clusters_are_resampled_whole() -> None:
    one, other = [True, True, False, True] * 5, [True, False, False, True] * 5
    items = [0, 1, 2, 3] * 5
    assert position_bias(one, other, clusters=items).bias.ci == position_bias(one[:4], other[:4]).bias.ci
    assert position_bias([True] * 6, [True] * 6, clusters=[0, 0, 0, 1, 1, 1]).bias.low == pytest.approx(
        0.5 - 0.5 * 3.841459 / 5.841459
    )


def test_position_bias_without_pairs_is_missing() -> None:
    for one, other in (([], []), ([True, None], [None, False])):
        found = position_bias(one, other)
        assert (found.bias.mean, found.bias.ci) == (None, None)
        assert found.reason == "no item was judged in both orders"
    alone = position_bias([True], [True])
    assert (alone.bias.mean, alone.bias.ci) == (0.5, None)


def test_length_bias_by_hand() -> None:
    # Ratings rise by exactly 0.5 per doubling.
    lengths = [10, 20, 40, 80]
    bias = length_bias([1.0, 1.5, 2.0, 2.5], lengths).bias
    assert (bias.mean, bias.n, bias.missing) == (pytest.approx(0.5), 4, 0)
    slope, _ = np.polyfit(np.log2([7, 19, 30, 111]), [1, 0, 1, 1], 1)
    assert length_bias([True, False, True, True], [7, 19, 30, 111]).bias.mean == pytest.approx(slope)


def test_length_bias_equals_regression_with_the_truth_as_covariate() -> None:
    generator = np.random.default_rng(5)
    truth = generator.integers(0, 3, 80)
    lengths = np.rint(20 * 2 ** (truth + generator.normal(size=80))).astype(int) + 1
    verdicts = truth + 0.3 * np.log2(lengths) + generator.normal(size=80)
    design = np.column_stack([np.log2(lengths), truth == 0, truth == 1, truth == 2]).astype(float)
    slope = np.linalg.lstsq(design, verdicts, rcond=None)[0][0]
    found = length_bias(verdicts.tolist(), lengths.tolist(), truth=truth.tolist())
    assert found.bias.mean == pytest.approx(slope)
    assert found.bias.low is not None
    assert found.bias.high is not None
    assert found.bias.low < 0.3 < found.bias.high


def test_better_answers_may_be_longer_without_a_bias() -> None:
    generator = np.random.default_rng(6)
    truth = generator.random(200) < 0.5
    lengths = np.where(truth, 200, 50) + generator.integers(0, 40, 200)
    verdicts = np.where(generator.random(200) < 0.1, ~truth, truth)
    naive = length_bias(verdicts.tolist(), lengths.tolist()).bias
    fair = length_bias(verdicts.tolist(), lengths.tolist(), truth=truth.tolist()).bias
    assert naive.low is not None
    assert naive.low > 0.3
    assert fair.ci is not None
    assert fair.ci[0] < 0 < fair.ci[1]


def test_length_bias_resamples_clusters() -> None:
    verdicts, lengths = [True, False, True, True, False, True], [5, 9, 30, 41, 12, 80]
    once = length_bias(verdicts, lengths, how=Bootstrap(seed=2)).bias
    thrice = length_bias(verdicts * 3, lengths * 3, clusters=list(range(6)) * 3, how=Bootstrap(seed=2)).bias
    assert thrice.ci == pytest.approx(once.ci)
    assert thrice.mean == pytest.approx(once.mean)
    assert length_bias(verdicts, lengths, clusters=["q"] * 6).bias.ci is None


def test_items_that_cannot_be_used_are_counted() -> None:
    found = length_bias([1, 2, None, 2, 1, 3], [8, 16, 9, None, 0, 32], truth=[0, 0, 0, 0, 0, None])
    assert (found.bias.n, found.bias.missing) == (2, 4)
    assert found.bias.mean == pytest.approx(1)


@pytest.mark.parametrize(
    ("verdicts", "lengths", "truth", "reason"),
    [
        ([], [], None, "no item has a verdict and a length"),
        ([None, 1], [5, None], None, "no item has a verdict and a length"),
        ([True, False], [9, 9], None, "all answers are of the same length"),
        ([True, True], [9, 18], None, "all verdicts are the same"),
        ([1, 0, 1], [9, 5, 9], [1, 0, 1], "all answers are of the same length at equal truth"),
        ([1, 1, 0, 0], [9, 5, 9, 30], [1, 1, 0, 0], "all verdicts are the same at equal truth"),
        ([True], [4], None, "all answers are of the same length"),
    ],
)
def test_what_cannot_tell_is_missing_with_a_reason(
    verdicts: Any, lengths: Any, truth: Any, reason: str
) -> None:
    found = length_bias(verdicts, lengths, truth=truth)
    assert (found.bias.mean, found.bias.ci, found.reason) == (None, None, reason)


def test_a_slope_of_nearly_equal_lengths_is_stable() -> None:
    lengths = [10_000_000 + step for step in (0, 1, 2, 3)] * 5
    verdicts = [math.log2(length) for length in lengths]
    assert length_bias(verdicts, [length * 2**20 for length in lengths]).bias.n == 20
    far = [2**40, 2**41, 2**42]
    assert length_bias([0.0, 1.0, 2.0], far).bias.mean == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: position_bias([True], []), "1 outcomes of one order and 0 of the other"),
        (lambda: position_bias([70], [30]), r"outside of 0\.\.1; give the first option's share"),
        (lambda: position_bias([True], [True], clusters=[]), "clusters names 0 items"),
        (lambda: length_bias([True], [1, 2]), "1 verdicts and 2 lengths"),
        (lambda: length_bias([True], [1], truth=[]), "1 verdicts and 0 truth"),
        (lambda: length_bias([True], [-1]), "a length is below 0"),
    ],
)
def test_errors_say_what_to_do(call: Any, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        call()


def test_results_are_json() -> None:
    for found in (position_bias([True, False], [True, True]), length_bias([], [])):
        assert "reason" in json.loads(json.dumps(found.to_dict(), allow_nan=False))
