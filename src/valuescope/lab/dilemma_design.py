"""The design of ValueExploration: which dilemmas are asked under which edits. It needs no model, so a dry run counts it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from valuescope.data import Dilemma
from valuescope.data.dilemma_set import DILEMMA_SOURCES, DilemmaSet
from valuescope.files import sha256_of
from valuescope.generate import Sampling
from valuescope.judge.support import SupportRate
from valuescope.lab.ask import LETTER, Ask, Item, Planned, SupportQuestion, Treatment, first_of_each
from valuescope.lab.exploration import ExplorationSpec, Measure, ReplacementSpec
from valuescope.lab.folder import RunFolder
from valuescope.lab.identification import FEEDING, Identification
from valuescope.lab.material import timed
from valuescope.lab.strict import SpecError
from valuescope.lab.treatments import Treatments
from valuescope.values import ValueSystem

ORDERS = 2
"""Every dilemma is asked with its aligned action first, and second."""


def read_dilemmas(spec: ExplorationSpec, folder: RunFolder, values: tuple[str, ...]) -> DilemmaSet:
    """Draw or read the dilemmas, once per run."""
    known = folder.read("data/dilemmas.json", DilemmaSet.from_dict)
    if known is not None:
        return known
    with timed(folder, "data"):
        dilemmas = draw_dilemmas(spec, values)
        folder.write_json("data/dilemmas.json", dilemmas.to_dict())
    return dilemmas


def draw_dilemmas(spec: ExplorationSpec, values: tuple[str, ...]) -> DilemmaSet:
    """The dilemmas of a specification; SpecError for a parameter of the wrong type."""
    draw = DILEMMA_SOURCES[spec.data.source]
    try:
        dilemmas = draw(values, spec.languages, seed=spec.seed, **spec.data.parameters)
    except TypeError as error:
        raise SpecError(f"data.parameters: {error}") from error
    return dilemmas.first("activation", spec.data.activation).first("evaluation", spec.data.evaluation)


class DilemmaDesign:
    """Makes the asks of dilemmas."""

    def __init__(self, spec: ExplorationSpec, system: ValueSystem, dilemmas: DilemmaSet):
        self.spec, self.system, self.dilemmas = spec, system, dilemmas
        self._questions: dict[tuple[str, Measure], tuple[SupportQuestion, ...]] = {}

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the run."""
        return self.dilemmas.values

    def measures(self, selection: str) -> tuple[Measure, ...]:
        """The main selection is measured in every way, and in the way that it is compared in; others in that alone."""
        how = self.spec.support
        if selection == self.spec.main:
            return tuple(dict.fromkeys((*how.measures, how.compared_by)))
        return (how.compared_by,)

    # Questions --------------------------------------------------------------------------------------------

    def evaluated(self, language: str) -> tuple[Dilemma, ...]:
        """The evaluation dilemmas of one language."""
        return self.dilemmas.of("evaluation", language)

    def rate(self, measure: Measure) -> SupportRate:
        """How one measure is asked and read."""
        how = self.spec.support
        together = how.percentages == "together"
        return SupportRate(
            measure,
            how.temperature,
            how.minimum_mass,
            how.max_new_tokens,
            brief=how.brief,
            together=together,
        )

    def questions(self, language: str, measure: Measure) -> tuple[SupportQuestion, ...]:
        """Every evaluation dilemma with its options in both orders."""
        if (language, measure) not in self._questions:
            rate, letters = self.rate(measure), measure == "log-probabilities"
            self._questions[language, measure] = tuple(
                SupportQuestion(f"{dilemma.key}/{order}", dilemma.value, call, letters)
                for dilemma in self.evaluated(language)
                for order, call in enumerate(rate.calls(dilemma))
            )
        return self._questions[language, measure]

    # Treatments -------------------------------------------------------------------------------------------

    def made(self, what: Any, make: Callable[[Identification], Treatments]) -> Treatments:
        """Treatments per value that `make` gives when there is a model; `what` (JSON-able) decides what they are."""
        return {value: Planned(sha256_of([what, value])) for value in self.values}

    def treatments(self, language: str, selection: str, data: str = FEEDING) -> Treatments:
        """Each value's neurons off, as a selection finds them in one kind of texts (see `Identification`)."""
        return self.made(
            [language, selection, data],
            lambda identification: identification.edits(identification.location(selection, language, data)),
        )

    def control(self, language: str, kind: str, draw: int) -> Treatments:
        """As many random neurons off as the main selection has."""
        return self.made(
            [language, kind, draw],
            lambda identification: identification.edits(identification.control(kind, language, draw)),
        )

    def replaced(self, language: str, chosen: Mapping[str, ReplacementSpec]) -> tuple[str, ...]:
        """The values whose texts another set has in a language: all, at most, as long as no set was read."""
        return tuple(chosen)

    # Asks -------------------------------------------------------------------------------------------------

    def base(self, language: str, measure: Measure) -> Ask:
        """All dilemmas put to the unedited model."""
        return self._ask(measure, self.questions(language, measure), (None,))

    def perturbed(self, language: str, measure: Measure, treatments: Treatments) -> Ask:
        """All dilemmas under each value's treatment; a value without neurons is not asked about."""
        edits = [treatment for treatment in treatments.values() if treatment is not None]
        return self._ask(measure, self.questions(language, measure), edits)

    def arms(self, language: str, treatments: Treatments, measures: Sequence[Measure]) -> Iterator[Ask]:
        """What the matrices of some treatments are read off."""
        for measure in measures:
            yield self.base(language, measure)
            yield self.perturbed(language, measure, treatments)

    def each(
        self, language: str, measure: Measure, dilemmas: int | None, per_value: Treatments | None = None
    ) -> Ask:
        """The first dilemmas of each value in both orders, each under the treatment of its own value (none: unedited)."""
        orders = None if dilemmas is None else ORDERS * dilemmas
        questions = first_of_each(self.questions(language, measure), orders)
        treatments = [per_value[question.value] if per_value else None for question in questions]
        return self._asked(measure, questions, treatments)

    def _ask(self, measure: Measure, questions: Sequence[SupportQuestion], edits: Sequence[Treatment]) -> Ask:
        rows = [(question, edit) for edit in edits for question in questions]
        return self._asked(measure, [question for question, _ in rows], [edit for _, edit in rows])

    def _asked(self, measure: Measure, questions: Sequence[Item], treatments: Sequence[Treatment]) -> Ask:
        how = self.spec.support
        sampling = Sampling(how.max_new_tokens, how.temperature, seed=self.spec.seed)
        return Ask(
            tuple(questions),
            tuple(treatments),
            LETTER if measure == "log-probabilities" else sampling,
            how.rows,
            self.spec.edit.on,
        )

    def written(self, language: str, dilemmas: int | None, max_new_tokens: int, temperature: float) -> Ask:
        """The activation dilemmas, the first of each value, put to the unedited model for its own answers.

        Story and choices alone, as the support question puts them, the aligned one A or B by its key.
        """
        rate = self.rate("percentages")
        questions = []
        for dilemma in self.dilemmas.first("activation", dilemmas).of("activation", language):
            second = random.Random(f"generating-{self.spec.seed}-{dilemma.key}").random() >= 0.5
            questions.append(SupportQuestion(dilemma.key, dilemma.value, rate.calls(dilemma)[second], False))
        sampling = Sampling(max_new_tokens, temperature, seed=self.spec.seed)
        return Ask(tuple(questions), (None,) * len(questions), sampling, self.spec.support.rows)
