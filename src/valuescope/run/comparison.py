"""The comparison of methods: its laboratory, its head, and how its page opens."""

from __future__ import annotations

from valuescope.data import label
from valuescope.files import sha256_of
from valuescope.lab.adapters import planned_training
from valuescope.lab.counted_texts import (
    PROBING,
    needs_residuals,
    planned_texts,
    read_activations,
    require_answers,
)
from valuescope.lab.design import Design
from valuescope.lab.folder import RunFolder
from valuescope.lab.judging import Judging
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.locations import Locations
from valuescope.lab.material import (
    chosen_values,
    draw_material,
    read_material,
    require_marks,
    require_questions,
    require_settings,
    require_texts,
)
from valuescope.lab.method import READING
from valuescope.lab.null import counted_times, null_passes
from valuescope.lab.result import Head, MeasureFound, head_of
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.treatments import prepare
from valuescope.models import NeuronModel
from valuescope.parts.opening import comparison_opening as opening
from valuescope.progress import Progress
from valuescope.run.reading import Locating, TextsToRead

__all__ = ["head", "open_laboratory", "opening", "plan", "reading"]
EXPLANATIONS = {
    "control success": "share of answers biased towards the value; an answer that weighs both sides is not",
    "side": "share of answers for the value among those that take a side; answers without a side and refusals are missing, and counted",
    "preference": "mean log-probability per token of a pair's positive text minus that of its negative text",
}


def plan(spec: ComparisonSpec, folder: RunFolder | None = None) -> Design:
    """The design of a comparison, with no model; its data are those of a run's folder, or drawn.

    Raises:
        SpecError: for a specification that does not fit its data.
    """
    system, values = chosen_values(spec)
    if folder is None:
        material = draw_material(spec.data, values, spec.seed)
    else:
        material = read_material(spec, folder, values)
    require_settings(spec, system)
    require_texts(spec, material)
    require_questions(spec, material)
    require_answers(spec, material)
    return Design(spec, system, material)


def reading(design: Design) -> TextsToRead:
    """The texts that a run reads, and those that it trains adapters on."""
    return TextsToRead(
        planned_texts(design.spec, design.material),
        residuals=needs_residuals(design.spec),
        counters=counted_times(design.spec, design.values),
        locating=_locating(design),
        learnt=planned_training(design.spec, design.material),
    )


def _locating(design: Design) -> list[Locating]:
    """The locations that take long, each once."""
    known = dict[str, Locating]()
    for method in design.spec.methods.values():
        locator = "neva" if method.edit_kind and not method.locator and method.reads_texts else method.locator
        swept = [
            method.dosed(method.default, dose, strength)
            for dose in method.doses
            if method.is_of_locator(dose)
            for strength in dose.values
        ]
        for setting in (*method.settings(), *swept):
            labels = {
                value: (label(value, method.read_roles[0]), label(value, method.read_roles[1]))
                for value in design.values
            }
            if locator not in (*READING, *PROBING):
                continue
            alike = setting.located_alike(design.values, method.located) if method.locator else [({}, ())]
            for parameters, _ in alike:
                name = sha256_of([locator, method.read_roles, parameters])
                times = 1 + (null_passes(design.spec, method) if setting == method.default else 0)
                known[name] = Locating(name, locator, labels, parameters, times)
    return list(known.values())


def open_laboratory(
    spec: ComparisonSpec, folder: RunFolder, model: NeuronModel, progress: Progress
) -> Laboratory:
    """Material, activations and locations of a run, each made or read back."""
    judging = Judging(spec, folder)
    system, values = chosen_values(spec)
    material = read_material(spec, folder, values)
    for source in (material.source, spec.data.measured_on.source if spec.data.measured_on else ""):
        require_marks(source, model)
    judging.calibrate((question.language for question in material.questions), progress)
    activations = read_activations(spec, folder, model, material, progress)
    locations = Locations(spec, folder, model, material, activations, progress=progress)
    for method in spec.methods.values():
        for setting in method.settings():
            prepare(locations, method, setting)
    return Laboratory(spec, system, material, locations, judging, progress)


def head(lab: Laboratory) -> Head:
    """What was run on what."""
    spec, material = lab.spec, lab.material
    measure = "preference" if spec.asks_pairs else "control success"
    transferred = spec.data.model_dump(include={"parameters", "measured_on"}) if spec.data.measured_on else {}
    return head_of(
        spec,
        lab.model,
        lab.system,
        material.values,
        bundled_organism=lab.truth is not None,
        data={
            "source": material.source,
            "hash": lab.locations.material.hash,
            "counts": material.counts(),
            "questions": len(material.questions),
            "pairs": len(material.pairs),
            "notes": list(material.notes),
            **transferred,
        },
        measure=MeasureFound(
            name=measure,
            unit="nats per token" if spec.asks_pairs else "share",
            judge="none (log-probabilities)" if spec.asks_pairs else spec.judge_name,
            explanation=EXPLANATIONS["side" if spec.judge == "stance" and not spec.asks_pairs else measure],
        ),
        runs=spec.runs,
        scores=spec.scores and spec.scores.model_dump(mode="json"),
    )
