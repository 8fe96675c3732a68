"""The paired t-test: against the formula, against scipy on pairs, and where there is nothing to test."""

from __future__ import annotations

import math
import random
from statistics import mean, stdev

import pytest
from scipy.stats import t as students
from scipy.stats import ttest_rel

from valuescope.metrics import MetricError, paired_t_test


def by_the_formula(differences: list[float]) -> tuple[float, float]:
    """t = mean / (s / sqrt(n)), and twice the tail beyond it."""
    t = mean(differences) / (stdev(differences) / math.sqrt(len(differences)))
    return t, 2 * float(students.sf(abs(t), len(differences) - 1))


def test_pairs_without_clusters() -> None:
    draw = random.Random(3)
    base = [draw.random() for _ in range(40)]
    edited = [before + 0.1 + 0.3 * draw.gauss(0, 1) for before in base]
    test = paired_t_test(base, edited)
    expected = ttest_rel(edited, base)
    assert (test.t, test.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert (test.t, test.p) == pytest.approx(
        by_the_formula([after - before for before, after in zip(base, edited, strict=True)])
    )
    assert (test.n, test.df) == (40, 39)
    turned = paired_t_test(edited, base)
    assert turned.t == pytest.approx(-test.t if test.t is not None else None)
    assert turned.p == pytest.approx(test.p)


def test_a_cluster_is_one_observation_and_a_missing_side_is_none() -> None:
    """Repeating every answer must not make a test more certain."""
    base, edited = [0.0, 0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 1.0, None]
    once = paired_t_test(base, edited)
    assert (once.n, once.mean) == (4, 0.5)
    again = paired_t_test(base * 5, edited * 5, [0, 1, 2, 3, 4] * 5)
    assert again == once
    pooled = paired_t_test(base, edited, ["a", "a", "b", "b", "c"])
    assert (pooled.n, pooled.mean) == (2, 0.5)
    assert pooled.t is None, "both clusters changed by a half: no spread"
    uneven = paired_t_test(base, edited, ["a", "a", "a", "b", "c"])
    assert (uneven.t, uneven.p) == pytest.approx(by_the_formula([1 / 3, 1.0]))


@pytest.mark.parametrize(
    ("base", "edited", "found"),
    [
        ([], [], (None, 0)),
        ([None], [1.0], (None, 0)),
        ([0.0], [1.0], (1.0, 1)),
        ([0.0, 0.0, 0.0], [0.1, 0.1, 0.1], (0.1, 3)),
        ([1.0, 0.0], [1.0, 0.0], (0.0, 2)),
    ],
)
def test_without_spread_there_is_no_test(
    base: list[float | None], edited: list[float], found: tuple[float | None, int]
) -> None:
    test = paired_t_test(base, edited)
    assert (test.mean, test.n) == pytest.approx(found)
    assert (test.t, test.p) == (None, None)


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(MetricError, match="base has 2 items and edited 1"):
        paired_t_test([0.0, 1.0], [1.0])
