"""What a run found of a method, and whether its effect stands clear of chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from valuescope.lab.result import Result
from valuescope.lab.strict import Found, Measured
from valuescope.metrics import Estimate
from valuescope.parts.sight import MEASURE_OF, sees, sights_of
from valuescope.report.numbers import Numbers
from valuescope.report.table import Verdict

METHODS = "methods.*"
"""The place of what was found of each method."""
FLUENCY_KEPT = 0.9  # of the base model's fluency
NOT_A_SELECTION = 0.1
"""Share of all neurons above which a selection is none: the papers take 1.5 to 5%, and any tenth of a model's neurons holds
some of everything that it does."""


class TTestFound(Found):
    """A two-sided paired t-test of an effect, over `n` questions or values (see `TTest`)."""

    mean: float | None = None
    t: float | None = None
    p: float | None = None
    n: int


class SettingFound(Found):
    """One setting of a method: its neurons, effect, controls, fluency and quality against the truth. `t_tests`: by what was
    an observation, "questions" or "values"."""

    name: str
    locator_parameters: dict[str, Any] = {}
    edit_parameters: dict[str, Any] = {}
    neurons: dict[str, int] = {}
    effect: Measured | None = None
    random: Measured | None = None
    random_matched: Measured | None = None
    t_tests: dict[str, TTestFound] = {}
    fluency: Measured | None = None
    base_fluency: Measured | None = None
    average_precision: dict[str, float | None] | None = None
    recall: dict[str, float | None] | None = None
    precision: dict[str, float | None] | None = None
    roles: dict[str, dict[str, int]] | None = None
    warnings: tuple[str, ...] = ()
    diagnostics: dict[str, Any] = {}

    @property
    def mean_precision(self) -> float | None:
        """Average precision, averaged over the values that have one."""
        present = [score for score in (self.average_precision or {}).values() if score is not None]
        return sum(present) / len(present) if present else None


class ValueEffect(Found):
    """One value under its own edit."""

    base: Measured | None = None
    edited: Measured | None = None
    effect: Measured | None = None
    random: Measured | None = None


class MethodFound(Found):
    """One method; the numbers outside `settings` belong to its headline setting. `direction` is +1 where the edit should
    raise its value, -1 where it should lower it. `ceiling_share`: the effect as a share of what telling the model does."""

    locator: str = ""
    edit: str = ""
    intervention: str | None = None
    asked: str = ""
    direction: Literal[1, -1] | None = None
    setting: str = ""
    average_precision: float | None = None
    chance_precision: float | None = None
    effect: Measured | None = None
    random: Measured | None = None
    random_matched: Measured | None = None
    fluency: float | None = None
    base_fluency: float | None = None
    ceiling_share: float | None = None
    settings: tuple[SettingFound, ...] = ()
    by_value: dict[str, ValueEffect] = {}

    @property
    def chosen(self) -> SettingFound | None:
        """The headline setting."""
        named = [setting for setting in self.settings if setting.name == self.setting]
        return next(iter([*named, *self.settings]), None)


def methods_of(result: Result) -> Mapping[str, MethodFound]:
    """What was found of each method, by name; empty where none was measured."""
    return result.found.get(METHODS) or {}  # type: ignore[return-value]


def mean_of(estimate: Estimate | None) -> float | None:
    """The mean; None where there is no estimate."""
    return None if estimate is None else estimate.mean


def effect_numbers(result: Result) -> Numbers:
    """Decimals that suit the effects of a run."""
    methods = methods_of(result)
    effects = [
        effect.mean
        for method in methods.values()
        for setting in method.settings
        for effect in (setting.effect, setting.random)
        if effect is not None
    ]
    return Numbers.suiting(effects, share=result.head.measure.unit == "share")


def blind(result: Result, method: MethodFound) -> bool:
    """Whether the run has shown that its measure cannot see anything on the questions of a method."""
    sight = sights_of(result).get(MEASURE_OF.get(method.asked, ""))
    return sight is not None and sees(sight.for_minus_against) is False


def selection_fault(neurons: Mapping[str, int], model_neurons: int | None) -> str:
    """Why neurons by value are not a selection, in words: nothing was found, or far too much, on average; else empty."""
    if not neurons:
        return ""
    if not any(neurons.values()):
        return "found nothing"
    share = sum(neurons.values()) / len(neurons) / model_neurons if model_neurons else 0.0
    return f"selects {share:.0%} of all neurons: not a selection" if share > NOT_A_SELECTION else ""


def fault_of(setting: SettingFound, result: Result) -> str:
    """`selection_fault` of what a setting takes."""
    return selection_fault(setting.neurons, result.head.model.get("neurons"))


def verdict(method: MethodFound, setting: SettingFound, result: Result) -> Verdict:
    """Whether a setting moved its target as intended, clear of chance; not said where the measure sees nothing here.

    Clear means: the whole interval of the effect lies in the intended direction beyond 0 and beyond the mean
    of every random control that was measured.
    """
    effect, sign = setting.effect, method.direction
    if blind(result, method):
        return Verdict(None, "the measure cannot tell here")
    if fault := fault_of(setting, result):
        return Verdict(False, fault)
    if effect is None or effect.mean is None:
        return Verdict(None, "effect missing")
    if effect.low is None or effect.high is None:
        return Verdict(None, "no interval")
    controls = [
        control.mean
        for control in (setting.random, setting.random_matched)
        if control is not None and control.mean is not None
    ]
    if not controls or sign is None:
        return Verdict(None, "no control" if not controls else "no stated direction")
    bars = [sign * bar for bar in (0.0, *controls)]
    near, far = (effect.low, effect.high) if sign > 0 else (-effect.high, -effect.low)
    if near > max(bars):
        return Verdict(True, "clear of random")
    return Verdict(False, "wrong direction" if far < min(bars) else "not clear of random")


def fluency_verdict(setting: SettingFound) -> Verdict:
    """Whether the answers stayed fluent: at least `FLUENCY_KEPT` of the base model's share."""
    now, base = mean_of(setting.fluency), mean_of(setting.base_fluency)
    if now is None or base is None:
        return Verdict(None, "fluency missing")
    kept = now >= FLUENCY_KEPT * base
    return Verdict(kept, "fluency kept" if kept else f"fluency below {FLUENCY_KEPT:.0%} of base")
