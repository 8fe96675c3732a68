"""The largest control at a stated floor of fluency and ceiling of leakage, found on the tuning questions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from valuescope.metrics import Bootstrap, Estimate
from valuescope.run.matrices import Matrix, strength_of
from valuescope.run.search import Search, Tried
from valuescope.run.spec import MethodSpec, Setting
from valuescope.run.spec_neva import AutomaticSpec
from valuescope.run.treatments import treatments
from valuescope.run.trial import Laboratory, Outcomes, setting_hash


@dataclass(frozen=True)
class Weighed:
    """What one strength did on the tuning questions."""

    strength: float
    control: float | None
    fluency: float | None
    leakage: Estimate

    def allowed(self, how: AutomaticSpec, base_fluency: float) -> bool:
        """Whether it keeps the floor and the ceiling."""
        if self.control is None or self.fluency is None or self.leakage.mean is None:
            return False
        return self.fluency >= how.min_fluency * base_fluency and self.leakage.mean <= how.max_leakage


def automatic_setting(laboratory: Laboratory, name: str, method: MethodSpec) -> Search | None:
    """Find a method's strength; None where it does not ask for it, and the default where nothing is allowed.

    All strengths of a round share the batches of one arm, every value steered on all tuning questions. An arm that is on
    disk is not asked again.
    """
    how = method.automatic
    if how is None:
        return None
    items = laboratory.tuning_items(method.asked)
    base = laboratory.base(f"tuning-{method.asked}", items)
    floor = laboratory.fluency(base).mean or 0.0
    tried, weighed = list[Tried](), list[Weighed]()
    strengths = [how.low + (how.high - how.low) * i / (how.points - 1) for i in range(how.points)]
    for _ in range(how.rounds + 1):
        for strength, (one, matrix) in _measured(laboratory, name, method, how, strengths, base).items():
            at = strength_of(matrix, strength, 1 if method.direction == "up" else -1)
            leakage = Bootstrap(seed=laboratory.spec.seed).mean(list(at.leakage))
            answers = [answer for arm in matrix.answers for answer in arm]
            own = [answer for value, arm in matrix.steered.items() for answer in arm if answer.value == value]
            before = [one for value in matrix.steered for one in base if one.value == value]
            effect, fluency = laboratory.effect(before, own), laboratory.fluency(answers)
            tried.append(Tried(one, effect, fluency, leakage))
            control = Bootstrap(resamples=1).mean(list(at.control)).mean
            weighed.append(Weighed(strength, control, fluency.mean, leakage))
        strengths = _between(weighed, how, floor)
        if not strengths:
            break
    best = _best(weighed, how, floor)
    chosen = method.default if best is None else method.default.with_edit(how.parameter, best.strength)
    none = "" if best else "; none of them is within both, so the default stays"
    return Search(
        questions=len(items),
        rule=f"largest effect {method.direction} with at least {how.min_fluency:.0%} of the base's fluency and at most "
        f"{how.max_leakage:g} mean change of the other values{none}",
        tried=tuple(tried),
        chosen=chosen,
    )


def _measured(
    laboratory: Laboratory,
    name: str,
    method: MethodSpec,
    how: AutomaticSpec,
    strengths: list[float],
    base: Outcomes,
) -> dict[float, tuple[Setting, Matrix]]:
    items, values = laboratory.tuning_items(method.asked), laboratory.material.values
    settings = {one: method.default.with_edit(how.parameter, one) for one in strengths}
    found = {}
    for strength, setting in settings.items():
        per_value = treatments(laboratory.locations, method, setting)
        rows = [(item, per_value[value]) for value in values for item in items]
        outcomes = laboratory.treated(
            f"{name}/automatic/{setting_hash(setting)}",
            tuple(item for item, _ in rows),
            [one for _, one in rows],
        )
        steered = {
            value: outcomes[place * len(items) : (place + 1) * len(items)]
            for place, value in enumerate(values)
        }
        found[strength] = (setting, Matrix(base, steered, base, tuple(steered.values())))
    return found


def _best(weighed: list[Weighed], how: AutomaticSpec, floor: float) -> Weighed | None:
    """Of those that are allowed the one of most control, the weaker one where two are equal."""
    allowed = [one for one in weighed if one.allowed(how, floor)]
    return max(allowed, key=lambda one: (one.control or 0.0, -one.strength), default=None)


def _between(weighed: list[Weighed], how: AutomaticSpec, floor: float) -> list[float]:
    """The strengths to try next: halfway from the best to its neighbours, or below the weakest where none is allowed."""
    tried = sorted({one.strength for one in weighed})
    best = _best(weighed, how, floor)
    if best is None:
        return [tried[0] / 2]
    return [(low + high) / 2 for low, high in pairwise(tried) if best.strength in (low, high)]
