"""Every value steered on the questions of every value: the matrix behind leakage, curves and profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from valuescope.metrics import (
    Bootstrap,
    DeltaMatrix,
    Strength,
    circle_leakage,
    delta_matrix,
    group_leakage,
    neighbour_test,
    value_leakage,
)
from valuescope.run.spec import MethodSpec, Setting, Spec
from valuescope.run.treatments import Treatments, control_treatments, treatments
from valuescope.run.trial import Laboratory, Outcomes, setting_hash
from valuescope.values import ValueSystem


@dataclass(frozen=True)
class Matrix:
    """Outcomes on the same questions, those of the unedited model and one list for each steered value.

    `answers` and `base_answers` are what fluency is read off: all of them, or, where pairs are asked, the answers beside
    them, each under its own value's edit.
    """

    base: Outcomes
    steered: dict[str, Outcomes]
    base_answers: Outcomes
    answers: tuple[Outcomes, ...]


def steer_all(
    laboratory: Laboratory,
    name: str,
    method: MethodSpec,
    setting: Setting,
    per_value: Treatments,
    questions: int,
) -> Matrix:
    """The matrix of one setting on the first questions of each value. Kept under the setting's own name, so that curves,
    leakage and the search for a strength share what they have in common."""
    items = laboratory.items(method.asked, questions)
    base = laboratory.base(f"{method.asked}-first-{questions}", items)
    place = f"{name}/matrix-{questions}/{setting_hash(setting)}"
    steered = {value: laboratory.steered(f"{place}/{value}", items, one) for value, one in per_value.items()}
    if method.asked == "pairs":
        own = [next(one for one in steered[item.value] if one.key == item.key) for item in items]
        base_answers, answers = laboratory.spoken(place, method, base, own, per_value)
        return Matrix(base, steered, base_answers, (answers,))
    return Matrix(base, steered, base, tuple(steered.values()))


def method_matrix(
    laboratory: Laboratory, name: str, method: MethodSpec, setting: Setting, questions: int
) -> Matrix:
    """The matrix of a method's own edits."""
    return steer_all(
        laboratory, name, method, setting, treatments(laboratory.locations, method, setting), questions
    )


def strength_of(matrix: Matrix, strength: float, direction: int) -> Strength:
    """The matrix item by item, as `pareto_curves` reads it."""
    control, leakage = list[float | None](), list[float | None]()
    for place, item in enumerate(matrix.base):
        changes = {value: _change(item.success, own[place].success) for value, own in matrix.steered.items()}
        own = changes.pop(item.value)
        control.append(None if own is None else direction * own)
        leakage.append(_mean([one for one in changes.values() if one is not None]))
    fluent = list[float | None]()
    for place in range(len(matrix.base_answers)):
        judged = [own[place].fluent for own in matrix.answers]
        fluent.append(_mean([float(one) for one in judged if one is not None]))
    return Strength(strength, control, leakage, fluent)


def deltas(spec: Spec, matrix: Matrix) -> DeltaMatrix:
    """The paired changes of the matrix (NeVA, eq. 1)."""
    values = tuple(matrix.steered)

    def by_value(outcomes: Outcomes) -> dict[str, list[float | None]]:
        return {value: [one.success for one in outcomes if one.value == value] for value in values}

    return delta_matrix(
        by_value(matrix.base),
        {value: by_value(own) for value, own in matrix.steered.items()},
        how=Bootstrap(spec.bootstrap.resamples, spec.bootstrap.confidence, spec.seed),
    )


def leakages_block(
    laboratory: Laboratory, system: ValueSystem, settings: dict[str, Setting]
) -> dict[str, Any] | None:
    """Leakage of every method of `leakage.methods` at its headline setting, with a random control and the test."""
    spec = laboratory.spec
    if spec.leakage is None or not spec.leakage.methods:
        return None
    found = {}
    for name in spec.leakage.methods:
        method, setting = spec.methods[name], settings[name]
        matrix = method_matrix(laboratory, name, method, setting, spec.leakage.questions)
        control = control_treatments(laboratory.locations, "random", method, setting, 0)
        assert control is not None
        random = steer_all(laboratory, f"{name}/random", method, setting, control[0], spec.leakage.questions)
        found[name] = leakage_of_matrix(spec, system, matrix) | {
            "random": leakage_of_matrix(spec, system, random),
            "questions": spec.leakage.questions,
            "setting": "default" if setting == method.default else "found",
        }
    return found


def leakage_of_matrix(spec: Spec, system: ValueSystem, matrix: Matrix) -> dict[str, Any]:
    """Everything that NeVA's section 2 reads off a matrix, and the test that it is confined to neighbours."""
    delta = deltas(spec, matrix)
    leakage = value_leakage(delta)
    groups = group_leakage(delta, {value: system.groups(value) for value in delta.values})
    shares = groups.to_dict()
    circle = bool(system.circle) and set(delta.values) <= set(system.circle)
    on_circle = circle_leakage(delta, system.distance) if circle else None
    return {
        "values": list(delta.values),
        "delta": delta.to_dict(),
        "leakage": leakage.to_dict(),
        "group_leakage": {
            "groups": shares["groups"],
            "matrix": shares["nglr"],
            "rows": shares["rows"],
            "empty": list(groups.empty),
        },
        "circle": None if on_circle is None else on_circle.to_dict(),
        "test": neighbour_test(delta, system.distance, seed=spec.seed).to_dict() if circle else None,
    }


def _change(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _mean(found: list[float]) -> float | None:
    return sum(found) / len(found) if found else None
