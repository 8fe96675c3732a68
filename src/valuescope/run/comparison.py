"""The whole flow of one run, from its specification to its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from valuescope.models import NeuronModel
from valuescope.progress import Progress
from valuescope.report import write_report
from valuescope.run.ability import ability_block
from valuescope.run.arms import ArmRunner
from valuescope.run.automatic import automatic_setting
from valuescope.run.decoded import decoded_block
from valuescope.run.folder import RunFolder
from valuescope.run.judging import Judging
from valuescope.run.loading import load_from, silent
from valuescope.run.locator_table import compare_block
from valuescope.run.matrices import leakages_block
from valuescope.run.pareto import pareto_block
from valuescope.run.profiles import profiles_block
from valuescope.run.questionnaires import questionnaires_block, read_items
from valuescope.run.rates import rates_block
from valuescope.run.search import search_setting
from valuescope.run.sensitivity import sensitivity_block
from valuescope.run.spec import MethodSpec, Setting, Spec
from valuescope.run.spec_valuelocate import Way
from valuescope.run.stages import (
    Locations,
    chosen_values,
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
from valuescope.run.treatments import Treatments, control_treatments, prepare, treatments
from valuescope.run.trial import Laboratory, Outcomes, Trial
from valuescope.run.truth import known_truth
from valuescope.run.turns import turns_block
from valuescope.run.ways import dose_block, sweeps, trials_by_way, ways_block


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
    questionnaires = read_items(spec, system, material.values)
    activations = read_activations(spec, folder, model, material, progress)
    locations = Locations(spec, folder, model, material, activations, progress=progress)
    laboratory = Laboratory(spec, material, locations, ArmRunner(model, spec, folder, progress, judging))
    for method in spec.methods.values():
        for setting in method.settings():
            prepare(locations, method, setting)

    methods, trials = dict[str, Any](), dict[str, dict[str, tuple[Setting, Trial]]]()
    ways = dict[str, dict[Way, Trial]]()
    for name, method in spec.methods.items():
        with timed(folder, f"evaluate {name}"):
            search = search_setting(laboratory, name, method) or automatic_setting(laboratory, name, method)
            settings = {"default": method.default}
            if search is not None and search.chosen != method.default:
                settings["found"] = search.chosen
            trials[name] = {
                which: (setting, laboratory.trial(name, method, setting))
                for which, setting in settings.items()
            }
            setting, trial = headline(trials[name])
            ways[name] = trials_by_way(laboratory, name, method, setting, trial)
            swept = sweeps(laboratory, name, method, setting)
            methods[name] = method_block(laboratory, method, trials[name], search, dose_block(swept), truth)
            methods[name]["ways"] = ways_block(laboratory, ways[name]) if shows_ways(spec, method) else None
            methods[name]["sweeps"] = swept or None
    leakage = None
    if spec.leakage is not None:
        with timed(folder, "leakage"):
            setting, _ = headline(trials[spec.leakage.method])
            leakage = leakage_of(laboratory, spec, setting, system)
    settings_of = {name: headline(found)[0] for name, found in trials.items()}
    with timed(folder, "questionnaires"):
        asked_of = questionnaires_block(laboratory, spec, questionnaires, settings_of, progress)
    with timed(folder, "sensitivity"):
        sensitivity = sensitivity_block(laboratory, spec, settings_of, truth)
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
    every_trial += [trial for found in ways.values() for trial in list(found.values())[1:]]
    beside: dict[str, Callable[[], dict[str, Any] | None]] = {
        "rates": lambda: rates_block(laboratory, latest),
        "leakages": lambda: leakages_block(laboratory, system, settings_of),
        "pareto": lambda: pareto_block(laboratory, settings_of),
        "profiles": lambda: profiles_block(laboratory, settings_of),
        "turns": lambda: turns_block(laboratory, settings_of),
        "ability": lambda: ability_block(laboratory, settings_of),
        "decoded": lambda: decoded_block(laboratory),
    }
    found_beside = dict[str, Any]()
    for what, make in beside.items():
        with timed(folder, what):
            found_beside[what] = make()
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
        "compare": compare_block(laboratory, spec, settings_of, truth),
        "questionnaires": asked_of,
        "sensitivity": sensitivity,
        "runs": spec.runs,
        "scores": None if spec.scores is None else spec.scores.model_dump(mode="json"),
        **found_beside,
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


def shows_ways(spec: Spec, method: MethodSpec) -> bool:
    """Whether more than the intended direction's success is measured."""
    return method.directions is not None or spec.scores is not None


def leakage_of(laboratory: Laboratory, spec: Spec, setting: Setting, system: Any) -> dict[str, Any]:
    """Steer each value, and as many random neurons, on the questions of all values."""
    assert spec.leakage is not None
    method = spec.methods[spec.leakage.method]
    items = laboratory.items(method.asked, spec.leakage.questions)
    base = laboratory.base(f"{method.asked}-first-{spec.leakage.questions}", items)

    def steer(name: str, per_value: Treatments) -> dict[str, Outcomes]:
        return {
            value: laboratory.steered(f"leakage/{name}/{value}", items, one)
            for value, one in per_value.items()
        }

    steered = steer(spec.leakage.method, treatments(laboratory.locations, method, setting))
    control = control_treatments(laboratory.locations, "random", method, setting, 0)
    assert control is not None
    random = steer(f"{spec.leakage.method}-random", control[0])
    which = "default" if setting == method.default else "found"
    return leakage_block(spec, system, base, steered, random, which)
