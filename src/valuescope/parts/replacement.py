"""Dataset replacement: another set's texts in place of some values' activation dilemmas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator

from valuescope.lab.ask import Ask
from valuescope.lab.dilemma_design import DilemmaDesign
from valuescope.lab.dilemma_laboratory import DilemmaLaboratory
from valuescope.lab.exploration import ReplacementSpec
from valuescope.lab.identification import REPLACED
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found, SpecError
from valuescope.parts.perturbation import SelectionFound, matrices_of, neurons_of
from valuescope.parts.perturbation_views import language_name, variant_figure
from valuescope.report.blocks import Section
from valuescope.report.table import Column, Table


class SetFound(Found):
    """What one set held in one language (see `SetCount`)."""

    value: str = ""
    set: str = ""
    records: int | None = None
    malformed: int | None = None
    in_language: int | None = None
    too_long: int | None = None


class ReplacementFound(SelectionFound):
    """The values whose texts were replaced, by how many texts, what the sets held, and the neurons found then."""

    values: tuple[str, ...] = ()
    counts: tuple[SetFound, ...] = ()
    texts: Annotated[
        dict[str, int], BeforeValidator(lambda texts: texts or {})
    ] = {}  # format 1 had 0 for none


class DatasetReplacement(Part[dict[str, ReplacementSpec]]):
    """The main selection after the replacement, in every language that some set has texts in."""

    key, Spec, default = "replacement", dict[str, ReplacementSpec], dict[str, ReplacementSpec]()
    experiment, place, order, Found = "valueexploration", "languages.*.replacement", 70, ReplacementFound

    def asks(self, design: DilemmaDesign) -> Iterator[Ask]:
        """The matrices by the measure that compares.

        Raises:
            SpecError: a value that the run has not.
            DataError: a set that holds nothing about its value.
        """
        spec = design.spec
        for value in self.spec:
            if value not in design.values:
                raise SpecError(
                    f"replacement: {value!r} is not among the run's values: {', '.join(design.values)}"
                )
        for language in spec.languages:
            if design.replaced(language, self.spec):
                treatments = design.treatments(language, spec.main, REPLACED)
                yield from design.arms(language, treatments, (spec.support.compared_by,))

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, ReplacementFound]:
        """What was read, and what neurons found in it do."""
        languages = lab.spec.languages if self.spec else ()
        return {language: self._found(lab, language) for language in languages}

    def _found(self, lab: DilemmaLaboratory, language: str) -> ReplacementFound:
        replacement = lab.identification.replace(language, self.spec)
        counts = tuple(SetFound(**asdict(count)) for count in replacement.counts)
        if not replacement.values:
            return ReplacementFound(counts=counts)
        main, measure = lab.spec.main, lab.spec.support.compared_by
        location = lab.identification.location(main, language, REPLACED)
        treatments = lab.treatments(language, main, REPLACED)
        return ReplacementFound(
            values=replacement.values,
            counts=counts,
            texts={value: replacement.texts_of(value) for value in replacement.values},
            **neurons_of(lab, location, language),
            matrices=matrices_of(lab, language, treatments, (measure,)),
        )

    @classmethod
    def view(cls, found: Mapping[str, ReplacementFound], result: Result) -> Section:
        """Fig. 7, and the sets that were read."""
        figure = variant_figure(
            "replacement",
            "replacement",
            "Replaced data: change of each value's support with its own neurons off",
            "Filled: neurons found from the dilemmas. Dashed: neurons found from another set of texts in their place. ",
            ("own dilemmas", "replaced"),
            result,
        )
        blocks = (figure, _table(found, result))
        return Section("replacement", "Dataset replacement", blocks, link="Replacement")


class _Row(NamedTuple):
    language: str
    held: SetFound


def _table(found: Mapping[str, ReplacementFound], result: Result) -> Table[_Row]:
    rows = [_Row(language, count) for language, block in found.items() for count in block.counts]

    def title(row: _Row) -> str:
        return f"{language_name(row.language)}: {result.head.value_name(row.held.value)}"

    columns: tuple[Column[_Row], ...] = (
        Column("", "Language and value", title),
        Column("", "Set", lambda row: row.held.set),
        Column("", "Records", lambda row: row.held.records),
        Column("", "Malformed rows", lambda row: row.held.malformed),
        Column("", "In this language", lambda row: row.held.in_language),
        Column("", "Too long", lambda row: row.held.too_long),
    )
    return Table("", "Sets that were read in a value's place", columns, rows)
