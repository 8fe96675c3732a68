"""Perturbation: the neurons of each value off in turn, and the support of all values asked each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.data import Dilemma
from valuescope.data.dilemma_set import DilemmaSet
from valuescope.data.records import story_key
from valuescope.judge import MISSING_LIMIT, MissingCount
from valuescope.locate import Location
from valuescope.metrics import (
    Bootstrap,
    DiagonalTest,
    PerturbationMatrix,
    SupportRates,
    correlation,
    diagonal_against_control,
    diagonal_test,
    perturbation_matrix,
    support_rates,
)
from valuescope.run.folder import RunFolder
from valuescope.run.stages import timed
from valuescope.run.valueexploration.asking import Asked, SupportAsker
from valuescope.run.valueexploration.identification import edits_of
from valuescope.run.valueexploration.spec import Measure, ValueExplorationSpec


@dataclass(frozen=True)
class Perturbed:
    """One perturbation matrix, its diagonal test, how many supports are missing in it, and the answers it was read from."""

    matrix: PerturbationMatrix
    test: DiagonalTest
    missing: MissingCount
    arms: Mapping[str, Asked]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return {
            **self.matrix.to_dict(self.test.per_column),
            "test": self.test.to_dict(),
            "missing": missing_block(self.missing),
        }


class Perturbation:
    """Asks the base model and every perturbed one in one language."""

    def __init__(
        self,
        spec: ValueExplorationSpec,
        folder: RunFolder,
        dilemmas: DilemmaSet,
        asker: SupportAsker,
        language: str,
    ):
        self.spec, self.folder, self.asker, self.language = spec, folder, asker, language
        self.values = dilemmas.values
        self.dilemmas = dilemmas.of("evaluation", language)
        self._base: dict[Measure, Asked] = {}

    def base(self, measure: Measure) -> Asked:
        """The unedited model's answers."""
        if measure not in self._base:
            with timed(self.folder, f"support by {measure}"):
                arms = self.asker.ask(f"{self.language}/base", measure, self.dilemmas, {"base": None})
            self._base[measure] = arms["base"]
        return self._base[measure]

    def rates(self, measure: Measure) -> SupportRates:
        """The unedited model's support rates."""
        asked = self.base(measure)
        return support_rates(
            [one.support for one in asked.support],
            [dilemma.value for dilemma in self.dilemmas],
            gaps=[one.gap for one in asked.support],
            order=self.values,
            clusters=self.stories,
            how=self._bootstrap,
        )

    def of(self, name: str, location: Location, measure: Measure) -> Perturbed:
        """The matrix of one set of neurons per value; a value without neurons is not asked about."""
        edits = {value: edit for value, edit in edits_of(self.spec, location).items() if edit is not None}
        with timed(self.folder, f"support by {measure}"):
            arms = self.asker.ask(f"{self.language}/{name}", measure, self.dilemmas, edits)
        matrix = perturbation_matrix(
            [one.support for one in self.base(measure).support],
            {
                value: [one.support for one in arms[value].support] if value in arms else None
                for value in self.values
            },
            [dilemma.value for dilemma in self.dilemmas],
            order=self.values,
            clusters=self.stories,
            how=self._bootstrap,
        )
        test = diagonal_test(
            matrix,
            per_column=self.spec.highlighted,
            permutations=self.spec.permutations,
            seed=self.spec.seed,
        )
        return Perturbed(matrix, test, missing_of([self.base(measure), *arms.values()]), arms)

    def against(self, perturbed: Perturbed, controls: Sequence[Perturbed]) -> dict[str, Any]:
        """The diagonal of one matrix against those of its controls."""
        return diagonal_against_control(
            perturbed.matrix, *(one.matrix for one in controls), per_column=self.spec.highlighted
        ).to_dict()

    def agreement(self) -> dict[str, Any]:
        """How the base model's stated percentages and its log-probabilities go together, dilemma by dilemma."""
        first, second = (
            [one.support for one in self.base(measure).support]
            for measure in ("percentages", "log-probabilities")
        )
        found = correlation(first, second, clusters=self.stories, how=self._bootstrap)
        points = [[one, other] for one, other in zip(first, second, strict=True)]
        return {**found.to_dict(), "points": points, "values": [one.value for one in self.dilemmas]}

    @property
    def stories(self) -> list[str]:
        """The story of every dilemma: what intervals are drawn over."""
        return [story_key(dilemma) for dilemma in self.dilemmas]

    @property
    def _bootstrap(self) -> Bootstrap:
        how = self.spec.bootstrap
        return Bootstrap(how.resamples, how.confidence, self.spec.seed)


def missing_of(arms: Sequence[Asked]) -> MissingCount:
    """How many supports are missing over some arms."""
    return MissingCount.of(one.missing for arm in arms for one in arm.support)


def missing_block(count: MissingCount) -> dict[str, Any]:
    """A count of missing supports as JSON, with the warning where there are many."""
    return {
        "asked": count.total,
        "missing": count.missing,
        "by_kind": dict(count.by_kind),
        "warning": count.warning(MISSING_LIMIT) if count.total else None,
    }


def example_blocks(
    dilemmas: Sequence[Dilemma], base: Asked, arms: Mapping[str, Asked], count: int
) -> list[dict[str, Any]]:
    """The first dilemmas of each value with the base answers and those under its own neurons' edit."""
    shown: dict[str, int] = {}
    blocks = []
    for place, dilemma in enumerate(dilemmas):
        shown[dilemma.value] = shown.get(dilemma.value, 0) + 1
        if shown[dilemma.value] > count:
            continue
        edited = arms.get(dilemma.value)
        blocks.append(
            {
                "value": dilemma.value,
                "story": dilemma.story,
                "aligned": dilemma.aligned,
                "violating": dilemma.violating,
                "base": _answer(base, place),
                "edited": None if edited is None else _answer(edited, place),
            }
        )
    return blocks


def _answer(asked: Asked, place: int) -> dict[str, Any]:
    return {"replies": list(asked.replies[place]), "support": asked.support[place].support}
