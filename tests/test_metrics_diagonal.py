"""The permutation test of the diagonal: it finds a planted one, and nothing in noise, row effects or column effects."""

from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pytest

from valuescope.metrics import (
    Bootstrap,
    MetricError,
    PerturbationMatrix,
    diagonal_against_control,
    diagonal_test,
    perturbation_matrix,
)


def measured(
    means: np.ndarray, *, items: int = 10, noise: float = 0.0, seed: int = 0, resamples: int = 40
) -> PerturbationMatrix:
    """A matrix of items whose supports change by these means, with noise per item; NaN columns have no neurons."""
    rng = np.random.default_rng(seed)
    names = [f"v{number}" for number in range(len(means))]
    values = [name for name in names for _ in range(items)]
    base = np.clip(rng.normal(50, 4, len(values)), 30, 70)
    off: dict[str, list[float] | None] = {}
    for column, name in enumerate(names):
        change = np.repeat(means[:, column], items) + noise * rng.normal(0, 1, len(values))
        off[name] = None if np.isnan(change).any() else list(base + change)
    return perturbation_matrix(list(base), off, values, how=Bootstrap(resamples=resamples))


def slow_p_values(means: np.ndarray, per_column: int) -> tuple[float, float]:
    """Both p-values with every permutation, written out."""
    size = len(means)
    marked = [
        {
            row
            for _, row in sorted((means[row, column], row) for row in range(size) if means[row, column] < 0)[
                :per_column
            ]
        }
        for column in range(size)
    ]

    def both(order: tuple[int, ...]) -> tuple[float, int]:
        own = [-means[order[column], column] for column in range(size)]
        rest = [-means[row, column] for column in range(size) for row in range(size) if row != order[column]]
        return sum(own) / len(own) - sum(rest) / len(rest), sum(order[c] in marked[c] for c in range(size))

    seen = [both(order) for order in permutations(range(size))]
    statistic, count = both(tuple(range(size)))
    return (
        sum(one >= statistic - 1e-9 for one, _ in seen) / len(seen),
        sum(other >= count for _, other in seen) / len(seen),
    )


def test_a_planted_diagonal_is_found() -> None:
    found = diagonal_test(measured(np.eye(12) * -8 - 1, noise=3))
    assert found.p is not None
    assert found.p == 1 / 10_001
    assert found.own_p == 1 / 10_001
    assert found.own_among_largest == 12
    assert found.statistic.mean == pytest.approx(8, abs=1)
    assert found.statistic.low is not None
    assert found.null_95 is not None
    assert found.statistic.low > 6 > 3 > found.null_95
    assert (found.exact, found.permutations, len(found.tested), found.left_out) == (False, 10_000, 12, ())


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_exact_test_is_the_slow_one(size: int) -> None:
    for seed in range(6):
        means = np.random.default_rng(seed).integers(-6, 4, (size, size)).astype(float)
        found = diagonal_test(measured(means), per_column=2)
        assert found.exact
        assert (found.p, found.own_p) == pytest.approx(slow_p_values(means, 2))


def test_noise_gives_uniform_p_values() -> None:
    rng = np.random.default_rng(3)
    found = [
        diagonal_test(measured(rng.normal(0, 2, (8, 8)), items=2, resamples=2), permutations=400, seed=run)
        for run in range(300)
    ]
    p = np.sort([one.p for one in found])
    distance = np.max(np.abs(p - (np.arange(300) + 0.5) / 300))
    assert distance < 0.094  # Kolmogorov and Smirnov's 1% limit for 300 draws
    assert np.mean(p <= 0.05) < 0.09
    assert np.mean([one.own_p <= 0.05 for one in found]) < 0.09


def test_a_row_that_falls_everywhere_is_no_evidence() -> None:
    means = np.zeros((12, 12))
    means[4] = -30
    found = diagonal_test(measured(means))
    assert (found.p, found.own_p) == (1.0, 1.0)
    assert found.statistic.mean == pytest.approx(0, abs=1e-9)


def test_neurons_that_lower_everything_are_no_evidence() -> None:
    means = np.zeros((12, 12))
    means[:, 7] = -30
    assert diagonal_test(measured(means)).p == 1.0
    both = np.add.outer(np.linspace(-20, 5, 12), np.linspace(5, -9, 12))
    assert diagonal_test(measured(both)).p == 1.0


def test_row_and_column_effects_change_no_p_value() -> None:
    rng = np.random.default_rng(5)
    means = rng.normal(0, 1, (6, 6)) - np.eye(6)
    shifted = means + rng.normal(0, 9, (6, 1)) + rng.normal(0, 9, (1, 6))
    plain, moved = diagonal_test(measured(means)), diagonal_test(measured(shifted))
    assert plain.p == moved.p
    assert plain.statistic.mean == pytest.approx(moved.statistic.mean)


def test_a_diagonal_that_is_hit_least_has_a_large_p() -> None:
    assert diagonal_test(measured(np.eye(6) * 8 - 8)).p == 1.0


def test_columns_without_neurons_are_left_out_and_counted() -> None:
    means = np.eye(6) * -10
    means[2] = -30  # its row would tilt the test if its column were left out alone
    means[:, 2] = np.nan
    found = diagonal_test(measured(means))
    assert found.left_out == ("v2",)
    assert (found.statistic.n, found.statistic.missing) == (5, 1)
    assert found.p == pytest.approx(1 / 120)
    flat = np.zeros((6, 6))
    flat[2] = 40
    flat[:, 2] = np.nan
    assert diagonal_test(measured(flat)).p == 1.0


def test_a_hole_in_the_matrix_takes_one_value_out() -> None:
    values = ["a", "b", "c"]
    off = {"a": [40.0, 50.0, 50.0], "b": [None, 40.0, 50.0], "c": [50.0, 50.0, 40.0]}
    found = diagonal_test(perturbation_matrix([50.0] * 3, off, values))
    assert len(found.tested) == 2
    assert len(found.left_out) == 1
    assert found.p == 0.5


def test_too_little_to_test_says_so() -> None:
    found = diagonal_test(perturbation_matrix([50.0, 60.0], {"a": [40.0, 50.0], "b": None}, ["a", "b"]))
    assert (found.p, found.own_p, found.statistic.mean) == (None, None, None)
    assert "needs 2" in found.reason
    assert found.own_among_largest == 1
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_seed_decides() -> None:
    matrix = measured(np.random.default_rng(8).normal(0, 3, (9, 9)) - np.eye(9), items=3)
    first = diagonal_test(matrix, permutations=500, seed=1)
    assert first == diagonal_test(matrix, permutations=500, seed=1)
    assert first.null_95 != diagonal_test(matrix, permutations=500, seed=2).null_95
    with pytest.raises(MetricError, match="permutations is 0"):
        diagonal_test(matrix, permutations=0)
    json.dumps(first.to_dict(), allow_nan=False)


def test_a_planted_diagonal_beats_its_control_and_a_copy_does_not() -> None:
    ours = measured(np.eye(6) * -8, noise=3, resamples=400)
    control = measured(np.zeros((6, 6)), noise=3, resamples=400)
    found = diagonal_against_control(ours, control)
    assert found.difference.low is not None
    assert found.difference.low > 5
    assert found.method is not None
    assert found.control is not None
    assert found.difference.mean == pytest.approx(found.method - found.control)
    assert (found.own_among_largest, found.controls, found.difference.n) == (6, 1, 6)
    same = diagonal_against_control(ours, ours)
    assert (same.difference.mean, same.difference.ci) == (0, (0, 0))
    json.dumps(found.to_dict(), allow_nan=False)


def test_controls_interval_holds_no_difference_about_as_often_as_it_says() -> None:
    held = 0
    for run in range(100):
        ours, control = (
            measured(np.zeros((4, 4)), items=12, noise=4, seed=run, resamples=200),
            measured(np.zeros((4, 4)), items=12, noise=4, seed=1000 + run, resamples=200),
        )
        low, high = diagonal_against_control(ours, control).difference.ci or (1, -1)
        held += low <= 0 <= high
    assert 86 <= held <= 99


def test_pairing_takes_out_what_items_share() -> None:
    rng = np.random.default_rng(0)
    names, items = ["a", "b", "c"], 20
    values = [name for name in names for _ in range(items)]
    base = [50.0] * len(values)
    wobble = {name: rng.normal(0, 10, len(values)).clip(-30, 30) for name in names}
    off = {name: list(50 + wobble[name]) for name in names}
    lower = {name: list(50 + wobble[name] - 5 * (np.array(values) == name)) for name in names}
    ours, control = perturbation_matrix(base, lower, values), perturbation_matrix(base, off, values)
    found = diagonal_against_control(ours, control).difference
    assert found.ci == pytest.approx((5, 5))


def test_several_controls_count_as_their_mean() -> None:
    ours, one, other = (measured(np.eye(3) * -drop) for drop in (9, 1, 3))
    found = diagonal_against_control(ours, one, other)
    assert found.control == pytest.approx(2)
    assert found.difference.mean == pytest.approx(7)


def test_a_control_of_other_items_or_seeds_is_refused() -> None:
    ours = measured(np.eye(3))
    with pytest.raises(MetricError, match="other values or items"):
        diagonal_against_control(ours, measured(np.eye(3), items=4))
    with pytest.raises(MetricError, match="resampled otherwise"):
        diagonal_against_control(ours, measured(np.eye(3), resamples=41))
    with pytest.raises(MetricError, match="at least one"):
        diagonal_against_control(ours)


def test_a_control_without_a_column_leaves_that_value_out_of_both() -> None:
    means = np.eye(3) * -4
    means[:, 1] = np.nan
    found = diagonal_against_control(measured(np.eye(3) * -9), measured(means))
    assert (found.tested, found.left_out) == (("v0", "v2"), ("v1",))
    assert found.difference.mean == pytest.approx(5)
