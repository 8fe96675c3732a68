"""The perturbation matrix and support rates, against sums worked out by hand and slow references."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valuescope.metrics import (
    Bootstrap,
    Estimate,
    MetricError,
    PerturbationMatrix,
    perturbation_matrix,
    support_rates,
)

VALUES = ["a", "a", "b", "b", "b", "c"]
BASE = [60.0, 70.0, 50.0, None, 80.0, 40.0]
OFF = {
    "a": [40.0, 60.0, 50.0, 60.0, 80.0, 40.0],
    "b": [60.0, 70.0, 20.0, 10.0, None, 45.0],
    "c": None,
}

supports = st.lists(st.none() | st.integers(0, 100).map(float), min_size=8, max_size=8)


@pytest.fixture(scope="module")
def matrix() -> PerturbationMatrix:
    return perturbation_matrix(BASE, OFF, VALUES, how=Bootstrap(resamples=300))


def from_means(means: np.ndarray, per_value: int = 6) -> PerturbationMatrix:
    """A matrix whose cells are these changes, NaN columns without neurons."""
    names = [f"v{number}" for number in range(len(means))]
    values = [name for name in names for _ in range(per_value)]
    base = [50.0 + item % 3 for item in range(len(values))]
    off = {}
    for column, name in enumerate(names):
        changes = np.repeat(means[:, column], per_value)
        off[name] = None if np.isnan(changes).all() else list(np.add(base, changes))
    return perturbation_matrix(base, off, values, how=Bootstrap(resamples=50))


def test_rows_are_evaluated_and_columns_are_off(matrix: PerturbationMatrix) -> None:
    nan = np.nan
    np.testing.assert_allclose(matrix.means, [[-15, 0, nan], [0, -30, nan], [0, 5, nan]])
    assert [[(cell.n, cell.missing) for cell in row] for row in matrix.change] == [
        [(2, 0), (2, 0), (0, 0)],
        [(2, 1), (1, 2), (0, 0)],
        [(1, 0), (1, 0), (0, 0)],
    ]


def test_a_value_without_neurons_keeps_an_empty_column(matrix: PerturbationMatrix) -> None:
    assert matrix.values == ("a", "b", "c")
    assert matrix.without_neurons == ("c",)
    assert matrix.change[0][2] == Estimate(None, None, None, 0)
    assert matrix.largest_drops() == ((0,), (1,), None)
    assert matrix.diagonal_ranks == (1, 1, None)
    assert (matrix.mean_diagonal.mean, matrix.mean_diagonal.n, matrix.mean_diagonal.missing) == (-22.5, 2, 1)
    assert (matrix.mean_off_diagonal.mean, matrix.mean_off_diagonal.n) == (pytest.approx(1.25), 4)


def test_an_arm_whose_replies_all_failed_is_missing_and_not_without_neurons() -> None:
    failed = perturbation_matrix([50.0, 60.0], {"a": [None, None]}, ["a", "a"])
    assert failed.without_neurons == ()
    assert failed.change[0][0] == Estimate(None, None, None, 0, missing=2)
    assert failed.largest_drops() == (None,)


@settings(max_examples=30, deadline=None)
@given(supports, supports, supports, st.lists(st.sampled_from("pqr"), min_size=8, max_size=8))
def test_every_cell_is_the_paired_difference_of_its_items(
    base: list[float | None], first: list[float | None], second: list[float | None], stories: list[str]
) -> None:
    values = ["a", "b", "a", "b", "a", "b", "a", "b"]
    off = {"a": first, "b": second}
    matrix = perturbation_matrix(base, off, values, clusters=stories, how=Bootstrap(resamples=40))
    for (i, one), (j, other) in product(enumerate("ab"), enumerate("ab")):
        items = [item for item in range(8) if values[item] == one]
        slow = Bootstrap().difference(
            [base[item] for item in items],
            [off[other][item] for item in items],
            clusters=[stories[item] for item in items],
        )
        cell = matrix.change[i][j]
        assert (cell.n, cell.missing, cell.ci is None) == (slow.n, slow.missing, slow.ci is None)
        assert cell.mean == (None if slow.mean is None else pytest.approx(slow.mean))


def test_intervals_agree_with_the_plain_bootstrap() -> None:
    rng = np.random.default_rng(0)
    base = list(rng.uniform(30, 70, 200))
    off = {name: list(np.add(base, rng.normal(-5, 8, 200))) for name in "ab"}
    values = ["a"] * 100 + ["b"] * 100
    matrix = perturbation_matrix(base, off, values)
    for i, j in product(range(2), range(2)):
        items = slice(100 * i, 100 * i + 100)
        slow = Bootstrap(seed=9).difference(base[items], off["ab"[j]][items])
        assert matrix.change[i][j].ci == pytest.approx(slow.ci, abs=0.35)


def test_clustered_copies_add_no_certainty() -> None:
    base, after = [50.0, 60.0, 40.0, 55.0], [45.0, 40.0, 42.0, 50.0]
    single = perturbation_matrix(base, {"a": after}, ["a"] * 4)
    copied = perturbation_matrix(base * 5, {"a": after * 5}, ["a"] * 20, clusters=[0, 1, 2, 3] * 5)
    assert copied.change[0][0].ci == pytest.approx(single.change[0][0].ci)
    assert copied.change[0][0].n == 20


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(-3, 3), min_size=6, max_size=6), min_size=6, max_size=6), st.integers(1, 6)
)
def test_largest_drops_against_sorting(cells: list[list[int]], most: int) -> None:
    means = np.array(cells, dtype=float)
    matrix = from_means(means, per_value=1)
    for column, rows in enumerate(matrix.largest_drops(most)):
        falling = [(means[row, column], row) for row in range(6) if means[row, column] < 0]
        assert rows == tuple(row for _, row in sorted(falling)[:most])
        ranked = sorted(range(6), key=lambda row: (means[row, column], row))
        assert matrix.diagonal_ranks[column] == ranked.index(column) + 1


def test_a_rise_is_never_a_largest_drop() -> None:
    assert from_means(np.full((3, 3), 2.0)).largest_drops() == ((), (), ())
    assert from_means(np.zeros((3, 3))).largest_drops() == ((), (), ())


def test_same_seed_same_matrix_and_the_dict_is_json(matrix: PerturbationMatrix) -> None:
    again = perturbation_matrix(BASE, OFF, VALUES, how=Bootstrap(resamples=300))
    assert json.dumps(again.to_dict(), allow_nan=False) == json.dumps(matrix.to_dict(), allow_nan=False)
    other = perturbation_matrix(BASE, OFF, VALUES, how=Bootstrap(resamples=300, seed=1))
    np.testing.assert_array_equal(other.means, matrix.means)
    assert not np.array_equal(other.draws, matrix.draws, equal_nan=True)
    assert matrix.to_dict()["largest_drops"] == [[0], [1], None]


def test_order_is_kept_and_a_value_without_items_is_missing() -> None:
    matrix = perturbation_matrix(
        [50.0, 40.0], {"b": [40.0, 40.0], "a": [50.0, 30.0]}, ["a", "a"], order=["b", "a"]
    )
    assert matrix.values == ("b", "a")
    assert matrix.change[0][0].mean is None
    assert matrix.change[1][1].mean == -5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"perturbed": {"a": BASE, "b": BASE}}, "no 'c'"),
        ({"perturbed": {**OFF, "z": BASE}}, r"\['z'\]"),
        ({"perturbed": {**OFF, "a": BASE[:-1]}}, "5 items and base 6"),
        ({"perturbed": {**OFF, "a": [101.0, *BASE[1:]]}}, r"perturbed\['a'\]: item 0 is 101"),
        ({"base": [-1.0, *BASE[1:]]}, "base: item 0 is -1"),
        ({"values": VALUES[:-1]}, "5 labels"),
        ({"order": ["a", "b"]}, "'c'"),
        ({"clusters": [1]}, "1 items"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], said: str) -> None:
    arguments = {"base": BASE, "perturbed": OFF, "values": VALUES, **change}
    with pytest.raises(MetricError, match=said):
        perturbation_matrix(**arguments)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="at least 1"):
        perturbation_matrix(BASE, OFF, VALUES, how=Bootstrap(resamples=10)).largest_drops(0)


def test_support_rates_by_hand() -> None:
    found = support_rates(BASE, VALUES, gaps=[10, -10, None, None, 5, 3], order=["c", "b", "a", "d"])
    assert list(found.rates) == ["c", "b", "a", "d"]
    assert (found.rates["b"].mean, found.rates["b"].n, found.rates["b"].missing) == (65, 2, 1)
    assert found.rates["c"] == Estimate(40, None, None, 1)
    assert found.rates["d"] == Estimate(None, None, None, 0)
    assert (found.overall.mean, found.overall.n, found.overall.missing) == (60, 5, 1)
    assert (found.position_gaps["a"].mean, found.position_gaps["b"].missing) == (0, 2)
    assert found.position_gap is not None
    assert (found.position_gap.mean, found.position_gap.n) == (2, 4)
    json.dumps(found.to_dict(), allow_nan=False)


def test_support_rates_without_gaps_say_nothing_about_them() -> None:
    found = support_rates(BASE, VALUES)
    assert found.position_gap is None
    assert found.position_gaps == {}


def test_support_rates_resample_stories() -> None:
    base = [20.0, 40.0, 60.0, 90.0]
    alone = support_rates(base, ["a"] * 4).rates["a"]
    twice = support_rates(base * 2, ["a"] * 8, clusters=[0, 1, 2, 3] * 2).rates["a"]
    assert twice.ci == pytest.approx(alone.ci)
    assert support_rates(base, ["a"] * 4, clusters=["s"] * 4).rates["a"].ci is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"support": [*BASE[:-1], 120.0]}, "item 5 is 120"),
        ({"gaps": [1.0]}, "1 gaps"),
        ({"gaps": [0, 0, 0, 0, 0, -150.0]}, "-100..100"),
        ({"values": ["a"]}, "1 labels"),
        ({"clusters": ["s"]}, "1 items"),
    ],
)
def test_support_rates_refuse_what_does_not_fit(change: dict[str, object], said: str) -> None:
    with pytest.raises(MetricError, match=said):
        support_rates(**{"support": BASE, "values": VALUES, **change})  # type: ignore[arg-type]
