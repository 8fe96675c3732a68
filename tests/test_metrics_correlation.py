"""Correlation of two measures, against scipy, a slow bootstrap and numbers by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from valuescope.metrics import Bootstrap, MetricError, correlation

pairs = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=4, max_size=20).filter(
    lambda found: len({x for x, _ in found}) > 1 and len({y for _, y in found}) > 1
)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_both_correlations_are_scipys(found: list[tuple[int, int]]) -> None:
    x, y = [float(one) for one, _ in found], [float(other) for _, other in found]
    ours = correlation(x, y, how=Bootstrap(resamples=5))
    assert ours.pearson.mean == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-9)
    assert ours.spearman.mean == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-9)


def test_the_interval_is_that_of_resampled_items() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(50, 10, 60).round(-1)  # many ties
    y = x + rng.normal(0, 12, 60)
    ours = correlation(list(x), list(y))
    drawn = [rng.integers(0, 60, 60) for _ in range(1500)]
    for estimate, slow in ((ours.pearson, stats.pearsonr), (ours.spearman, stats.spearmanr)):
        limits = np.quantile([slow(x[one], y[one])[0] for one in drawn], [0.025, 0.975])
        assert estimate.ci == pytest.approx(tuple(limits), abs=0.02)


def test_order_alone_counts_for_spearman() -> None:
    ours = correlation([1, 2, 3, 4, 5], [1, 10, 100, 1000, 10_000])
    assert ours.spearman.mean == pytest.approx(1)
    assert ours.pearson.mean is not None
    assert ours.pearson.mean < 0.9
    assert correlation([1, 2, 3], [3, 2, 1]).pearson.mean == pytest.approx(-1)


def test_missing_items_are_counted_and_change_nothing_else() -> None:
    full = correlation([1, 4, 2, 8], [2, 3, 1, 9])
    holed = correlation([None, 1, 4, 5, 2, 8], [7, 2, 3, None, 1, 9])
    assert (holed.pearson.mean, holed.pearson.ci) == (full.pearson.mean, full.pearson.ci)
    assert (holed.spearman.n, holed.spearman.missing) == (4, 2)


def test_stories_are_resampled_whole() -> None:
    x, y = [10.0, 40.0, 20.0, 80.0, 55.0], [20.0, 30.0, 10.0, 95.0, 40.0]
    single = correlation(x, y)
    copied = correlation(x * 4, y * 4, clusters=[0, 1, 2, 3, 4] * 4)
    assert copied.pearson.ci == pytest.approx(single.pearson.ci)
    assert correlation(x, y, clusters=["one"] * 5).pearson.ci is None


def test_stories_of_unequal_size_weigh_by_their_items() -> None:
    rng = np.random.default_rng(7)
    sizes = [12, 1, 1, 1, 1, 1, 1]
    clusters = np.repeat(np.arange(7), sizes)
    x = rng.normal(0, 1, len(clusters))
    y = np.where(clusters == 0, x, -x)
    ours = correlation(list(x), list(y), clusters=list(clusters)).pearson
    slow = []
    for _ in range(1500):
        drawn = np.concatenate([np.flatnonzero(clusters == one) for one in rng.integers(0, 7, 7)])
        slow.append(stats.pearsonr(x[drawn], y[drawn])[0] if len(set(drawn)) > 1 else np.nan)
    assert ours.ci == pytest.approx(tuple(np.nanquantile(slow, [0.025, 0.975])), abs=0.08)


def test_large_numbers_lose_no_precision() -> None:
    x = [1e9 + step for step in range(20)]
    y = [float(step % 7) for step in range(20)]
    assert correlation(x, y).pearson.mean == pytest.approx(stats.pearsonr(np.arange(20), y)[0], abs=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([1, 2], [3, 4], "needs 3"),
        ([], [], "needs 3"),
        ([5, 5, 5], [1, 2, 3], "the first measure"),
        ([1, 2, 3], [5, 5, 5], "the second measure"),
        ([5, 5, 5], [5, 5, 5], "the first and the second"),
    ],
)
def test_what_cannot_be_told_is_missing_with_a_reason(x: list[float], y: list[float], said: str) -> None:
    ours = correlation(x, y)
    assert said in ours.reason
    assert (ours.pearson.mean, ours.spearman.ci, ours.pearson.n) == (None, None, len(x))
    json.dumps(ours.to_dict(), allow_nan=False)


def test_resamples_that_do_not_vary_are_passed_over_and_counted() -> None:
    ours = correlation([0, 0, 0, 1], [0, 0, 0, 1])
    assert ours.pearson.mean == pytest.approx(1)
    assert ours.undefined_draws == pytest.approx((3 / 4) ** 4 + (1 / 4) ** 4, abs=0.04)


def test_independent_measures_have_an_interval_around_zero() -> None:
    rng = np.random.default_rng(1)
    held = sum(
        low <= 0 <= high
        for low, high in (
            correlation(list(rng.random(40)), list(rng.random(40)), how=Bootstrap(resamples=300)).spearman.ci
            or (1, -1)
            for _ in range(100)
        )
    )
    assert 87 <= held <= 99


def test_blocks_of_items_give_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = list(np.random.default_rng(2).random((2, 30)))
    whole = correlation(list(x), list(y), how=Bootstrap(seed=4))
    assert correlation(list(x), list(y), how=Bootstrap(seed=4)) == whole
    assert correlation(list(x), list(y), how=Bootstrap(seed=5)) != whole
    monkeypatch.setitem(correlation.__globals__, "_ITEMS_AT_ONCE", 100)
    assert correlation(list(x), list(y), how=Bootstrap(seed=4)) == whole


def test_lengths_must_agree() -> None:
    with pytest.raises(MetricError, match="3 items and 2"):
        correlation([1, 2, 3], [1, 2])
