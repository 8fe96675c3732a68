"""Curves of control against fluency and leakage, and the test that leakage is confined to neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from valuescope.metrics import Bootstrap, MetricError, Strength, delta_matrix, neighbour_test, pareto_curves
from valuescope.values import load_value_system

ITEMS = 40


def strength(at: float, control: float, fluent: float, leakage: float = 0.0, items: int = ITEMS) -> Strength:
    """Items whose means are as given: the first share of them 1, the rest 0."""

    def share(mean: float) -> list[float | None]:
        return [1.0 if n < round(mean * items) else 0.0 for n in range(items)]

    return Strength(at, share(control), [leakage] * items, share(fluent))


def curves(**methods: Any) -> Any:
    return pareto_curves(
        methods, [1.0] * ITEMS, [0.9, 0.5], "a", single=["once"], how=Bootstrap(resamples=200)
    )


def test_control_at_a_floor_lies_on_the_line_between_two_strengths() -> None:
    at = curves(a=[strength(2.0, 0.8, 0.6, 0.4), strength(1.0, 0.4, 1.0, 0.2)])["a"].at_floor[0]
    # Fluency falls from 1 to 0.6 between strengths 1 and 2: it is 0.9 a quarter of the way.
    assert at.strength == pytest.approx(1.25)
    assert at.control.mean == pytest.approx(0.5)
    assert at.leakage.mean == pytest.approx(0.25)


def test_the_line_begins_at_the_unedited_model() -> None:
    at = curves(a=[strength(1.0, 0.6, 0.8)])["a"].at_floor
    assert at[0].strength == pytest.approx(0.5)
    assert at[0].control.mean == pytest.approx(0.3)
    assert at[1].control.mean == pytest.approx(0.6)


def test_a_method_without_a_strength_has_its_point_or_nothing() -> None:
    found = curves(a=[strength(1.0, 0.2, 1.0)], once=[strength(1.0, 0.6, 0.8)])["once"].at_floor
    assert found[0].strength is None
    assert found[0].control.mean is None
    assert found[0].verdict == "cannot be said"
    assert found[1].control.mean == pytest.approx(0.6)
    assert found[1].verdict == "more"


def test_an_edit_that_only_harms_has_no_more_than_the_unedited_model() -> None:
    worse = Strength(1.0, [-1.0] * ITEMS, [0.0] * ITEMS, [1.0] * ITEMS)
    at = pareto_curves({"a": [worse]}, [1.0] * ITEMS, [0.9], "a", how=Bootstrap(resamples=50))["a"].at_floor[
        0
    ]
    assert (at.strength, at.control.mean) == (0.0, 0.0)


def test_differences_are_paired_and_have_a_verdict() -> None:
    found = curves(a=[strength(1.0, 0.5, 1.0)], b=[strength(1.0, 0.5, 1.0)], c=[strength(1.0, 0.1, 1.0)])
    same = found["b"].at_floor[0]
    assert (same.difference.mean, same.difference.low, same.difference.high) == (0.0, 0.0, 0.0)
    assert same.verdict == "no clear difference"
    assert found["c"].at_floor[0].verdict == "less"
    assert found["a"].at_floor[0].difference is None


def test_missing_items_are_counted_and_left_out() -> None:
    holes = Strength(1.0, [None, *[0.5] * (ITEMS - 1)], [0.1] * ITEMS, [None, None, *[1.0] * (ITEMS - 2)])
    point = curves(a=[holes])["a"].points[0]
    assert (point.control.mean, point.control.n, point.control.missing) == (0.5, ITEMS - 1, 1)
    assert (point.fluency.n, point.fluency.missing) == (ITEMS - 2, 2)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(MetricError, match="reference 'a' is not among"):
        curves(b=[strength(1.0, 0.5, 1.0)])
    with pytest.raises(MetricError, match="has no points"):
        curves(a=[])
    with pytest.raises(MetricError, match="items at different points"):
        curves(a=[strength(1.0, 0.5, 1.0)], b=[strength(1.0, 0.5, 1.0, items=20)])


# Neighbours -----------------------------------------------------------------------------------------------

SYSTEM = load_value_system("schwartz")


def matrix(size: int, change: Any, questions: int = 10, seed: int = 0) -> Any:
    values = SYSTEM.circle[:size]
    noise = np.random.default_rng(seed)
    base = {value: [0.0] * questions for value in values}
    steered = {
        a: {b: list(change(a, b) + 0.01 * noise.standard_normal(questions)) for b in values} for a in values
    }
    return delta_matrix(base, steered, how=Bootstrap(resamples=100))


def test_leakage_to_neighbours_is_found() -> None:
    delta = matrix(10, lambda a, b: 0.3 if a != b and SYSTEM.distance(a, b) == 1 else 0.05)
    found = neighbour_test(delta, SYSTEM.distance, permutations=500)
    assert found.p == pytest.approx(1 / 501)
    assert found.contrast.mean == pytest.approx(0.25, abs=0.02)
    assert found.neighbours.n == 20
    assert found.others.n == 70


def test_a_value_that_leaks_everywhere_proves_nothing() -> None:
    loud = SYSTEM.circle[3]
    delta = matrix(10, lambda a, b: 0.5 if loud in (a, b) else 0.0)
    p = neighbour_test(delta, SYSTEM.distance, permutations=500).p
    assert p is not None
    assert p > 0.05


def test_few_values_are_tested_exactly_and_fewer_not_at_all() -> None:
    near = lambda a, b: 0.3 if a != b and SYSTEM.distance(a, b) == 1 else 0.0  # noqa: E731
    five = neighbour_test(matrix(5, near), SYSTEM.distance)
    assert five.exact
    assert five.permutations == 119
    assert five.p is not None
    assert five.p >= 2 / 120, "the order and its reverse have the same neighbours"
    three = neighbour_test(matrix(3, near), SYSTEM.distance)
    assert three.p is None
    assert "no value has both" in three.reason


def test_the_test_holds_its_level() -> None:
    """Where nothing leaks to neighbours in particular, small p are rare."""
    noise = np.random.default_rng(1)
    table = {(a, b): noise.standard_normal() for a in SYSTEM.circle for b in SYSTEM.circle}
    found = []
    for shift in range(20):
        order = SYSTEM.circle[shift % 10 :] + SYSTEM.circle[: shift % 10]
        other = dict(zip(SYSTEM.circle, noise.permutation(order), strict=True))
        delta = matrix(10, lambda a, b, other=other: table[other[a], other[b]], seed=shift)
        found.append(neighbour_test(delta, SYSTEM.distance, permutations=100, seed=shift).p)
    assert sum(p is not None and p <= 0.05 for p in found) <= 4
