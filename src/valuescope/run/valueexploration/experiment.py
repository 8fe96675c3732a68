"""ValueExploration from its specification to its report: identify, deactivate, and see whose support falls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from valuescope.data.dilemma_set import DILEMMA_SOURCES, DilemmaSet
from valuescope.locate import Location
from valuescope.metrics import data_size_scores
from valuescope.models import NeuronModel
from valuescope.progress import Progress
from valuescope.report import write_report
from valuescope.run.folder import RunFolder
from valuescope.run.loading import load_from, silent
from valuescope.run.spec_parts import SpecError
from valuescope.run.stages import chosen_values, timed
from valuescope.run.summary import seconds_block
from valuescope.run.truth import known_truth
from valuescope.run.valueexploration.asking import SupportAsker
from valuescope.run.valueexploration.identification import GENERATING, REPLACED, Identification
from valuescope.run.valueexploration.perturbing import (
    Perturbation,
    Perturbed,
    example_blocks,
    missing_block,
    missing_of,
)
from valuescope.run.valueexploration.spec import Measure, ValueExplorationSpec
from valuescope.run.valueexploration.summary import (
    across_block,
    head_block,
    location_block,
    overlap_block,
)


def explore(
    spec: ValueExplorationSpec,
    out: Path,
    *,
    progress: Progress = silent,
    model: NeuronModel | None = None,
) -> dict[str, Any]:
    """Run the experiment in the folder `out`; returns the summary, which is also `out/summary.json`.

    A run that was interrupted goes on where it stopped and gives the same summary, but for the seconds.

    Raises:
        SpecError, RunError, DataError: a specification that does not fit its data, or a folder of another run.
    """
    folder = RunFolder(out)
    model = model or load_from(spec.model)
    folder.open(spec, model.identity.fingerprint)
    system, values = chosen_values(spec)
    dilemmas = read_dilemmas(spec, folder, values)
    identification = Identification(spec, folder, model, dilemmas, progress)
    asker = SupportAsker(model, spec, folder, progress)
    languages, main = dict[str, Any](), dict[str, Location]()
    for language in spec.languages:
        study = LanguageStudy(
            spec, folder, identification, Perturbation(spec, folder, dilemmas, asker, language)
        )
        languages[language] = study.block()
        main[language] = identification.location(spec.main, language)
    summary = {
        **head_block(spec, model, system, dilemmas),
        "languages": languages,
        "across_languages": across_block(main),
    }
    with timed(folder, "report"):
        write_report({**summary, **seconds_block(folder)}, folder.path)
    summary |= seconds_block(folder)
    folder.write_json("summary.json", summary)
    return summary


def read_dilemmas(spec: ValueExplorationSpec, folder: RunFolder, values: tuple[str, ...]) -> DilemmaSet:
    """Draw or read the dilemmas, once per run."""
    content = folder.read_json("data/dilemmas.json")
    if content is not None:
        return DilemmaSet.from_dict(content)
    with timed(folder, "data"):
        dilemmas = draw_dilemmas(spec, values)
        folder.write_json("data/dilemmas.json", dilemmas.to_dict())
    return dilemmas


def draw_dilemmas(spec: ValueExplorationSpec, values: tuple[str, ...]) -> DilemmaSet:
    """The dilemmas of a specification; SpecError for values or numbers that do not fit."""
    unknown = [value for value in spec.replacement if value not in values]
    if unknown:
        raise SpecError(f"replacement: {unknown[0]!r} is not among the run's values: {', '.join(values)}")
    try:
        found = DILEMMA_SOURCES[spec.data.source](
            values, spec.languages, seed=spec.seed, **spec.data.parameters
        )
    except TypeError as error:
        raise SpecError(f"data.parameters: {error}") from error
    found = found.first("activation", spec.data.activation).first("evaluation", spec.data.evaluation)
    fewest = min(
        len(found.of("activation", language, value)) for language in spec.languages for value in values
    )
    if spec.sizes and spec.sizes[-1] > fewest:
        raise SpecError(
            f"sizes: {spec.sizes[-1]} is more than the {fewest} activation dilemmas that some value has; "
            "take smaller sizes or bring more"
        )
    return found


class LanguageStudy:
    """Everything about one language."""

    def __init__(
        self,
        spec: ValueExplorationSpec,
        folder: RunFolder,
        identification: Identification,
        perturbation: Perturbation,
    ):
        self.spec, self.folder = spec, folder
        self.identification, self.perturbation = identification, perturbation
        self.language = perturbation.language
        self.truth = known_truth(spec.model.id)
        self._main: dict[Measure, Perturbed] = {}

    def block(self) -> dict[str, Any]:
        """The language's part of the summary."""
        spec, perturbation = self.spec, self.perturbation
        location = self.identification.location(spec.main, self.language)
        both = len(spec.support.measures) == 2
        return {
            "n": len(perturbation.dilemmas),
            "support": {measure: self._support(measure) for measure in spec.support.measures},
            "agreement": perturbation.agreement() if both else None,
            "selections": {name: self._selection(name) for name in spec.selections},
            "controls": self._controls(),
            "overlap": overlap_block(location),
            "generating": self._variant(GENERATING) if spec.generating else None,
            "sizes": self._sizes(),
            "replacement": self._replacement(),
            "examples": self._examples(),
        }

    def _measures(self, name: str) -> tuple[Measure, ...]:
        """The main selection is measured in every way, and in the way that it is compared in."""
        how = self.spec.support
        if name == self.spec.main:
            return tuple(dict.fromkeys((*how.measures, how.compared_by)))
        return (how.compared_by,)

    def _support(self, measure: Measure) -> dict[str, Any]:
        missing = missing_of([self.perturbation.base(measure)])
        return {**self.perturbation.rates(measure).to_dict(), "missing": missing_block(missing)}

    def _main_matrix(self, measure: Measure) -> Perturbed:
        if measure not in self._main:
            location = self.identification.location(self.spec.main, self.language)
            self._main[measure] = self.perturbation.of(f"selection-{self.spec.main}", location, measure)
        return self._main[measure]

    def _selection(self, name: str) -> dict[str, Any]:
        location = self.identification.location(name, self.language)
        matrices = {
            measure: self._main_matrix(measure)
            if name == self.spec.main
            else self.perturbation.of(f"selection-{name}", location, measure)
            for measure in self._measures(name)
        }
        return {
            **location_block(location, self.truth, self.language),
            "matrices": {measure: found.to_dict() for measure, found in matrices.items()},
        }

    def _controls(self) -> dict[str, Any]:
        """As many random neurons per value as the main selection has, as full matrices, and the main one against them."""
        kinds = ("random", "random-matched") if self.spec.controls.matched else ("random",)
        blocks = dict[str, Any]()
        for kind in kinds:
            drawn = [
                self.identification.control(kind, self.language, draw)
                for draw in range(self.spec.controls.draws)
            ]
            matrices = {
                measure: [
                    self.perturbation.of(f"{kind}-{draw}", location, measure)
                    for draw, location in enumerate(drawn)
                ]
                for measure in self._measures(self.spec.main)
            }
            blocks[kind] = {
                "neurons": [location.sizes() for location in drawn],
                "warnings": sorted({said for location in drawn for said in location.warnings}),
                "matrices": {
                    measure: [one.to_dict() for one in found] for measure, found in matrices.items()
                },
                "against": {
                    measure: self.perturbation.against(self._main_matrix(measure), found)
                    for measure, found in matrices.items()
                },
            }
        return blocks

    def _variant(self, data: str) -> dict[str, Any]:
        """The main selection on other texts, compared by the one measure."""
        measure = self.spec.support.compared_by
        location = self.identification.location(self.spec.main, self.language, data)
        return {
            **location_block(location, self.truth, self.language),
            "matrices": {measure: self.perturbation.of(data, location, measure).to_dict()},
        }

    def _sizes(self) -> list[dict[str, Any]]:
        if not self.spec.sizes:
            return []
        measure = self.spec.support.compared_by
        names = [f"size-{size}" for size in self.spec.sizes]
        located = [self.identification.location(self.spec.main, self.language, name) for name in names]
        found = [
            self.perturbation.of(name, location, measure)
            for name, location in zip(names, located, strict=True)
        ]
        scores = data_size_scores(
            self.spec.sizes, [one.matrix for one in found], per_column=self.spec.highlighted
        )
        return [
            {
                **score.to_dict(),
                **location_block(location, self.truth, self.language),
                "test": one.test.to_dict(),
                "mean_diagonal": one.matrix.mean_diagonal.to_dict(),
            }
            for score, location, one in zip(scores, located, found, strict=True)
        ]

    def _replacement(self) -> dict[str, Any] | None:
        if not self.spec.replacement:
            return None
        replaced = self.identification.replacement(self.language)
        counts = [dict(one) for one in replaced.counts]
        if not replaced.values:
            return {"values": [], "counts": counts, "texts": 0}
        texts = {
            value: sum(text.label.startswith(f"{value} ") for text in replaced.texts)
            for value in replaced.values
        }
        return {
            "values": list(replaced.values),
            "counts": counts,
            "texts": texts,
            **self._variant(REPLACED),
        }

    def _examples(self) -> list[dict[str, Any]]:
        if "percentages" not in self.spec.support.measures:
            return []
        return example_blocks(
            self.perturbation.dilemmas,
            self.perturbation.base("percentages"),
            self._main_matrix("percentages").arms,
            self.spec.examples,
        )
