"""The generating strategy: the model answers the activation dilemmas, and neurons are found in its own tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from valuescope.lab.ask import Ask, Planned
from valuescope.lab.dilemma_design import DilemmaDesign
from valuescope.lab.dilemma_laboratory import DilemmaLaboratory
from valuescope.lab.identification import GENERATING
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Strict
from valuescope.parts.perturbation import SelectionFound, matrices_of, neurons_of
from valuescope.parts.perturbation_views import variant_figure
from valuescope.report.blocks import Section


class GeneratingSpec(Strict):
    """The generating strategy: how long the answers are, how they are drawn, and to how many dilemmas of each value."""

    max_new_tokens: int = Field(default=64, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    dilemmas: int | None = Field(default=None, ge=1)


class Generating(Part[GeneratingSpec]):
    """The main selection on the model's own answers, compared by one measure."""

    key, Spec, default = "generating", GeneratingSpec, GeneratingSpec()
    experiment, place, order, Found = "valueexploration", "languages.*.generating", 50, SelectionFound

    def asks(self, design: DilemmaDesign) -> Iterator[Ask]:
        """The answers that neurons are found in, and the base of the matrices."""
        for language in design.spec.languages:
            yield self._written(design, language)
            yield design.base(language, design.spec.support.compared_by)

    def later(self, design: DilemmaDesign) -> Iterator[Ask]:
        """The matrices, once neurons are found."""
        unknown = {value: Planned(GENERATING) for value in design.values}
        for language in design.spec.languages:
            yield design.perturbed(language, design.spec.support.compared_by, unknown)

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, SelectionFound]:
        """Neurons and matrix in every language."""
        return {language: self._found(lab, language) for language in lab.spec.languages}

    def _written(self, design: DilemmaDesign, language: str) -> Ask:
        how = self.spec
        return design.written(language, how.dilemmas, how.max_new_tokens, how.temperature)

    def _found(self, lab: DilemmaLaboratory, language: str) -> SelectionFound:
        lab.count_answers(language, self._written(lab, language))
        main, measure = lab.spec.main, lab.spec.support.compared_by
        treatments = lab.treatments(language, main, GENERATING)
        lab.bench.ask(lab.perturbed(language, measure, treatments))
        location = lab.identification.location(main, language, GENERATING)
        return SelectionFound(
            **neurons_of(lab, location, language),
            matrices=matrices_of(lab, language, treatments, (measure,)),
        )

    @classmethod
    def view(cls, found: Mapping[str, SelectionFound], result: Result) -> Section:
        """Fig. 8: each value's change under its own neurons, found by either strategy."""
        title = "Feeding against generating: change of each value's support with its own neurons off"
        figure = variant_figure("generating", "strategies", title, "", ("feeding", "generating"), result)
        return Section("generating", "Feeding against generating", (figure,), link="Generating")
