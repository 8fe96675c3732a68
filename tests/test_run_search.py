"""The choice of a setting by its stated rule."""

from __future__ import annotations

import pytest
from valuescope.run.search import Tried, choose
from valuescope.run.spec import MethodSpec, SearchSpec, Setting

from valuescope.metrics import Estimate


def tried(beta: float, effect: float | None, fluency: float | None) -> Tried:
    def estimate(mean: float | None) -> Estimate:
        return Estimate(mean, None, None, n=0 if mean is None else 10)

    return Tried(Setting(edit={"beta": beta}), estimate(effect), estimate(fluency))


def method(direction: str) -> MethodSpec:
    return MethodSpec.model_validate(
        {"locator": "neva", "edit": "modulate", "direction": direction, "default": {"edit": {"beta": 0.9}}}
    )


def chosen(direction: str, *settings: Tried, base: float | None = 0.9, floor: float = 0.9) -> float:
    search = SearchSpec(min_fluency=floor)
    found = choose(list(settings), Estimate(base, None, None, n=10), method(direction), search)
    return float(found.edit["beta"])


def test_the_largest_effect_in_the_methods_direction_wins() -> None:
    settings = (tried(0.9, 0.1, 0.9), tried(2.0, 0.5, 0.9), tried(3.0, -0.7, 0.9))
    assert chosen("up", *settings) == 2.0
    assert chosen("down", *settings) == 3.0


def test_a_setting_that_is_not_fluent_enough_is_out_however_strong() -> None:
    strong, weak = tried(3.0, 0.9, 0.80), tried(2.0, 0.3, 0.82)
    assert chosen("up", strong, weak) == 2.0  # 0.9 x 0.9 = 0.81
    assert chosen("up", strong, weak, floor=0.85) == 3.0


def test_the_floor_itself_is_fluent_enough() -> None:
    assert chosen("up", tried(2.0, 0.3, 0.75), base=1.0, floor=0.75) == 2.0


def test_without_a_fluent_setting_the_default_stays() -> None:
    assert chosen("up", tried(2.0, 0.9, 0.1), tried(3.0, 0.8, None)) == 0.9
    assert chosen("up") == 0.9


def test_a_missing_effect_never_wins() -> None:
    assert chosen("down", tried(2.0, None, 0.9), tried(3.0, 0.4, 0.9)) == 3.0


@pytest.mark.parametrize("direction", ["up", "down"])
def test_of_equal_ones_the_first_wins_and_the_default_is_tried_first(direction: str) -> None:
    assert chosen(direction, tried(0.9, 0.2, 0.9), tried(2.0, 0.2, 0.9)) == 0.9


def test_an_unknown_base_fluency_rules_nothing_out() -> None:
    assert chosen("up", tried(2.0, 0.3, 0.1), base=None) == 2.0
