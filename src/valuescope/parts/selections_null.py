"""A null beside every selection of ValueExploration: the values exchanged among the texts, and two halves of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from valuescope.lab.dilemma_laboratory import DilemmaLaboratory
from valuescope.lab.identification import FEEDING
from valuescope.lab.null import NullSpec, Reading, values_exchange
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import FoundRoot
from valuescope.locate import Evidence, Location, locate
from valuescope.parts.null_found import NullFound, null_found
from valuescope.parts.null_shown import null_section
from valuescope.parts.perturbation_views import language_name, selection_name
from valuescope.report.blocks import Section


class SelectionNullsFound(FoundRoot[dict[str, NullFound]]):
    """By selection."""


class SelectionsNull(Part[NullSpec]):
    """The null of every selection in every language; nothing is asked."""

    key, Spec = "nulls", NullSpec
    experiment, place, order, Found = "valueexploration", "languages.*.null", 32, SelectionNullsFound

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, SelectionNullsFound]:
        """Locate again under exchanged values and on halves, from the counters of the one pass."""
        return {language: SelectionNullsFound(self._nulls(lab, language)) for language in lab.spec.languages}

    def _nulls(self, lab: DilemmaLaboratory, language: str) -> dict[str, NullFound]:
        """The null of every selection in one language; each is kept on disk as soon as it is known."""
        found, readings = dict[str, NullFound](), None
        for name in lab.spec.selections:
            place = f"locate/{language}/{name}.null.json"
            if lab.folder.read_json(place) is None:
                readings = readings or lab.identification.null_readings(language)
                null = null_found(
                    self.spec,
                    readings,
                    values_exchange(lab.values, FEEDING),
                    lab.identification.location(name, language),
                    partial(_located, lab, language, name),
                )
                lab.folder.write_json(place, null.model_dump(mode="json"))
            with lab.folder.decoding(place):
                found[name] = NullFound.model_validate(lab.folder.read_json(place))
        return found

    @classmethod
    def view(cls, found: Mapping[str, SelectionNullsFound], result: Result) -> Section | None:
        """Selections beside their nulls, and halves beside chance."""
        nulls = {
            f"{language_name(language)}, {selection_name(name)}": null
            for language, selections in found.items()
            for name, null in selections.root.items()
        }
        return null_section(nulls, result.head)


def _located(lab: DilemmaLaboratory, language: str, name: str, reading: Reading) -> Location:
    """What a selection takes from one reading."""
    selection = lab.spec.selections[name]
    evidence = Evidence(reading.activations, lab.values, {value: value for value in lab.values})
    parameters = selection.parameters_in(language)
    return locate(selection.locator, lab.model, evidence, seed=lab.spec.seed, **parameters)
