"""The laboratory of ValueExploration: finds neurons, has dilemmas answered, and estimates how far they are supported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.data.dilemma_set import DilemmaSet
from valuescope.data.records import story_key
from valuescope.files import sha256_of
from valuescope.judge import MissingCount
from valuescope.judge.reply_store import ModelReply
from valuescope.judge.support import Support
from valuescope.lab.answers import Answers, Row, prompt_of
from valuescope.lab.ask import Ask
from valuescope.lab.dilemma_design import ORDERS, DilemmaDesign
from valuescope.lab.exploration import ExplorationSpec, Measure, ReplacementSpec
from valuescope.lab.identification import Identification
from valuescope.lab.laboratory import Bench
from valuescope.lab.treatments import Treatments
from valuescope.lab.truth import known_truth
from valuescope.metrics import (
    Bootstrap,
    DiagonalTest,
    PerturbationMatrix,
    SupportRates,
    diagonal_against_control,
    diagonal_test,
    perturbation_matrix,
    support_rates,
)
from valuescope.metrics.diagonal_test import DiagonalContrast
from valuescope.organism import Truth
from valuescope.progress import Progress
from valuescope.values import ValueSystem


@dataclass(frozen=True)
class Supports:
    """What one model answered: a support per dilemma, and the two replies it was read from."""

    support: tuple[Support, ...]
    replies: tuple[tuple[str, str], ...]

    @property
    def percent(self) -> list[float | None]:
        """The support of each dilemma."""
        return [support.support for support in self.support]


@dataclass(frozen=True)
class Perturbed:
    """One perturbation matrix, its diagonal test, how many supports are missing in it, and the answers it was read from."""

    matrix: PerturbationMatrix
    test: DiagonalTest
    missing: MissingCount
    arms: Mapping[str, Supports]


class DilemmaLaboratory(DilemmaDesign):
    """The design with a model: neurons are found, asks answered, supports read and estimated."""

    def __init__(
        self,
        spec: ExplorationSpec,
        system: ValueSystem,
        dilemmas: DilemmaSet,
        identification: Identification,
        progress: Progress,
    ):
        super().__init__(spec, system, dilemmas)
        self.identification, self.model, self.folder = (
            identification,
            identification.model,
            identification.folder,
        )
        self.bench = Bench(self.folder, Answers(self.model, self.folder), progress)
        self.truth: Truth | None = known_truth(spec.model.id)
        self._made: dict[str, Treatments] = {}
        self._perturbed: dict[str, Perturbed] = {}
        self._supports: dict[tuple[str, Measure], Supports] = {}

    @property
    def how(self) -> Bootstrap:
        """How intervals are drawn."""
        return self.spec.how

    def made(self, what: Any, make: Callable[[Identification], Treatments]) -> Treatments:
        """Treatments per value; made once."""
        name = sha256_of(what)
        if name not in self._made:
            self._made[name] = make(self.identification)
        return self._made[name]

    def replaced(self, language: str, chosen: Mapping[str, ReplacementSpec]) -> tuple[str, ...]:
        """The values whose texts another set has in a language."""
        return self.identification.replace(language, chosen).values

    def count_answers(self, language: str, written: Ask) -> None:
        """Count what neurons did on the model's own answers, so that a location can be found in them."""
        prompts = [prompt_of(self.model.prompts, question) for question in written.items]
        self.identification.count_answers(language, written.items, prompts, self.bench.rows(written))

    def close(self) -> None:
        """Nothing is open."""

    # Estimates --------------------------------------------------------------------------------------------

    def supports(self, language: str, measure: Measure) -> Supports:
        """The unedited model's answers."""
        rows = self.bench.rows(self.base(language, measure))
        if (language, measure) not in self._supports:
            (self._supports[language, measure],) = self._read(measure, rows, 1)
        return self._supports[language, measure]

    def supports_of(self, ask: Ask, measure: Measure) -> Supports:
        """What a model answered that was asked each question once."""
        (supports,) = self._read(measure, self.bench.rows(ask), 1)
        return supports

    def rates(self, language: str, measure: Measure) -> SupportRates:
        """The unedited model's support rates."""
        base, dilemmas = self.supports(language, measure), self.evaluated(language)
        return support_rates(
            base.percent,
            [dilemma.value for dilemma in dilemmas],
            gaps=[support.gap for support in base.support],
            order=self.values,
            clusters=self.stories(language),
            how=self.how,
        )

    def perturbation(self, language: str, measure: Measure, treatments: Treatments) -> Perturbed:
        """The matrix of one set of neurons per value; made once."""
        ask, edited = self.perturbed(language, measure, treatments), edited_values(treatments)
        rows, name = self.bench.rows(ask), f"{ask.hash} {edited}"
        if name not in self._perturbed:
            base = self.supports(language, measure)
            arms = dict(zip(edited, self._read(measure, rows, len(edited)), strict=True))
            matrix = perturbation_matrix(
                base.percent,
                {value: arms[value].percent if value in arms else None for value in self.values},
                [dilemma.value for dilemma in self.evaluated(language)],
                order=self.values,
                clusters=self.stories(language),
                how=self.how,
            )
            test = diagonal_test(
                matrix,
                per_column=self.spec.highlighted,
                permutations=self.spec.permutations,
                seed=self.spec.seed,
            )
            self._perturbed[name] = Perturbed(matrix, test, missing_of(base, *arms.values()), arms)
        return self._perturbed[name]

    def contrast(self, perturbed: Perturbed, controls: Sequence[Perturbed]) -> DiagonalContrast:
        """The diagonal of one matrix against those of its controls."""
        matrices = [control.matrix for control in controls]
        return diagonal_against_control(perturbed.matrix, *matrices, per_column=self.spec.highlighted)

    def stories(self, language: str) -> list[str]:
        """The story of every evaluation dilemma: what intervals are drawn over."""
        return [story_key(dilemma) for dilemma in self.evaluated(language)]

    def _read(self, measure: Measure, rows: Sequence[Row], arms: int) -> list[Supports]:
        """The answers of each arm in turn."""
        rate, replies = self.rate(measure), [_reply(row) for row in rows]
        pairs = list(zip(replies[::ORDERS], replies[1::ORDERS], strict=True))
        size = len(pairs) // max(1, arms)
        return [
            Supports(
                tuple(rate.read(pair) for pair in pairs[start : start + size]),
                tuple((first.text, second.text) for first, second in pairs[start : start + size]),
            )
            for start in range(0, arms * size, size or 1)
        ]


def edited_values(treatments: Treatments) -> list[str]:
    """The values that something is done for; those without neurons are not asked about."""
    return [value for value, treatment in treatments.items() if treatment is not None]


def missing_of(*arms: Supports) -> MissingCount:
    """How many supports are missing over some arms."""
    return MissingCount.of(support.missing for arm in arms for support in arm.support)


def _reply(row: Row) -> ModelReply:
    if "top" in row:
        top = row["top"]
        return ModelReply("", top=None if top is None else tuple((text, number) for text, number in top))
    return ModelReply(row["text"], "stop" if row["finished"] else "max_tokens")
