"""The choice of a setting on tuning questions, so that the evaluation questions judge a setting they did not choose."""

from __future__ import annotations

from dataclasses import dataclass

from valuescope.metrics import Estimate
from valuescope.run.spec import MethodSpec, SearchSpec, Setting
from valuescope.run.treatments import treatments
from valuescope.run.trial import Laboratory, setting_hash


@dataclass(frozen=True)
class Tried:
    """One setting's effect and fluency on the tuning questions; its leakage too where the search has a ceiling."""

    setting: Setting
    effect: Estimate
    fluency: Estimate
    leakage: Estimate | None = None


@dataclass(frozen=True)
class Search:
    """What was tried, what was chosen, and by which rule."""

    questions: int
    rule: str
    tried: tuple[Tried, ...]
    chosen: Setting


def search_setting(laboratory: Laboratory, name: str, method: MethodSpec) -> Search | None:
    """Try all settings of a method's search on the tuning questions; None where it has no search."""
    if method.search is None:
        return None
    items = laboratory.tuning_items(method.asked)
    base = laboratory.base(f"tuning-{method.asked}", items)
    tried = []
    for setting in method.settings():
        per_value = treatments(laboratory.locations, method, setting)
        outcomes = laboratory.edited(f"{name}/tuning/{setting_hash(setting)}", items, per_value)
        tried.append(Tried(setting, laboratory.effect(base, outcomes), laboratory.fluency(outcomes)))
    return Search(
        questions=len(items),
        rule=f"largest effect {method.direction} with at least {method.search.min_fluency:.0%} of the base's fluency",
        tried=tuple(tried),
        chosen=choose(tried, laboratory.fluency(base), method, method.search),
    )


def choose(tried: list[Tried], base_fluency: Estimate, method: MethodSpec, search: SearchSpec) -> Setting:
    """The largest effect in the method's direction among the fluent settings; the default where none is."""
    sign = 1 if method.direction == "up" else -1
    floor = search.min_fluency * (base_fluency.mean or 0.0)
    fluent = [
        one
        for one in tried
        if one.effect.mean is not None and one.fluency.mean is not None and one.fluency.mean >= floor
    ]
    best = max(fluent, key=lambda one: sign * (one.effect.mean or 0.0), default=None)
    return best.setting if best else method.default
