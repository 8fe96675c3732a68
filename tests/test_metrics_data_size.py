"""Eq. 4 over data sizes, against numbers worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from valuescope.metrics import (
    Bootstrap,
    MetricError,
    PerturbationMatrix,
    data_size_scores,
    perturbation_matrix,
)


def measured(means: list[list[float]], *, seed: int = 0, items: int = 4) -> PerturbationMatrix:
    names = [f"v{number}" for number in range(len(means))]
    values = [name for name in names for _ in range(items)]
    base = [50.0] * len(values)
    cells = np.array(means, dtype=float)
    off = {
        name: None if np.isnan(cells[:, column]).all() else list(50 + np.repeat(cells[:, column], items))
        for column, name in enumerate(names)
    }
    return perturbation_matrix(base, off, values, how=Bootstrap(resamples=60, seed=seed))


def test_scores_by_hand() -> None:
    small = measured([[-1, 0, 0], [-5, -2, 0], [0, -9, 3]])  # one of a column: none, none, none
    large = measured([[-8, 0, 0], [-5, -2, 0], [0, 0, -10]])  # all three
    first, second = data_size_scores([10, 100], [small, large], per_column=1)
    assert (first.size, first.found, first.values, first.drop) == (10, 0, 3, 0)
    assert first.score.mean == 0
    assert (second.found, second.drop, second.score.mean) == (3, 20, 1)
    assert second.score.ci == (1, 1)
    middle = measured([[-4, 0, 0], [-5, -2, 0], [0, 0, 1]])
    half = data_size_scores([10, 100], [middle, large], per_column=1)[0]
    assert (half.found, half.drop) == (1, 5)
    assert half.score.mean == pytest.approx(0.5 / 3 + 0.5 * 5 / 20)


def test_four_of_a_column_are_marked_by_default() -> None:
    means = -np.arange(36, dtype=float).reshape(6, 6)
    one = data_size_scores([5], [measured(means.tolist(), items=1)])[0]
    assert one.found == 4  # the two first values stand above four larger drops
    assert one.score.mean == pytest.approx(0.5 * 4 / 6 + 0.5)


def test_a_rise_counts_as_a_negative_drop() -> None:
    worse, better = measured([[6, 0], [0, 2]]), measured([[-4, 0], [0, 0]])
    first, second = data_size_scores([1, 2], [worse, better])
    assert (first.drop, first.score.mean) == (-8, -1.0)
    assert (second.found, second.score.mean) == (1, 0.75)


def test_without_any_positive_drop_there_is_no_score_and_it_is_said() -> None:
    for one in data_size_scores([1, 2], [measured([[6, 0], [0, 2]]), measured([[0, 0], [0, 0]])]):
        assert one.score.mean is None
        assert one.score.ci is None
        assert "no size has a positive" in one.reason
        json.dumps(one.to_dict(), allow_nan=False)


def test_a_value_without_neurons_is_not_found_and_adds_nothing() -> None:
    nan = np.nan
    holed, full = measured([[-6, nan], [0, nan]]), measured([[-6, 0], [0, -6]])
    first, second = data_size_scores([1, 2], [holed, full])
    assert (first.found, first.values, first.drop) == (1, 2, 6)
    assert (first.score.mean, first.score.n, first.score.missing) == (0.5, 1, 1)
    assert second.score.mean == 1
    empty = data_size_scores([1, 2], [measured([[nan, nan], [nan, nan]]), full])[0]
    assert (empty.drop, empty.score.mean) == (None, None)
    assert "no value has neurons" in empty.reason


def test_the_interval_follows_the_items() -> None:
    rng = np.random.default_rng(0)
    values = ["a"] * 30 + ["b"] * 30
    base = list(rng.uniform(40, 60, 60))
    own = np.array([[0], [1]]) == np.repeat([0, 1], 30)

    def matrix(drop: float) -> PerturbationMatrix:
        off = {name: list(base - drop * own[row] + rng.normal(0, 6, 60)) for row, name in enumerate("ab")}
        return perturbation_matrix(base, off, values, how=Bootstrap(resamples=400))

    weak, strong = data_size_scores([1, 2], [matrix(3), matrix(12)])
    assert weak.score.low is not None
    assert weak.score.high is not None
    assert weak.score.low < (weak.score.mean or 0) < weak.score.high < 0.9
    assert strong.score.mean == 1


@pytest.mark.parametrize(
    ("sizes", "matrices", "said"),
    [
        ([1], [], "0 matrices"),
        ([], [], "0 sizes"),
        ([1, 1], [measured([[0]])] * 2, "different counts"),
        ([0], [measured([[0]])], "at least 1"),
        ([1, 2], [measured([[0]]), measured([[0]], seed=1)], "size 2 is of other"),
        ([1, 2], [measured([[0]]), measured([[0]], items=5)], "size 2 is of other"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    sizes: list[int], matrices: list[PerturbationMatrix], said: str
) -> None:
    with pytest.raises(MetricError, match=said):
        data_size_scores(sizes, matrices)
