"""The choice of a setting by its stated rule: of a search, and of an automatic strength."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from valuescope.lab.method import MethodSpec
from valuescope.lab.setting import AutomaticSpec, Setting
from valuescope.metrics import Estimate
from valuescope.parts.search import Search, Weighed, between, most_control


def estimate(mean: float | None) -> Estimate:
    return Estimate(mean, None, None, n=0 if mean is None else 10)


Tried = tuple[float, float | None, float | None]
"""A strength beta, its effect and its fluency."""


class Tuning:
    """A laboratory whose asks are settings and whose outcomes are the effect and fluency that were set."""

    def __init__(self, direction: str, tried: tuple[Tried, ...], base: float | None, floor: float):
        self.method = MethodSpec.model_validate(
            {
                "locator": "neva",
                "edit": "modulate",
                "direction": direction,
                "default": {"edit": {"beta": 0.9}},
                "search": {"edit": [{"beta": beta} for beta, _, _ in tried], "min_fluency": floor},
            }
        )
        missing = () if any(beta == 0.9 for beta, _, _ in tried) else ((0.9, None, None),)
        self.by_beta = {beta: (effect, fluency) for beta, effect, fluency in (*tried, *missing)}
        self.base_fluency, self.settings = base, dict[str, Setting]()
        self.spec = SimpleNamespace(methods={"m": self.method})

    def tuning_items(self, _: str) -> tuple[()]:
        return ()

    def base(self, _: Any) -> str:
        return "base"

    def treatments(self, _: MethodSpec, setting: Setting) -> float:
        return float(setting.edit["beta"])

    def each(self, _: Any, beta: float) -> float:
        return beta

    def outcomes(self, ask: Any) -> list[Any]:
        return [ask]

    def effect(self, _: Any, edited: list[float]) -> Estimate:
        return estimate(self.by_beta[edited[0]][0])

    def fluency(self, outcomes: list[Any]) -> Estimate:
        return estimate(self.base_fluency if outcomes == ["base"] else self.by_beta[outcomes[0]][1])


def chosen(direction: str, *tried: Tried, base: float | None = 0.9, floor: float = 0.9) -> float:
    lab = Tuning(direction, tried, base, floor)
    found = Search(None).measure(lab)["m"]  # type: ignore[arg-type]
    (chosen,) = [tried for tried in found.tried if tried.chosen]
    assert chosen.edit_parameters == lab.settings["m"].edit
    return float(lab.settings["m"].edit["beta"])


def test_the_largest_effect_in_the_methods_direction_wins() -> None:
    settings = ((0.9, 0.1, 0.9), (2.0, 0.5, 0.9), (3.0, -0.7, 0.9))
    assert chosen("up", *settings) == 2.0
    assert chosen("down", *settings) == 3.0


def test_a_setting_that_is_not_fluent_enough_is_out_however_strong() -> None:
    strong, weak = (3.0, 0.9, 0.80), (2.0, 0.3, 0.82)
    assert chosen("up", strong, weak) == 2.0  # 0.9 x 0.9 = 0.81
    assert chosen("up", strong, weak, floor=0.85) == 3.0


def test_the_floor_itself_is_fluent_enough() -> None:
    assert chosen("up", (2.0, 0.3, 0.75), base=1.0, floor=0.75) == 2.0


def test_without_a_fluent_setting_the_default_stays() -> None:
    assert chosen("up", (2.0, 0.9, 0.1), (3.0, 0.8, None)) == 0.9
    assert chosen("up", (0.9, None, None)) == 0.9


def test_a_missing_effect_never_wins() -> None:
    assert chosen("down", (2.0, None, 0.9), (3.0, 0.4, 0.9)) == 3.0


@pytest.mark.parametrize("direction", ["up", "down"])
def test_of_equal_ones_the_first_wins_and_the_default_is_tried_first(direction: str) -> None:
    assert chosen(direction, (0.9, 0.2, 0.9), (2.0, 0.2, 0.9)) == 0.9


def test_an_unknown_base_fluency_rules_nothing_out() -> None:
    assert chosen("up", (2.0, 0.3, 0.1), base=None) == 2.0


# An automatic strength --------------------------------------------------------------------------------------


def weighed(strength: float, control: float, fluency: float = 1.0, leakage: float = 0.0) -> Weighed:
    return Weighed(strength, control, fluency, Estimate(leakage, None, None, 4))


HOW = AutomaticSpec(parameter="beta", low=1.0, high=4.0, max_leakage=0.1)


def test_the_floor_and_the_ceiling_both_bind() -> None:
    tried = [
        weighed(1.0, 0.2),
        weighed(2.0, 0.4),
        weighed(3.0, 0.6, leakage=0.2),
        weighed(4.0, 0.9, fluency=0.5),
    ]
    best = most_control(tried, HOW, 1.0)
    assert best is not None
    assert best.strength == 2.0
    assert between(tried, HOW, 1.0) == [1.5, 2.5]
    assert most_control(tried[2:], HOW, 1.0) is None
    assert between(tried[2:], HOW, 1.0) == [1.5]


def test_the_weaker_of_two_equals_is_taken() -> None:
    best = most_control([weighed(1.0, 0.4), weighed(2.0, 0.4)], HOW, 1.0)
    assert best is not None
    assert best.strength == 1.0
