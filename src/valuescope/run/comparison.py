"""The comparison of methods: its laboratory, its head, and how its page opens."""

from __future__ import annotations

from valuescope.lab.adapters import planned_training
from valuescope.lab.design import Design
from valuescope.lab.folder import RunFolder
from valuescope.lab.judging import Judging
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.locations import Locations
from valuescope.lab.material import (
    chosen_values,
    draw_material,
    read_activations,
    read_material,
    read_texts,
    require_marks,
    require_questions,
    require_texts,
)
from valuescope.lab.result import Head, MeasureFound, head_of
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.treatments import prepare
from valuescope.models import NeuronModel
from valuescope.parts.opening import comparison_opening as opening
from valuescope.progress import Progress
from valuescope.run.estimate import TextsToRead

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
    require_texts(spec, material)
    require_questions(spec, material)
    return Design(spec, system, material)


def reading(design: Design) -> TextsToRead:
    """The texts that a run reads, and those that it trains adapters on."""
    texts = read_texts(design.spec, design.material)
    learnt = planned_training(design.spec, design.material)
    return TextsToRead(
        texts=[text.prompt + text.answer for text in texts],
        labels=len({text.label for text in design.material.texts}),
        residuals=True,
        learnt=[
            (example.prompt + example.answer, epochs) for examples, epochs in learnt for example in examples
        ],
    )


def open_laboratory(
    spec: ComparisonSpec, folder: RunFolder, model: NeuronModel, progress: Progress
) -> Laboratory:
    """Material, activations and locations of a run, each made or read back."""
    judging = Judging(spec, folder)
    system, values = chosen_values(spec)
    material = read_material(spec, folder, values)
    require_marks(material.source, model)
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
    return head_of(
        spec,
        lab.model,
        lab.system,
        material.values,
        bundled_organism=lab.truth is not None,
        data={
            "source": material.source,
            "hash": material.hash,
            "counts": material.counts(),
            "questions": len(material.questions),
            "pairs": len(material.pairs),
            "notes": list(material.notes),
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
