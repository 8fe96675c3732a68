"""Overlaps of neuron sets: counts by hand, chance against scipy and against drawing sets."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from valuescope.metrics import MetricError, neuron_overlap, neurons_by_layer, overlap_p_value

SETS = {"a": [(0, 1), (0, 2), (3, 1)], "b": {(0, 2), (3, 1), (3, 2), (1, 1)}, "empty": []}

neurons = st.frozensets(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=12)


def test_counts_jaccard_and_expected_by_hand() -> None:
    found = neuron_overlap(SETS, neurons=20)
    assert (found.rows, found.columns, found.within) == (("a", "b", "empty"),) * 2 + (True,)
    assert found.row_sizes == (3, 4, 0)
    assert found.count.tolist() == [[3, 2, 0], [2, 4, 0], [0, 0, 0]]
    nan = np.nan
    np.testing.assert_allclose(found.jaccard, [[1, 2 / 5, 0], [2 / 5, 1, 0], [0, 0, nan]])
    np.testing.assert_allclose(found.expected, [[nan, 0.6, 0], [0.6, nan, 0], [0, 0, nan]])
    # Pairs of 4 that hold 2 of 3 special ones among 20, plus those with all 3.
    p = (3 * 136 + 17) / 4845
    np.testing.assert_allclose(found.p, [[nan, p, nan], [p, nan, nan], [nan, nan, nan]])


def test_two_languages_meet_off_and_on_the_diagonal() -> None:
    found = neuron_overlap({"a": SETS["a"]}, {"a": SETS["a"], "x": [(9, 9)]}, neurons=20)
    assert (found.rows, found.columns, found.within) == (("a",), ("a", "x"), False)
    assert found.count.tolist() == [[3, 0]]
    np.testing.assert_allclose(found.expected, [[0.45, 0.15]])
    np.testing.assert_allclose(found.p, [[1 / 1140, 1.0]])


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), neurons), st.dictionaries(st.sampled_from("abc"), neurons))
def test_counts_and_jaccard_against_plain_sets(
    sets: dict[str, frozenset[tuple[int, int]]], others: dict[str, frozenset[tuple[int, int]]]
) -> None:
    found = neuron_overlap(sets, others, neurons=12)
    assert found.count.shape == (len(sets), len(others))
    for row, one in enumerate(sets.values()):
        for column, other in enumerate(others.values()):
            shared, either = one & other, one | other
            assert found.count[row, column] == len(shared)
            assert found.jaccard[row, column] == pytest.approx(
                len(shared) / len(either) if either else np.nan, nan_ok=True
            )
    json.dumps(found.to_dict(), allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_tail_is_scipys(data: st.DataObject) -> None:
    whole = data.draw(st.integers(1, 3000))
    first, second = data.draw(st.integers(0, whole)), data.draw(st.integers(0, whole))
    count = data.draw(st.integers(max(0, first + second - whole), min(first, second)))
    expected = stats.hypergeom.sf(count - 1, whole, first, second)
    assert overlap_p_value(count, first, second, whole) == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_the_tail_of_a_large_model() -> None:
    whole, size = 32 * 14_336, 6_000
    for count in (60, 79, 110, 400):
        expected = stats.hypergeom.sf(count - 1, whole, size, size)
        assert overlap_p_value(count, size, size, whole) == pytest.approx(expected, rel=1e-5)
    assert overlap_p_value(size, size, size, whole) == 0.0


def test_chance_is_what_drawing_sets_gives() -> None:
    rng = np.random.default_rng(0)
    counts = np.array(
        [len(np.intersect1d(rng.choice(60, 15, False), rng.choice(60, 20, False))) for _ in range(4000)]
    )
    sets = {"a": [(0, k) for k in range(15)]}, {"b": [(0, k) for k in range(8, 28)]}
    found = neuron_overlap(*sets, neurons=60)
    assert found.count[0, 0] == 7
    assert counts.mean() == pytest.approx(found.expected[0, 0], abs=0.1)
    assert (counts >= 7).mean() == pytest.approx(found.p[0, 0], abs=0.02)


def test_neurons_by_layer_keeps_empty_sets_and_layers() -> None:
    counts = neurons_by_layer(SETS, layers=5)
    assert counts == {"a": (2, 0, 0, 1, 0), "b": (1, 1, 0, 2, 0), "empty": (0, 0, 0, 0, 0)}


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(MetricError, match="twice"):
        neuron_overlap({"a": [(0, 1), (0, 1)]}, neurons=9)
    with pytest.raises(MetricError, match="3 neurons of neurons=2"):
        neuron_overlap(SETS, neurons=2)
    with pytest.raises(MetricError, match="layers go from 0 to 2"):
        neurons_by_layer(SETS, layers=3)
    with pytest.raises(MetricError, match="share 1 to 2"):
        overlap_p_value(0, 2, 3, 4)
    with pytest.raises(MetricError, match="give sizes"):
        overlap_p_value(0, 2, 5, 4)
