"""How many neurons values share, within each language and across languages, beside what chance alone would give."""

from __future__ import annotations

from collections.abc import Mapping

from valuescope.lab.dilemma_laboratory import DilemmaLaboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import FoundRoot
from valuescope.metrics import neuron_overlap
from valuescope.parts.overlap_maps import OverlapFound, OverlapMap, overlap_figures
from valuescope.parts.perturbation import members
from valuescope.parts.perturbation_views import language_name
from valuescope.report.blocks import Section, Words


class AcrossFound(OverlapFound):
    """The sets of one language in rows, those of another in columns."""

    rows_language: str = ""
    columns_language: str = ""


class AcrossLanguagesFound(FoundRoot[tuple[AcrossFound, ...]]):
    """The first language against each other one."""


class Overlap(Part[None]):
    """The main selection's neurons in each language.

    Chance is a draw from the kept neurons: VAPE gives each of them to every value above its bar, so that a draw from all
    neurons would be beaten by construction.
    """

    experiment, place, order, Found = "valueexploration", "languages.*.overlap", 40, OverlapFound

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, OverlapFound]:
        """The overlaps within each language."""
        overlaps = dict[str, OverlapFound]()
        for language in lab.spec.languages:
            sets = members(lab.identification.location(lab.spec.main, language))
            kept = max(1, len(set().union(*sets.values())))
            overlaps[language] = OverlapFound.model_validate(neuron_overlap(sets, neurons=kept).to_dict())
        return overlaps

    @classmethod
    def view(cls, found: Mapping[str, OverlapFound], result: Result) -> Section:
        """Counts beside those by chance, and Jaccard indices."""
        maps = [OverlapMap(language_name(language), overlap) for language, overlap in found.items()]
        across: AcrossLanguagesFound | None = result.of(AcrossLanguages)
        for overlap in across.root if across else ():
            names = [language_name(name) for name in (overlap.rows_language, overlap.columns_language)]
            maps.append(OverlapMap(" and ".join(names), overlap, *names))
        words = (
            "How many neurons two values share, beside how many two random sets of their sizes would. Within a language chance "
            "draws from the neurons that were kept for any value: against all neurons of the model sharing would be built in, "
            "since VAPE gives a neuron to every value above its bar."
        )
        figures = overlap_figures(
            maps,
            result.head.value_name,
            "overlap",
            "Overlap of the values' neurons",
            "Chance draws from the kept neurons within one language, and from all across two. On the diagonal within one "
            "language: the size of the set.",
        )
        return Section(
            "overlap",
            "Overlap",
            (words, *(figures or (Words("No neurons were found.", style="absent"),))),
        )


class AcrossLanguages(Part[None]):
    """The main selection's neurons of the first language against each other's; `Overlap` shows them."""

    experiment, place, order, Found = "valueexploration", "across_languages", 41, AcrossLanguagesFound

    def measure(self, lab: DilemmaLaboratory) -> AcrossLanguagesFound:
        """The overlaps across languages; chance draws from all neurons."""
        first, *others = lab.spec.languages
        rows = lab.identification.location(lab.spec.main, first)
        overlaps = []
        for language in others:
            columns = lab.identification.location(lab.spec.main, language)
            neurons = rows.model.layers * rows.model.width
            overlap = neuron_overlap(members(rows), members(columns), neurons=neurons).to_dict()
            overlaps.append(
                AcrossFound.model_validate({**overlap, "rows_language": first, "columns_language": language})
            )
        return AcrossLanguagesFound(tuple(overlaps))
