"""What ValueExploration's measures can see on this model: its support when told to hold each value, and to reject it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from valuescope.lab.ask import Ask
from valuescope.lab.dilemma_design import ORDERS, DilemmaDesign
from valuescope.lab.dilemma_laboratory import DilemmaLaboratory, Supports
from valuescope.lab.exploration import Measure
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Strict
from valuescope.metrics import Estimate
from valuescope.parts.instrument import STANCES, instructions
from valuescope.parts.instrument_shown import instrument_blocks
from valuescope.parts.perturbation_views import language_name
from valuescope.parts.sight import INSTRUMENT, InstrumentFound, SightFound
from valuescope.report.blocks import Heading, Section


class ExplorationInstrumentSpec(Strict):
    """What the measures of support can see. `dilemmas`: per value and language, the first ones (none: all)."""

    dilemmas: int | None = Field(default=10, ge=1)


class ExplorationInstrument(Part[ExplorationInstrumentSpec]):
    """The same dilemmas under a positive and a negative instruction for each value, and under none."""

    key, Spec, experiment = INSTRUMENT, ExplorationInstrumentSpec, "valueexploration"
    place, order, Found = "languages.*.instrument", 8, InstrumentFound

    def asks(self, design: DilemmaDesign) -> Iterator[Ask]:
        """Three asks for each language and measure."""
        for language in design.spec.languages:
            for measure in design.spec.support.measures:
                yield from self._asks(design, language, measure)

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, InstrumentFound]:
        """How far apart the two instructions lie, by language and measure."""
        return {
            language: InstrumentFound(
                {measure: self._sight(lab, language, measure) for measure in lab.spec.support.measures}
            )
            for language in lab.spec.languages
        }

    @classmethod
    def view(cls, found: Mapping[str, InstrumentFound], result: Result) -> Section:
        """The verdict on each measure, language by language."""
        blocks = [
            block
            for language, sights in found.items()
            for block in (Heading(language_name(language)), *instrument_blocks(sights.root, result, language))
        ]
        return Section("instrument", "What the measures can see", blocks, link="Instrument")

    def _asks(self, design: DilemmaDesign, language: str, measure: Measure) -> tuple[Ask, Ask, Ask]:
        base, told_for, told_against = (
            design.each(language, measure, self.spec.dilemmas, per_value)
            for per_value in (
                None,
                *(instructions(design, design.dilemmas, language, stance) for stance in STANCES),
            )
        )
        return base, told_for, told_against

    def _sight(self, lab: DilemmaLaboratory, language: str, measure: Measure) -> SightFound:
        asks = self._asks(lab, language, measure)
        values = [question.value for question in asks[0].items[::ORDERS]]
        arms = [lab.supports_of(ask, measure) for ask in asks]
        stories = [question.key.rpartition("/")[0] for question in asks[0].items[::ORDERS]]

        def difference(before: Supports, after: Supports, value: str = "") -> Estimate:
            rows = [
                row
                for row, about in zip(
                    zip(before.percent, after.percent, stories, strict=True), values, strict=True
                )
                if value in ("", about)
            ]
            return lab.how.difference(
                [row[0] for row in rows], [row[1] for row in rows], clusters=[row[2] for row in rows]
            )

        base, told_for, told_against = arms
        levels = [lab.how.mean(arm.percent, clusters=stories) for arm in arms]
        return SightFound(
            behaviour=measure == "percentages",
            unit="points",
            items=len(values),
            missing=sum(percent is None for arm in arms for percent in arm.percent),
            base=levels[0],
            told_for=levels[1],
            told_against=levels[2],
            for_minus_against=difference(told_against, told_for),
            for_minus_base=difference(base, told_for),
            against_minus_base=difference(base, told_against),
            position_gap=lab.how.mean([support.gap for support in base.support], clusters=stories),
            by_value={value: difference(told_against, told_for, value) for value in lab.values},
        )
