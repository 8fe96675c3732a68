"""Means and differences with intervals, against numbers worked out by hand and against properties."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from valuescope.metrics import Bootstrap, Estimate, MetricError, bootstrap

outcomes = st.lists(st.none() | st.floats(-1, 1, allow_subnormal=False), min_size=2, max_size=12)


def test_two_items_have_the_interval_of_three_possible_means() -> None:
    # Resampled means of (0, 1) are 0, 0.5 and 1 with probabilities 1/4, 1/2, 1/4.
    wide = Bootstrap().mean([0.0, 1.0])
    assert wide == Estimate(mean=0.5, low=0.0, high=1.0, n=2)
    narrow = Bootstrap(confidence=0.4).mean([0.0, 1.0])
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_missing_items_are_counted_and_change_nothing_else() -> None:
    full = Bootstrap().mean([0.0, 1.0, 1.0, 0.5])
    holed = Bootstrap().mean([0.0, None, 1.0, 1.0, math.nan, 0.5])
    assert (holed.mean, holed.low, holed.high) == (full.mean, full.low, full.high)
    assert (holed.n, holed.missing) == (4, 2)


@pytest.mark.parametrize(
    ("values", "mean", "n", "missing"), [([], None, 0, 0), ([None, None], None, 0, 2), ([0.25], 0.25, 1, 0)]
)
def test_no_interval_without_two_items(
    values: list[float | None], mean: float | None, n: int, missing: int
) -> None:
    estimate = Bootstrap().mean(values)
    assert estimate == Estimate(mean, None, None, n, missing)
    assert estimate.to_dict()["ci"] is None


def test_one_cluster_of_many_answers_has_no_interval() -> None:
    assert Bootstrap().mean([0.0, 1.0, 1.0, 0.0], clusters=["q"] * 4).ci is None
    assert Bootstrap().mean([0.0, 1.0, None], clusters=["q", "q", "r"]).ci is None


def test_repeating_an_answer_within_its_cluster_adds_no_certainty() -> None:
    answers = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    single = Bootstrap().mean(answers)
    repeated = Bootstrap().mean(answers * 5, clusters=list(range(7)) * 5)
    assert repeated.mean == pytest.approx(single.mean)
    assert repeated.ci == pytest.approx(single.ci)
    assert repeated.n == 35
    unclustered = Bootstrap().mean(answers * 5)
    assert unclustered.high - unclustered.low < 0.6 * (single.high - single.low)


def test_clusters_of_unequal_size_weigh_by_their_items() -> None:
    estimate = Bootstrap().mean([1.0, 1.0, 1.0, 0.0], clusters=["a", "a", "a", "b"])
    assert estimate.mean == 0.75
    assert estimate.ci == (0.0, 1.0)


def test_paired_difference_drops_a_pair_with_a_missing_side() -> None:
    estimate = Bootstrap().difference([False, None, True, False], [True, True, None, False])
    assert (estimate.mean, estimate.n, estimate.missing) == (0.5, 2, 2)
    assert Bootstrap().difference([0.0, 0.0, 1.0], [1.0, 0.0, 1.0]).mean == pytest.approx(1 / 3)


def test_pairing_takes_the_questions_spread_out() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0, 10, size=50)
    edited = base + 1
    assert Bootstrap().difference(list(base), list(edited)).ci == pytest.approx((1, 1))


def test_the_seed_decides_and_the_block_size_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    values = list(np.random.default_rng(1).random(40))
    first = Bootstrap(seed=3).mean(values)
    assert Bootstrap(seed=3).mean(values) == first
    assert Bootstrap(seed=4).mean(values).ci != first.ci
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 100)
    assert Bootstrap(seed=3).mean(values) == first


def test_coverage_is_near_nominal() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for trial in range(300):
        low, high = Bootstrap(resamples=400, seed=trial).mean(list(rng.random(60) < 0.4)).ci
        held += low <= 0.4 <= high
    assert 0.90 <= held / 300 <= 0.98


@given(outcomes, st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_properties(values: list[float | None], seed: int) -> None:
    estimate = Bootstrap(resamples=50, seed=seed).mean(values)
    present = [value for value in values if value is not None]
    assert (estimate.n, estimate.missing) == (len(present), len(values) - len(present))
    if len(present) < 2:
        return
    assert estimate.mean == pytest.approx(sum(present) / len(present))
    slack = 1e-12
    assert min(present) - slack <= estimate.low <= estimate.high <= max(present) + slack
    shifted = Bootstrap(resamples=50, seed=seed).mean([None if v is None else v + 3 for v in values])
    assert shifted.ci == pytest.approx((estimate.low + 3, estimate.high + 3))
    turned = Bootstrap(resamples=50, seed=seed).difference(values, [0.0] * len(values))
    assert turned.ci == pytest.approx((-estimate.high, -estimate.low))
    assert Bootstrap(resamples=50).difference(values, values).ci == (0, 0)


@pytest.mark.parametrize("case", range(30))
def test_the_resamples_are_those_of_scipy(case: int) -> None:
    rng = np.random.default_rng(case)
    how = Bootstrap(int(rng.integers(50, 3000)), confidence=float(rng.uniform(0.5, 0.99)), seed=case)
    values, questions = rng.normal(size=int(rng.integers(2, 80))), int(rng.integers(2, 12))
    options = {"n_resamples": how.resamples, "confidence_level": how.confidence, "method": "percentile"}
    reference = stats.bootstrap((values,), np.mean, rng=np.random.default_rng(case), **options)
    assert how.mean(values).ci == pytest.approx(tuple(reference.confidence_interval), abs=1e-12)

    clusters = np.concatenate([np.arange(questions), rng.integers(0, questions, 3 * questions)])
    answers = rng.normal(size=len(clusters))
    sums, counts = np.bincount(clusters, answers), np.bincount(clusters)
    reference = stats.bootstrap(
        (sums, counts),
        lambda totals, sizes, axis=-1: totals.sum(axis=axis) / sizes.sum(axis=axis),
        paired=True,
        rng=np.random.default_rng(case),
        **options,
    )
    assert how.mean(answers, list(clusters)).ci == pytest.approx(
        tuple(reference.confidence_interval), abs=1e-12
    )


def test_an_estimate_is_json() -> None:
    plain = json.loads(json.dumps(Bootstrap().mean([True, False, None]).to_dict(), allow_nan=False))
    assert plain == {"mean": 0.5, "ci": [0.0, 1.0], "n": 2, "missing": 1, "interval": "bootstrap"}


def test_errors_say_what_to_do() -> None:
    with pytest.raises(MetricError, match="number 1 is infinite; use None"):
        Bootstrap().mean([0.0, math.inf])
    with pytest.raises(MetricError, match="base has 1 items and edited 2"):
        Bootstrap().difference([0.0], [0.0, 1.0])
    with pytest.raises(MetricError, match="clusters names 1 items, but there are 2"):
        Bootstrap().mean([0.0, 1.0], clusters=["q"])
    with pytest.raises(MetricError, match="resamples is 0"):
        Bootstrap(resamples=0).mean([0.0, 1.0])
    with pytest.raises(MetricError, match="confidence is 95"):
        Bootstrap(confidence=95).mean([0.0, 1.0])
    with pytest.raises(MetricError, match="2-dimensional"):
        Bootstrap().mean([[0.0], [1.0]])
