"""Value leakage: a small example worked out by hand, and the properties that the measures must have."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valuescope.metrics import (
    GAIN_FLOOR,
    Bootstrap,
    DeltaMatrix,
    MetricError,
    circle_leakage,
    delta_matrix,
    group_leakage,
    value_leakage,
)
from valuescope.values import load_value_system

BASE = {"a": [0, 0, 0, 0], "b": [1, 0, 0, 0], "c": [0, 0, None, 1]}
STEERED = {
    "a": {"a": [1, 1, 1, 0], "b": [1, 1, 0, 0], "c": [0, 0, 1, 1]},
    "b": {"a": [0, 0, 0, 1], "b": [1, 1, 1, 0], "c": [0, 0, 0, 0]},
    "c": {"a": [None, 0, 1, 1], "b": [0, 0, 0, 0], "c": [0, 0, 1, 1]},
}
GROUPS = {"a": ("one",), "b": ("one", "two"), "c": ("two",)}


@pytest.fixture(scope="module")
def delta() -> DeltaMatrix:
    return delta_matrix(BASE, STEERED, how=Bootstrap(resamples=500))


def by_share(shares: np.ndarray, questions: int = 20) -> DeltaMatrix:
    """A delta matrix whose cells are the given shares: that many questions turn yes (or from yes to no)."""
    names = [f"v{number}" for number in range(len(shares))]
    half = questions // 2
    base = {name: [False] * half + [True] * half for name in names}
    steered = {}
    for row, one in enumerate(names):
        steered[one] = {}
        for column, other in enumerate(names):
            turned = round(shares[row, column] * questions)
            answers = list(base[other])
            for question in range(abs(turned)):
                answers[question if turned > 0 else half + question] = turned > 0
            steered[one][other] = answers
    return delta_matrix(base, steered, how=Bootstrap(resamples=300))


def test_delta_rows_are_steered_and_columns_evaluated(delta: DeltaMatrix) -> None:
    assert delta.values == ("a", "b", "c")
    expected = [[3 / 4, 1 / 4, 0], [1 / 4, 1 / 2, -1 / 3], [2 / 3, -1 / 4, 0]]
    np.testing.assert_allclose(delta.mean, expected)
    assert delta.n.tolist() == [[4, 4, 3], [4, 4, 3], [3, 4, 3]]
    assert delta.missing.tolist() == [[0, 0, 1], [0, 0, 1], [1, 0, 1]]
    cell = delta.estimate(steered="c", evaluated="a")
    assert (cell.mean, cell.n, cell.missing) == (pytest.approx(2 / 3), 3, 1)
    assert cell.low < cell.mean < cell.high


def test_leak_gain_and_nlr_by_hand(delta: DeltaMatrix) -> None:
    leakage = value_leakage(delta)
    nan = np.nan
    np.testing.assert_allclose(leakage.leak, [[nan, 1 / 4, 0], [1 / 4, nan, 0], [2 / 3, 0, nan]])
    np.testing.assert_allclose(leakage.gain, [3 / 4, 1 / 2, GAIN_FLOOR])
    np.testing.assert_allclose(leakage.nlr, [[nan, 1 / 2, 0], [1 / 3, nan, 0], [8 / 9, 0, nan]])
    assert leakage.at_floor == ("c",)
    assert leakage.undefined == 2
    assert leakage.leak_mean.mean == pytest.approx((1 / 4 + 1 / 4 + 2 / 3) / 6)
    assert leakage.nlr_mean.mean == pytest.approx((1 / 2 + 1 / 3 + 8 / 9) / 6)
    assert (leakage.nlr_mean.n, leakage.nlr_mean.missing) == (6, 0)
    assert leakage.nlr_mean.interval == "basic bootstrap"
    assert leakage.nlr_median.mean == pytest.approx(1 / 6)
    assert leakage.nlr_mean_defined.mean == pytest.approx((1 / 2 + 1 / 3 + 8 / 9) / 4)
    assert leakage.nlr_median_defined.mean == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert (leakage.nlr_mean_defined.n, leakage.nlr_mean_defined.missing) == (4, 2)


def test_nlr_divides_by_the_gain_of_the_evaluated_value() -> None:
    # NeVA eq. 4: NLR_{j,i} = Leak_{j,i} / Gain_j with j evaluated. v1 is hard to steer, v0 easy.
    leakage = value_leakage(by_share(np.array([[0.5, 0.1], [0.2, 0.05]])))
    assert leakage.nlr[0, 1] == pytest.approx(0.1 / 0.05)
    assert leakage.nlr[1, 0] == pytest.approx(0.2 / 0.5)


def test_the_gain_floor_is_a_parameter(delta: DeltaMatrix) -> None:
    leakage = value_leakage(delta, gain_floor=0.5)
    assert leakage.at_floor == ("b", "c")
    assert leakage.undefined == 4
    np.testing.assert_allclose(leakage.gain, [3 / 4, 1 / 2, 1 / 2])
    with pytest.raises(MetricError, match="gain_floor is 0"):
        value_leakage(delta, gain_floor=0)


def test_no_value_could_be_steered() -> None:
    leakage = value_leakage(by_share(np.zeros((3, 3))))
    assert leakage.undefined == 6
    assert leakage.nlr_mean.mean == 0
    assert (leakage.nlr_mean_defined.mean, leakage.nlr_mean_defined.ci) == (None, None)
    assert leakage.nlr_median_defined.n == 0


def test_a_cell_without_judgements_is_missing_not_zero() -> None:
    steered = {**STEERED, "a": {**STEERED["a"], "b": [None] * 4}, "b": {**STEERED["b"], "b": [None] * 4}}
    delta = delta_matrix(BASE, steered, how=Bootstrap(resamples=100))
    assert np.isnan(delta.mean[0, 1])
    assert delta.n[0, 1] == 0
    leakage = value_leakage(delta)
    assert np.isnan(leakage.nlr[:, 1]).all()
    assert (leakage.nlr_mean.n, leakage.nlr_mean.missing) == (4, 2)
    assert leakage.to_dict()["gain"][1] is None
    assert group_leakage(delta, GROUPS).missing == 1


def test_one_question_gives_numbers_without_intervals() -> None:
    delta = delta_matrix({"a": [0], "b": [0]}, {"a": {"a": [1], "b": [1]}, "b": {"a": [0], "b": [1]}})
    assert delta.mean.tolist() == [[1, 1], [0, 1]]
    assert delta.estimate("a", "b").ci is None


def test_groups_by_hand_with_a_value_in_two(delta: DeltaMatrix) -> None:
    result = group_leakage(delta, GROUPS)
    assert result.groups == ("one", "two")
    # Into "one" from "one" (steered a, b; evaluated a, b): a>b + b>a. Into "one" from "two": b>a + c>a.
    one_from_two = 1 / 4 + 2 / 3
    np.testing.assert_allclose(result.mass, [[1 / 2, 1 / 4], [one_from_two, 0]])
    whole = 1 / 2 + one_from_two
    np.testing.assert_allclose(result.nglr, [[0.5 / whole, 1], [one_from_two / whole, 0]])
    assert result.empty == ()


def test_groups_with_a_value_counted_in_one(delta: DeltaMatrix) -> None:
    result = group_leakage(delta, GROUPS, only={"b": "two"})
    np.testing.assert_allclose(result.mass, [[0, 1 / 4], [1 / 4 + 2 / 3, 0]])
    np.testing.assert_allclose(result.nglr, [[0, 1], [1, 0]])
    with pytest.raises(MetricError, match="'b' is not in group 'three'; its groups: one, two"):
        group_leakage(delta, GROUPS, only={"b": "three"})
    with pytest.raises(MetricError, match="value 'c' has no group"):
        group_leakage(delta, {"a": ["x"], "b": ["x"]})


def test_a_group_that_receives_nothing_stays_zero_and_is_said() -> None:
    result = group_leakage(by_share(np.array([[0.5, 0.0], [0.2, 0.5]])), {"v0": ["x"], "v1": ["y"]})
    np.testing.assert_allclose(result.nglr, [[0, 0], [1, 0]])
    assert result.empty == ("y",)


def test_schwartz_groups_come_in_the_order_of_the_circle() -> None:
    system = load_value_system("schwartz")
    values = system.at_level("value")
    outcome = {value: [True, False] for value in values}
    delta = delta_matrix(outcome, dict.fromkeys(values, outcome), how=Bootstrap(resamples=20))
    groups = {value: system.groups(value) for value in values}
    expected = ("openness-to-change", "self-enhancement", "conservation", "self-transcendence")
    assert group_leakage(delta, groups).groups == expected
    circle = circle_leakage(delta, system.distance)
    assert circle.distances == (1, 2, 3, 4, 5)
    assert [estimate.n for estimate in circle.delta] == [20, 20, 20, 20, 10]
    assert circle.correlation.mean is None


def test_leakage_by_distance() -> None:
    ring = np.array([[min(abs(i - j), 4 - abs(i - j)) for j in range(4)] for i in range(4)])
    delta = by_share(np.array([0.5, 0.2, -0.1])[ring])
    result = circle_leakage(delta, lambda a, b: int(ring[int(a[1]), int(b[1])]))
    assert result.distances == (1, 2)
    assert [estimate.mean for estimate in result.delta] == pytest.approx([0.2, -0.1])
    assert [estimate.mean for estimate in result.leak] == pytest.approx([0.2, 0.0])
    assert [estimate.n for estimate in result.delta] == [8, 4]
    assert result.correlation.mean == pytest.approx(-1)
    assert result.correlation.high < 0


def test_cells_of_a_column_share_their_resamples() -> None:
    answers = [0, 1, 1, 0, 1]
    base = {"a": [0] * 5, "b": [0] * 5}
    delta = delta_matrix(base, {"a": {"a": answers, "b": answers}, "b": {"a": answers, "b": answers}})
    assert (delta.draws[:, 0, 0] == delta.draws[:, 1, 0]).all()
    assert (delta.draws[:, 0, 0] != delta.draws[:, 0, 1]).any()


def test_clusters_stand_for_questions() -> None:
    clusters = {value: [0, 0, 1, 1] for value in BASE}
    delta = delta_matrix(BASE, STEERED, clusters=clusters)
    assert set(np.unique(delta.draws[:, 0, 0])) == {0.5, 0.75, 1.0}
    with pytest.raises(MetricError, match="clusters has no entry for c"):
        delta_matrix(BASE, STEERED, clusters={"a": [0] * 4, "b": [0] * 4})


def test_basic_intervals_hold_the_true_mean_leak_where_percentile_ones_miss_it() -> None:
    # Every change is +0.02 off the diagonal, far below the noise of 100 questions, so the true mean is 0.02.
    rng = np.random.default_rng(0)
    names = [str(number) for number in range(6)]
    off = ~np.eye(6, dtype=bool)
    trials, basic, percentile = 40, 0, 0
    for trial in range(trials):
        base = {name: [0] * 100 for name in names}
        steered = {
            one: {
                other: list(
                    rng.choice([1, -1, 0], size=100, p=[0.07, 0.05, 0.88] if one != other else [0.5, 0, 0.5])
                )
                for other in names
            }
            for one in names
        }
        delta = delta_matrix(base, steered, how=Bootstrap(resamples=200, seed=trial))
        estimate = value_leakage(delta).leak_mean
        low, high = np.quantile(np.maximum(delta.draws, 0)[:, off].mean(axis=1), [0.025, 0.975])
        basic += estimate.low <= 0.02 <= estimate.high
        percentile += low <= 0.02 <= high
    assert basic >= 0.85 * trials
    assert percentile <= 0.5 * trials


shares = st.lists(st.integers(-10, 10), min_size=9, max_size=9)


@given(shares)
@settings(max_examples=25, deadline=None)
def test_properties(cells: list[int]) -> None:
    delta = by_share(np.array(cells).reshape(3, 3) / 20)
    leakage = value_leakage(delta)
    off = ~np.eye(3, dtype=bool)
    assert (leakage.leak[off] >= 0).all()
    assert (leakage.gain >= GAIN_FLOOR).all()
    assert leakage.undefined == 2 * len(leakage.at_floor)
    assert (leakage.nlr_low[off] <= leakage.nlr_high[off]).all()
    result = group_leakage(delta, {"v0": ["x"], "v1": ["y"], "v2": ["y"]})
    assert result.mass.sum() == pytest.approx(leakage.leak[off].sum())
    for column, name in enumerate(result.groups):
        assert result.nglr[:, column].sum() == pytest.approx(0 if name in result.empty else 1)


def test_results_are_json_and_say_their_layout(delta: DeltaMatrix) -> None:
    circle = circle_leakage(delta, lambda a, b: 1)
    for result in (delta, value_leakage(delta), group_leakage(delta, GROUPS)):
        plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert (plain["rows"], plain["columns"]) == ("steered", "evaluated")
    assert json.loads(json.dumps(circle.to_dict(), allow_nan=False))["distances"] == [1]


def test_the_seed_decides() -> None:
    one, same, other = (
        delta_matrix(BASE, STEERED, how=Bootstrap(resamples=50, seed=seed)) for seed in (1, 1, 2)
    )
    assert (one.draws == same.draws).all()
    assert (one.draws != other.draws).any()


def test_errors_name_the_cell() -> None:
    with pytest.raises(MetricError, match="base is empty"):
        delta_matrix({}, {})
    with pytest.raises(MetricError, match="steered has no row 'c'"):
        delta_matrix(BASE, {"a": STEERED["a"], "b": STEERED["b"]})
    with pytest.raises(MetricError, match="steering 'b': no outcomes on a, c"):
        delta_matrix(BASE, {**STEERED, "b": {"b": [1, 1, 1, 0]}})
    with pytest.raises(MetricError, match="rows without base outcomes: d"):
        delta_matrix(BASE, {**STEERED, "d": STEERED["a"]})
    with pytest.raises(MetricError, match="steering 'a': 3 outcomes on 'a', but 4 from the base"):
        delta_matrix(BASE, {**STEERED, "a": {**STEERED["a"], "a": [1, 1, 1]}})
