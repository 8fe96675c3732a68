"""Curves of control against fluency and leakage: each method's sweep, with every value steered on all questions."""

from __future__ import annotations

from typing import Any

from valuescope.metrics import Bootstrap, Strength, pareto_curves, value_leakage
from valuescope.run.matrices import Matrix, deltas, method_matrix, strength_of
from valuescope.run.spec import DoseSpec, MethodSpec, Setting, Spec
from valuescope.run.treatments import control_treatments, edit_kind
from valuescope.run.trial import Laboratory, setting_hash
from valuescope.run.ways import is_of_locator, with_strength


def pareto_methods(spec: Spec) -> tuple[str, ...]:
    """The methods whose curves are drawn, the reference among them."""
    assert spec.pareto is not None
    reference = spec.methods[spec.pareto.reference]
    if spec.pareto.methods:
        return tuple(dict.fromkeys((spec.pareto.reference, *spec.pareto.methods)))
    return tuple(name for name, method in spec.methods.items() if method.asked == reference.asked)


def strength_sweep(method: MethodSpec) -> DoseSpec | None:
    """A method's first sweep over a strength of its edit; None where it has none."""
    found = (dose for dose in method.doses if dose.parameter != "top" and edit_kind(method))
    return next((dose for dose in found if not is_of_locator(method, dose)), None)


def pareto_settings(method: MethodSpec, setting: Setting) -> list[tuple[float, Setting]]:
    """The strengths of that sweep with their settings; the headline alone where there is none."""
    dose = strength_sweep(method)
    if dose is None:
        return [(1.0, setting)]
    return [(strength, with_strength(setting, dose.parameter, strength)) for strength in dose.values]


def pareto_block(laboratory: Laboratory, settings: dict[str, Setting]) -> dict[str, Any] | None:
    """The curves, their random controls and who has more control at equal fluency; None where not asked for."""
    spec = laboratory.spec
    if spec.pareto is None:
        return None
    points, single, beside = dict[str, list[Strength]](), [], dict[str, list[dict[str, Any]]]()
    matrix: Matrix | None = None
    for name in pareto_methods(spec):
        method = spec.methods[name]
        swept = pareto_settings(method, settings[name])
        single += [name] if strength_sweep(method) is None else []
        points[name], beside[name] = [], []
        for strength, setting in swept:
            matrix = method_matrix(laboratory, name, method, setting, spec.pareto.questions)
            points[name].append(strength_of(matrix, strength, 1 if method.direction == "up" else -1))
            beside[name].append({**_ratios(spec, matrix), **_random(laboratory, name, method, setting)})
    assert matrix is not None
    how = Bootstrap(spec.bootstrap.resamples, spec.bootstrap.confidence, spec.seed)
    base_fluent = [None if one.fluent is None else float(one.fluent) for one in matrix.base_answers]
    curves = pareto_curves(
        points,
        base_fluent,
        spec.pareto.floors,
        spec.pareto.reference,
        single=single,
        how=how,
    )
    methods = {}
    for name, curve in curves.items():
        content = curve.to_dict()
        order = sorted(range(len(points[name])), key=lambda i, name=name: points[name][i].strength)  # type: ignore[misc]
        for point, place in zip(content["points"], order, strict=True):
            point |= beside[name][place]
        dose = strength_sweep(spec.methods[name])
        methods[name] = {**content, "parameter": None if dose is None else dose.parameter}
    return {
        "reference": spec.pareto.reference,
        "questions": spec.pareto.questions,
        "floors": list(spec.pareto.floors),
        "base_fluency": how.mean(base_fluent).to_dict(),
        "order": list(methods),
        "methods": methods,
    }


def _random(laboratory: Laboratory, name: str, method: MethodSpec, setting: Setting) -> dict[str, Any]:
    """The random control of equal size at one strength: its change of each value and its fluency."""
    assert laboratory.spec.pareto is not None
    questions = laboratory.spec.pareto.questions
    control = control_treatments(laboratory.locations, "random", method, setting, 0)
    assert control is not None
    items = laboratory.items(method.asked, questions)
    base = laboratory.base(f"{method.asked}-first-{questions}", items)
    place = f"{name}/random/pareto-{questions}/{setting_hash(setting)}"
    random = laboratory.edited(place, items, control[0])
    _, answers = laboratory.spoken(place, method, base, random, control[0])
    return {
        "random": laboratory.effect(base, random).to_dict(),
        "random_fluency": laboratory.fluency(answers).to_dict(),
    }


def _ratios(spec: Spec, matrix: Matrix) -> dict[str, Any]:
    """NLR at one strength: mean, median, and how many entries have no gain to divide by."""
    leakage = value_leakage(deltas(spec, matrix))
    return {
        "leak_mean": leakage.leak_mean.to_dict(),
        "nlr_mean": leakage.nlr_mean.to_dict(),
        "nlr_median": leakage.nlr_median.to_dict(),
        "undefined": leakage.undefined,
    }
