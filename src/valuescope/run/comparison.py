"""The whole flow of one run, from its specification to its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from valuescope.locate import Location
from valuescope.metrics import Estimate
from valuescope.models import NeuronModel
from valuescope.report import write_report
from valuescope.run.arms import ArmRunner, Progress
from valuescope.run.folder import RunFolder
from valuescope.run.judging import Judging
from valuescope.run.loading import load_from, silent
from valuescope.run.search import search_setting
from valuescope.run.spec import MethodSpec, Setting, Spec
from valuescope.run.stages import (
    Locations,
    chosen_values,
    edits,
    read_activations,
    read_material,
    require_questions,
    timed,
)
from valuescope.run.summary import (
    example_blocks,
    head_block,
    leakage_block,
    method_block,
    missing_block,
    probes_block,
    seconds_block,
)
from valuescope.run.trial import Laboratory, Outcomes, Trial
from valuescope.run.truth import known_truth


def compare(
    spec: Spec, out: Path, *, progress: Progress = silent, model: NeuronModel | None = None
) -> dict[str, Any]:
    """Run a specification in the folder `out`; returns the summary, which is also `out/summary.json`.

    A run that was interrupted goes on where it stopped and gives the same summary, but for the seconds.

    Raises:
        SpecError, RunError: for a specification that does not fit its data, or a folder of another run.
    """
    folder = RunFolder(out)
    model = model or load_from(spec.model)
    folder.open(spec, model.identity.fingerprint)
    judging = Judging(spec, folder)
    system, values = chosen_values(spec)
    truth = known_truth(model.identity.id)
    material = read_material(spec, folder, values)
    require_questions(spec, material)
    activations = read_activations(spec, folder, model, material, progress)
    locations = Locations(spec, folder, model, material, activations)
    laboratory = Laboratory(spec, material, locations, ArmRunner(model, spec, folder, progress, judging))
    for method in spec.methods.values():
        for setting in method.settings():
            locations.of(method, setting)

    methods, trials = dict[str, Any](), dict[str, dict[str, tuple[Setting, Trial]]]()
    for name, method in spec.methods.items():
        with timed(folder, f"evaluate {name}"):
            search = search_setting(laboratory, name, method)
            settings = {"default": method.default}
            if search is not None and search.chosen != method.default:
                settings["found"] = search.chosen
            trials[name] = {
                which: (setting, laboratory.trial(name, method, setting))
                for which, setting in settings.items()
            }
            dose = sweep(laboratory, name, method, list(settings.values())[-1])
            methods[name] = method_block(laboratory, method, trials[name], search, dose, truth)
    leakage = None
    if spec.leakage is not None:
        with timed(folder, "leakage"):
            setting, _ = headline(trials[spec.leakage.method])
            leakage = leakage_of(laboratory, spec, setting, system)
    latest = {name: headline(found)[1] for name, found in trials.items()}
    asked = sorted({method.asked for method in spec.methods.values()})
    bases = {kind: laboratory.base(kind, laboratory.items(kind)) for kind in asked}
    spoken = {
        kind: {name: trial for name, trial in latest.items() if spec.methods[name].asked == kind}
        for kind in asked
    }
    arms: dict[str, dict[str, Outcomes]] = {
        "dilemma" if kind == "pairs" else kind: {
            "base": next(iter(found.values())).base_answers,
            **{name: trial.answers for name, trial in found.items()},
        }
        for kind, found in spoken.items()
    }
    every_trial = [trial for found in trials.values() for _, trial in found.values()]
    everything = [*bases.values(), *(trial.edited for trial in every_trial)]
    summary = {
        **head_block(spec, model, system, laboratory, truth),
        "base": {
            "by_value": {
                kind: {value: laboratory.success(outcomes, value).to_dict() for value in material.values}
                for kind, outcomes in bases.items()
            },
            "fluency": laboratory.fluency(
                [one for outcomes in arms.values() for one in outcomes["base"]]
            ).to_dict(),
        },
        "methods": methods,
        "leakage": leakage,
        "probes": probes_block(laboratory, spec),
        "examples": example_blocks(spec, material.questions, arms),
        "missing": missing_block(everything),
        "judging": judging.block(),
    }
    with timed(folder, "report"):
        write_report({**summary, **seconds_block(folder)}, folder.path)
    judging.close()
    summary |= seconds_block(folder)
    folder.write_json("summary.json", summary)
    return summary


def headline(trials: dict[str, tuple[Setting, Trial]]) -> tuple[Setting, Trial]:
    """The setting that stands for a method, with its trial: the found one where there is one."""
    return list(trials.values())[-1]


def sweep(laboratory: Laboratory, name: str, method: MethodSpec, setting: Setting) -> dict[str, Any] | None:
    """Effect and fluency over strengths, with one random control each, on the first questions of each value."""
    if method.dose is None:
        return None
    items = laboratory.items(method.asked, method.dose.questions)
    base = laboratory.base(f"{method.asked}-first-{method.dose.questions}", items)
    points = []
    for strength in method.dose.values:
        dosed = with_strength(setting, method.dose.parameter, strength)
        control = laboratory.locations.control("random", method, dosed, 0)
        place = f"{name}/dose/{method.dose.parameter}-{strength:g}"
        per_value = edits(method, dosed, laboratory.locations.of(method, dosed))
        edited = laboratory.edited(f"{place}/edited", items, per_value)
        _, answers = laboratory.spoken(place, method, base, edited, per_value)
        random = laboratory.edited(f"{place}/random", items, edits(method, dosed, control))
        estimates: dict[str, Estimate] = {
            "effect": laboratory.effect(base, edited),
            "random": laboratory.effect(base, random),
            "fluency": laboratory.fluency(answers),
        }
        points.append({"strength": strength, **{what: one.to_dict() for what, one in estimates.items()}})
    return {"name": method.dose.parameter, "points": points}


def with_strength(setting: Setting, parameter: str, strength: float) -> Setting:
    """The setting with one strength changed: an edit's parameter, or `top`."""
    if parameter == "top":
        return setting.model_copy(update={"top": int(strength)})
    return setting.model_copy(update={"edit": {**setting.edit, parameter: strength}})


def leakage_of(laboratory: Laboratory, spec: Spec, setting: Setting, system: Any) -> dict[str, Any]:
    """Steer each value, and as many random neurons, on the questions of all values."""
    assert spec.leakage is not None
    method = spec.methods[spec.leakage.method]
    items = laboratory.items(method.asked, spec.leakage.questions)
    base = laboratory.base(f"{method.asked}-first-{spec.leakage.questions}", items)

    def steer(name: str, location: Location) -> dict[str, Outcomes]:
        return {
            value: laboratory.steered(f"leakage/{name}/{value}", items, edit)
            for value, edit in edits(method, setting, location).items()
        }

    steered = steer(spec.leakage.method, laboratory.locations.of(method, setting))
    random = steer(
        f"{spec.leakage.method}-random", laboratory.locations.control("random", method, setting, 0)
    )
    which = "default" if setting == method.default else "found"
    return leakage_block(spec, system, base, steered, random, which)
