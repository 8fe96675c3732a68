"""How well neurons hit their own value when they were found in fewer dilemmas (appendix D, eq. 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from valuescope.lab.ask import Ask
from valuescope.lab.dilemma_design import DilemmaDesign
from valuescope.lab.dilemma_laboratory import DilemmaLaboratory
from valuescope.lab.identification import FEEDING
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import FoundRoot, Measured, SpecError
from valuescope.metrics import data_size_scores
from valuescope.parts.perturbation import DiagonalFound, NeuronsFound, neurons_of
from valuescope.parts.perturbation_views import POINTS, by_language, language_name
from valuescope.parts.support import LanguageFound
from valuescope.report.blocks import Section
from valuescope.report.figure import Figure
from valuescope.report.numbers import grouped
from valuescope.report.plots import Curve, CurveFacet, Strip, curves


class SizeFound(NeuronsFound):
    """Eq. 4 at one size (see `metrics.DataSizeScore`), the neurons that it was found with, and their diagonal test."""

    size: int = 0
    found: int = 0
    values: int = 0
    drop: float | None = None
    score: Measured | None = None
    reason: str = ""
    test: DiagonalFound = DiagonalFound()
    mean_diagonal: Measured | None = None

    @property
    def drop_words(self) -> str:
        """The summed drop, or `?`."""
        return "?" if self.drop is None else POINTS.plain(self.drop)


class SizesFound(FoundRoot[tuple[SizeFound, ...]]):
    """The sizes in rising order."""


class Sizes(Part[tuple[int, ...]]):
    """The main selection on the first dilemmas of each value."""

    key, experiment, place, order, Found = "sizes", "valueexploration", "languages.*.sizes", 60, SizesFound

    def asks(self, design: DilemmaDesign) -> Iterator[Ask]:
        """Every size by the measure that compares.

        Raises:
            SpecError: a size that some value has not enough dilemmas for.
        """
        spec, counts = design.spec, design.dilemmas.counts()["activation"]
        fewest = min(count for values in counts.values() for count in values.values())
        if self.spec and self.spec[-1] > fewest:
            raise SpecError(
                f"sizes: {self.spec[-1]} is more than the {fewest} activation dilemmas that some value has; take smaller "
                "sizes or bring more"
            )
        for language in spec.languages:
            for size in self.spec:
                treatments = design.treatments(language, spec.main, data_of(design, language, size))
                yield from design.arms(language, treatments, (spec.support.compared_by,))

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, SizesFound]:
        """The scores in every language; none where no sizes are compared."""
        return {language: self._scores(lab, language) for language in lab.spec.languages}

    def _scores(self, lab: DilemmaLaboratory, language: str) -> SizesFound:
        if not self.spec:
            return SizesFound(())
        main, measure = lab.spec.main, lab.spec.support.compared_by
        data = [data_of(lab, language, size) for size in self.spec]
        perturbed = [
            lab.perturbation(language, measure, lab.treatments(language, main, name)) for name in data
        ]
        matrices = [size.matrix for size in perturbed]
        scores = data_size_scores(self.spec, matrices, per_column=lab.spec.highlighted)
        return SizesFound(
            tuple(
                SizeFound.model_validate(
                    {
                        **score.to_dict(),
                        **neurons_of(lab, lab.identification.location(main, language, name), language),
                        "test": size.test.to_dict(),
                        "mean_diagonal": size.matrix.mean_diagonal,
                    }
                )
                for score, name, size in zip(scores, data, perturbed, strict=True)
            )
        )

    @classmethod
    def view(cls, found: Mapping[str, SizesFound], result: Result) -> Section | None:
        """Fig. 9: eq. 4 over the number of activation dilemmas."""
        figure = _figure(found, result)
        return Section("sizes", "Data size", (figure,)) if figure else None


def data_of(design: DilemmaDesign, language: str, size: int) -> str:
    """The name of the first `size` dilemmas of each value; of all of them where there are no more."""
    counts = design.dilemmas.counts()["activation"][language]
    return FEEDING if size >= max(counts.values()) else f"size-{size}"


def _figure(found: Mapping[str, SizesFound], result: Result) -> Figure | None:
    shown = {
        language: scored
        for language, sizes in found.items()
        if (scored := [size for size in sizes.root if size.score is not None])
    }
    if not shown:
        return None
    evaluated = max((block.n for block in by_language(result, "", LanguageFound).values()), default=0)
    lines, notes = list[Curve](), list[tuple[str, int | str, list[str]]]()
    for place, (language, sizes) in enumerate(shown.items()):
        name = language_name(language)
        lines.append(Curve(name, place, [size.size for size in sizes], [size.score for size in sizes]))
        notes.append((f"{name}: found", place, [f"{size.found}/{size.values}" for size in sizes]))
        notes.append((f"{name}: drop", "control", [size.drop_words for size in sizes]))
    facet = CurveFacet("Score by size", (Strip("score (eq. 4)", lines, zero=True),), notes=notes)
    return curves(
        "data_size",
        "Performance over the size of the data",
        "Half the share of values whose own drop is among the largest of their neurons' column, half the summed drop on the "
        "diagonal against the largest such sum of the curve (eq. 4), with intervals over dilemmas; below, the values found "
        f"and the summed drop in points. n = {grouped(evaluated)} dilemmas to evaluate on. Scores of different curves are "
        "not comparable in height.",
        (facet,),
        x_axis="items per value that neurons were found from",
    )
