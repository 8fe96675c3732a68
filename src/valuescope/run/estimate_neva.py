"""How many arms NeVA's evaluation adds to a run: automatic strengths, curves, matrices, profiles and conversations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from valuescope.run.pareto import pareto_methods, pareto_settings
from valuescope.run.spec import Spec


@dataclass(frozen=True)
class PlannedArms:
    """So many arms over the first `per_value` items of each value (None: all), or over the tuning questions."""

    asked: str
    arms: int
    per_value: int | None
    tuning: bool = False


def neva_arms(spec: Spec, values: int) -> Iterator[PlannedArms]:
    """All arms of items beside those that every method has; `values` is the number of values."""
    for method in spec.methods.values():
        if method.automatic:
            strengths = method.automatic.points + 2 * method.automatic.rounds
            yield PlannedArms(method.asked, strengths * values, None, tuning=True)
    matrices = list[
        tuple[str, int, int, int]
    ]()  # asked, arms of items, arms of answers beside pairs, per value
    if spec.leakage:
        for name in spec.leakage.methods:
            matrices.append((spec.methods[name].asked, 2 * values, 2, spec.leakage.questions))
    if spec.pareto:
        for name in pareto_methods(spec):
            method = spec.methods[name]
            points = len(pareto_settings(method, method.default))
            matrices.append((method.asked, points * (values + 1), 2 * points, spec.pareto.questions))
    if spec.profiles:
        arms = 3 * len(spec.profiles.targets)
        matrices.append((spec.methods[spec.profiles.method].asked, arms, arms, spec.profiles.questions))
    for asked, arms, beside, per_value in matrices:
        yield PlannedArms(asked, arms, per_value)
        if asked == "pairs":
            yield PlannedArms("dilemma", beside, spec.answers_per_value)


def conversation_answers(spec: Spec, values: int) -> int:
    """Answers in conversations, over all turns."""
    if spec.turns is None:
        return 0
    asked = [name for name, method in spec.methods.items() if method.asked == "dilemma"]
    arms = 1 + len(spec.turns.methods or asked)
    return arms * spec.turns.turns * spec.turns.conversations * values
