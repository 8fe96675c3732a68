"""Rankings and selections of neurons against a known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from valuescope.metrics import (
    Bootstrap,
    MetricError,
    average_precision,
    bootstrap_average_precision,
    precision_recall,
    selection_quality,
)


def test_average_precision_by_hand() -> None:
    # Hits at ranks 1 and 3: (1/1 + 2/3) / 2.
    assert average_precision([0.9, 0.8, 0.7, 0.6], [True, False, True, False]) == pytest.approx(5 / 6)
    # Tie of a hit and a miss: precision 1/2 at recall 1/2, then 2/3 at recall 1.
    assert average_precision([1, 1, 0], [True, False, True]) == pytest.approx(0.5 * 0.5 + 0.5 * 2 / 3)
    assert average_precision([1, 1, 1, 1], [True, False, False, False]) == 0.25
    assert average_precision([3, 2, 1], [True, True, False]) == 1.0


def test_no_positives_is_undefined_not_zero() -> None:
    assert average_precision([1, 2], [False, False]) is None
    assert bootstrap_average_precision([1, 2], [False, False]).mean is None
    assert selection_quality([True, False], [False, False]).recall.mean is None
    with pytest.raises(MetricError, match="no positive"):
        precision_recall([1, 2], [False, False])


@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=150, deadline=None)
def test_average_precision_is_scikit_learns(items: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in items], dtype=float)
    truth = np.array([positive for _, positive in items])
    if not truth.any():
        return
    expected = average_precision_score(truth, scores)
    assert average_precision(scores, truth) == pytest.approx(expected, abs=1e-12)
    order = np.random.default_rng(0).permutation(len(items))
    assert average_precision(scores[order], truth[order]) == pytest.approx(expected, abs=1e-12)
    assert average_precision(np.exp(scores), truth) == pytest.approx(expected, abs=1e-12)


def test_shapes_and_infinite_scores() -> None:
    scores = np.array([[2.0, -math.inf], [math.inf, -math.inf]])
    truth = np.array([[True, False], [True, False]])
    assert average_precision(scores, truth) == 1.0
    truth = np.array([[True, True], [False, False]])
    assert average_precision(scores, truth) == pytest.approx(0.5 * 0.5 + 0.5 * 0.5)


def test_curve_has_one_point_per_distinct_score() -> None:
    curve = precision_recall([3, 1, 3, 2], [True, True, False, False])
    assert curve.thresholds.tolist() == [3, 2, 1]
    assert curve.precision.tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 2])
    assert curve.recall.tolist() == [0.5, 0.5, 1.0]


def test_bootstrap_draws_the_positives() -> None:
    # Positives at ranks 1 and 4 of 4. Drawn (1,1): AP 1; (1,4): (1 + 2/4) / 2; (4,4): 2 / 4 (both at once).
    truth = [True, False, False, True]
    estimate = bootstrap_average_precision([4, 3, 2, 1], truth)
    assert (estimate.mean, estimate.low, estimate.high, estimate.n) == (0.75, 0.5, 1.0, 2)
    middle = bootstrap_average_precision([4, 3, 2, 1], truth, how=Bootstrap(confidence=0.4))
    assert middle.ci == (0.75, 0.75)
    assert bootstrap_average_precision([4, 3, 2, 1], [True, False, False, False]).ci is None
    assert bootstrap_average_precision([4, 3, 2, 1], [True, True, True, True]).ci == (1, 1)


def test_bootstrap_agrees_with_a_slow_loop() -> None:
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 12, size=60).astype(float)
    truth = rng.random(60) < 0.2
    scores[truth] += 3
    others, positives = scores[~truth], scores[truth]
    slow = []
    for _ in range(800):
        drawn = rng.choice(positives, size=len(positives))
        labels = np.r_[np.ones(len(drawn), bool), np.zeros(len(others), bool)]
        slow.append(average_precision_score(labels, np.r_[drawn, others]))
    fast = bootstrap_average_precision(scores, truth, how=Bootstrap(resamples=3000))
    assert fast.ci == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.03)
    assert fast.low < fast.mean < fast.high


def test_selection_quality_by_hand() -> None:
    truth = np.array([[True, True, False], [True, False, False]])
    selected = np.array([[True, False, True], [True, True, False]])
    quality = selection_quality(selected, truth)
    assert (quality.hits, quality.selected, quality.positives) == (2, 4, 3)
    assert quality.precision == 0.5
    assert quality.recall.mean == pytest.approx(2 / 3)
    assert quality.recall.n == 3
    nothing = selection_quality(np.zeros_like(truth), truth)
    assert (nothing.precision, nothing.recall.mean) == (None, 0.0)
    assert nothing.to_dict()["recall"]["mean"] == 0.0


def test_errors_say_what_to_do() -> None:
    with pytest.raises(MetricError, match="1 scores are NaN; give neurons without a score the lowest"):
        average_precision([math.nan, 1], [True, False])
    with pytest.raises(MetricError, match=r"scores have shape \(2,\) and truth \(3,\)"):
        average_precision([1, 2], [True, False, True])
    with pytest.raises(MetricError, match="truth is of type int64; give booleans"):
        average_precision([1, 2], [1, 0])
    with pytest.raises(MetricError, match="selected is of type float64"):
        selection_quality([0.2, 0.1], [True, False])
    with pytest.raises(MetricError, match="resamples is 0"):
        bootstrap_average_precision([3, 2, 1], [True, True, False], how=Bootstrap(resamples=0))
