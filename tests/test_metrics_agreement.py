"""Agreement of two judges by Cohen's kappa, and accuracy against a truth."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest

from valuescope.metrics import Bootstrap, MetricError, accuracy, cohen_kappa

# Two judges, 50 items: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no. Observed 0.7, expected 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
FIRST = [True] * 25 + [False] * 25
SECOND = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15


def test_kappa_by_hand() -> None:
    agreement = cohen_kappa(FIRST, SECOND)
    assert agreement.kappa.mean == pytest.approx(0.4)
    assert (agreement.observed, agreement.expected) == (pytest.approx(0.7), pytest.approx(0.5))
    assert (agreement.kappa.n, agreement.kappa.missing, agreement.reason) == (50, 0, "")
    assert agreement.labels == (False, True)
    assert agreement.table.tolist() == [[15, 10], [5, 20]]


def test_weighted_kappa_by_hand() -> None:
    first, second = [1, 1, 2, 3, 3], [1, 2, 2, 3, 1]
    # Distances in steps: 0, 1, 0, 0, 2; expected over all pairs: (1,1,2,3,3) against (1,2,2,3,1).
    pairs = [(one, other) for one in first for other in second]
    for weights, power in (("linear", 1), ("quadratic", 2)):
        observed = sum(abs(one - other) ** power for one, other in zip(first, second, strict=True)) / 5
        expected = sum(abs(one - other) ** power for one, other in pairs) / 25
        agreement = cohen_kappa(first, second, weights=weights)  # type: ignore[arg-type]
        assert agreement.kappa.mean == pytest.approx(1 - observed / expected)
        assert agreement.observed == pytest.approx(1 - observed / 2**power)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_kappa_equals_scikit_learn(weights: Any) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(3)
    compared = 0
    for _ in range(150):
        n, size = int(generator.integers(1, 50)), int(generator.integers(2, 7))
        first = generator.integers(1, size + 1, n)
        second = np.where(generator.random(n) < 0.5, first, generator.integers(1, size + 1, n))
        scale = list(range(1, size + 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = metrics.cohen_kappa_score(first, second, weights=weights, labels=scale)
        ours = cohen_kappa(
            first.tolist(), second.tolist(), weights=weights, labels=scale, how=Bootstrap(resamples=10)
        )
        if math.isnan(theirs):
            assert ours.kappa.mean is None
        else:
            assert ours.kappa.mean == pytest.approx(theirs, abs=1e-12)
            compared += 1
        assert ours.table.tolist() == metrics.confusion_matrix(first, second, labels=scale).tolist()
    assert compared > 130


def test_labels_that_never_occur_count_as_distance() -> None:
    first, second = [1, 5, 1, 5], [1, 5, 5, 1]
    assert cohen_kappa(first, second, weights="linear").observed == 0.5
    near = cohen_kappa([1, 2, 1, 2], [1, 2, 2, 1], weights="linear", labels=range(1, 6))
    assert near.observed == pytest.approx(1 - 0.5 / 4)
    assert near.table.shape == (5, 5)


def test_missing_labels_are_left_out_and_counted() -> None:
    agreement = cohen_kappa([*FIRST, None, True, None], [*SECOND, True, None, None])
    plain = cohen_kappa(FIRST, SECOND)
    assert agreement.kappa.mean == plain.kappa.mean
    assert (agreement.kappa.n, agreement.kappa.missing) == (50, 3)


def test_two_constant_judges_have_no_kappa() -> None:
    constant = cohen_kappa([True] * 9, [True] * 9)
    assert (constant.kappa.mean, constant.kappa.ci, constant.kappa.n) == (None, None, 9)
    assert constant.reason == "both judges give the same label to every item"
    assert (constant.observed, constant.expected) == (1.0, 1.0)
    assert cohen_kappa([3] * 9, [3] * 9, labels=range(1, 6), weights="linear").kappa.mean is None


def test_one_constant_judge_agrees_by_chance_only() -> None:
    agreement = cohen_kappa([True] * 10, [True] * 6 + [False] * 4)
    assert (agreement.kappa.mean, agreement.reason) == (pytest.approx(0), "")
    assert cohen_kappa([True] * 5, [False] * 5).kappa.mean == pytest.approx(0)
    opposed = cohen_kappa([True, False] * 5, [False, True] * 5)
    assert opposed.kappa.mean == pytest.approx(-1)


def test_nothing_to_compare() -> None:
    for first, second in (([], []), ([None, True], [True, None])):
        agreement = cohen_kappa(first, second)
        assert (agreement.kappa.mean, agreement.observed, agreement.expected) == (None, None, None)
        assert agreement.reason == "no item has a label from both"
    alone = cohen_kappa([True], [False])
    assert (alone.kappa.mean, alone.kappa.ci) == (pytest.approx(0), None)


def test_full_agreement_is_not_certain() -> None:
    # Wilson's lower limit at a share of 1 over 20: 20 / (20 + 3.841459); expected agreement 0.5.
    agreement = cohen_kappa([True, False] * 10, [True, False] * 10)
    assert (agreement.kappa.mean, agreement.kappa.high, agreement.kappa.interval) == (1.0, 1.0, "wilson")
    assert agreement.kappa.low == pytest.approx((20 / 23.841459 - 0.5) / 0.5, abs=1e-6)
    clustered = cohen_kappa(
        [True, False] * 10, [True, False] * 10, clusters=[item // 4 for item in range(20)]
    )
    assert clustered.kappa.low == pytest.approx((5 / 8.841459 - 0.5) / 0.5, abs=1e-6)


def test_the_interval_covers_what_it_says() -> None:
    """With 60 items a population kappa of 0.6 lies in about 95% of the intervals."""
    generator = np.random.default_rng(0)
    covered = 0
    for number in range(200):
        first = generator.random(60) < 0.5
        second = np.where(generator.random(60) < 0.2, ~first, first)
        interval = cohen_kappa(
            first.tolist(), second.tolist(), how=Bootstrap(resamples=300, seed=number)
        ).kappa.ci
        assert interval is not None
        covered += interval[0] <= 0.6 <= interval[1]
    assert 180 <= covered <= 200


def test_clusters_are_resampled_whole() -> None:
    once = cohen_kappa(FIRST, SECOND, how=Bootstrap(seed=4))
    thrice = cohen_kappa(FIRST * 3, SECOND * 3, clusters=list(range(50)) * 3, how=Bootstrap(seed=4))
    assert thrice.kappa.ci == pytest.approx(once.kappa.ci)
    assert thrice.kappa.n == 150
    apart = cohen_kappa(FIRST * 3, SECOND * 3, how=Bootstrap(seed=4))
    assert apart.kappa.ci is not None
    assert once.kappa.ci is not None
    assert apart.kappa.ci[1] - apart.kappa.ci[0] < once.kappa.ci[1] - once.kappa.ci[0]
    assert cohen_kappa(FIRST, SECOND, clusters=["q"] * 50).kappa.ci is None
    assert cohen_kappa(FIRST, SECOND, how=Bootstrap(seed=4)).kappa == once.kappa


def test_resamples_without_kappa_are_counted() -> None:
    rare = cohen_kappa([True] + [False] * 9, [True] + [False] * 9, how=Bootstrap(resamples=2000))
    assert rare.undefined_draws == pytest.approx(0.9**10, abs=0.04)
    assert cohen_kappa(FIRST, SECOND).undefined_draws == 0


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([True], [True, False]), {}, "1 labels and 2; give both judges' labels"),
        (([1], [2]), {"labels": [1, 3]}, r"label 2 is not among labels=\[1, 3\]"),
        (([1, "a"], [1, 1]), {}, "the labels cannot be sorted"),
        (([1], [2]), {"weights": "cubic"}, "weights is 'cubic'"),
        (([1], [2]), {"clusters": ["q", "r"]}, "clusters names 2 items"),
    ],
)
def test_errors_say_what_to_do(arguments: tuple[Any, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        cohen_kappa(*arguments, **options)


def test_accuracy_over_all_and_by_truth() -> None:
    judged = [True, True, None, False, False, True]
    truth = [True, True, True, True, False, None]
    found = accuracy(judged, truth)
    assert (found.overall.mean, found.overall.n, found.overall.missing) == (0.75, 4, 2)
    assert found.by_truth[True].mean == pytest.approx(2 / 3)
    assert (found.by_truth[True].n, found.by_truth[True].missing) == (3, 1)
    assert (found.by_truth[False].mean, found.by_truth[False].n) == (1.0, 1)
    assert list(found.by_truth) == [True, False]


def test_accuracy_has_the_intervals_of_a_rate() -> None:
    judged, truth = [True] * 18 + [False] * 2, [True] * 20
    assert accuracy(judged, truth).overall == Bootstrap().rate([True] * 18 + [False] * 2)
    sure = accuracy([3, 4] * 10, [3, 4] * 10).overall
    assert (sure.mean, sure.interval) == (1.0, "wilson")
    clusters = [item // 5 for item in range(20)]
    assert accuracy(judged, truth, clusters=clusters).overall == Bootstrap().rate(
        [True] * 18 + [False] * 2, clusters=clusters
    )
    assert accuracy([], []).overall.mean is None


def test_a_judge_that_always_says_the_same_shows_by_truth() -> None:
    found = accuracy([True] * 10, [True] * 9 + [False])
    assert found.overall.mean == 0.9
    assert (found.by_truth[True].mean, found.by_truth[False].mean) == (1.0, 0.0)


def test_accuracy_needs_one_truth_per_item() -> None:
    with pytest.raises(MetricError, match="2 judgements and 1 truths"):
        accuracy([True, False], [True])
    with pytest.raises(MetricError, match="clusters names 1 items, but there are 2"):
        accuracy([True, False], [True, True], clusters=["q"])


def test_results_are_json() -> None:
    for agreement in (cohen_kappa(FIRST, SECOND), cohen_kappa([], []), cohen_kappa([1], [1])):
        json.dumps(agreement.to_dict(), allow_nan=False)
    assert json.loads(json.dumps(accuracy([True], [True]).to_dict()))["by_truth"]["True"]["n"] == 1
