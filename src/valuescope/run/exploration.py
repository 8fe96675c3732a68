"""ValueExploration: its laboratory, its head, and how its page opens."""

from __future__ import annotations

from dataclasses import replace

from valuescope.data.dilemma_set import feeding_texts
from valuescope.lab.dilemma_design import DilemmaDesign, draw_dilemmas, read_dilemmas
from valuescope.lab.dilemma_laboratory import DilemmaLaboratory
from valuescope.lab.exploration import ExplorationSpec
from valuescope.lab.folder import RunFolder
from valuescope.lab.identification import Identification
from valuescope.lab.material import chosen_values
from valuescope.lab.null import null_of
from valuescope.lab.result import Head, head_of
from valuescope.models import NeuronModel
from valuescope.parts.exploration_opening import exploration_opening as opening
from valuescope.parts.perturbation import EditFound, ExplorationHead
from valuescope.progress import Progress
from valuescope.run.reading import TextsToRead

__all__ = ["ExplorationHead", "head", "open_laboratory", "opening", "plan", "reading"]


def plan(spec: ExplorationSpec, folder: RunFolder | None = None) -> DilemmaDesign:
    """The design of a run, with no model; its dilemmas are those of a run's folder, or drawn.

    Raises:
        SpecError: for a specification that does not fit its data.
    """
    system, values = chosen_values(spec)
    dilemmas = draw_dilemmas(spec, values) if folder is None else read_dilemmas(spec, folder, values)
    return DilemmaDesign(spec, system, dilemmas)


def reading(design: DilemmaDesign) -> TextsToRead:
    """The dilemmas that neurons are found in; replaced data is taken to be as long as they are."""
    texts = [
        text
        for language in design.spec.languages
        for value in design.values
        for text in feeding_texts(
            design.dilemmas.of("activation", language, value), f"{language} {value}", design.spec.seed
        )
    ]
    null = null_of(design.spec)
    others = texts if getattr(design.spec, "replacement", None) else []
    return TextsToRead(
        [*texts, *(replace(text, label=f"{text.label} replaced") for text in others)],
        counters=1 if null is None else 1 + null.counted(exchanges=1),
    )


def open_laboratory(
    spec: ExplorationSpec, folder: RunFolder, model: NeuronModel, progress: Progress
) -> DilemmaLaboratory:
    """Dilemmas and the neurons of every selection, each made or read back."""
    system, values = chosen_values(spec)
    dilemmas = read_dilemmas(spec, folder, values)
    identification = Identification(spec, folder, model, dilemmas, progress)
    for language in spec.languages:
        for selection in spec.selections:
            identification.location(selection, language)
    return DilemmaLaboratory(spec, system, dilemmas, identification, progress)


def head(lab: DilemmaLaboratory) -> Head:
    """What was run on what."""
    spec, dilemmas = lab.spec, lab.dilemmas
    return head_of(
        spec,
        lab.model,
        lab.system,
        lab.values,
        ExplorationHead,
        bundled_organism=lab.truth is not None,
        data={"source": dilemmas.source, "counts": dilemmas.counts(), "notes": list(dilemmas.notes)},
        main=spec.main,
        measures=spec.support.measures,
        compared_by=spec.support.compared_by,
        highlighted=spec.highlighted,
        edit=EditFound(name=spec.edit.name, parameters=spec.edit.parameters, on=spec.edit.on),
    )
