"""The specification of ValueExploration: which dilemmas, how neurons are found, how support is asked."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal

from pydantic import Field, model_validator

from valuescope.data.dilemma_set import DILEMMA_SOURCES
from valuescope.edit import EDITS
from valuescope.lab.parameters import keywords, require_known, require_parameters
from valuescope.lab.spec import BatchSize, ControlsSpec, RunSpec, ValuesSpec, rows_of
from valuescope.lab.strict import Name, Strict
from valuescope.locate import LOCATORS, locator_parameters
from valuescope.ranges import PartialShare, hints_of, shown, wanted

Measure = Literal["percentages", "log-probabilities"]
Percentages = Literal["separate", "together"]


class DilemmasSpec(Strict):
    """Where the dilemmas come from, and how many of each split are used per value and language (None: all)."""

    source: str = "starter"
    parameters: dict[str, Any] = Field(default_factory=dict)
    activation: int | None = Field(default=None, ge=1)
    evaluation: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _known(self) -> DilemmasSpec:
        require_known("source", [self.source], DILEMMA_SOURCES)
        known = {
            name: default
            for name, default in keywords(DILEMMA_SOURCES[self.source]).items()
            if name != "seed"
        }
        of_source = hints_of(DILEMMA_SOURCES[self.source])
        require_parameters(f"source {self.source}", self.parameters, known, of_source)
        return self


class SelectionSpec(Strict):
    """A rule that turns activation rates into neurons: a locator that reads one text per value.

    `rate` is the kept share of all neurons per language (the paper: 1.5% for English, 2% for Chinese); it is handed to
    the locator as its parameter `rate`, if it has one.
    """

    locator: str = "vape"
    parameters: dict[str, Any] = Field(default_factory=dict)
    rate: dict[str, float] = Field(default_factory=lambda: {"en": 0.015, "zh": 0.02})

    @model_validator(mode="after")
    def _known(self) -> SelectionSpec:
        known = locator_parameters(self.locator)
        of_locator = hints_of(LOCATORS[self.locator])
        require_parameters(f"locator {self.locator}", self.parameters, known, of_locator)
        for language, rate in self.rate.items():
            if words := wanted(PartialShare, rate):
                raise ValueError(f"rate.{language} must be {words}, it is {shown(rate)}")
        if "rate" in self.parameters:
            raise ValueError("give the rate per language, as rate: {en: 0.015, zh: 0.02}, not in parameters")
        return self

    def parameters_in(self, language: str) -> dict[str, Any]:
        """The locator's parameters for one language."""
        takes_rate = "rate" in locator_parameters(self.locator)
        return {**self.parameters, **({"rate": self.rate[language]} if takes_rate else {})}


class EditSpec(Strict):
    """What is done to the neurons found."""

    name: str = "deactivate"
    parameters: dict[str, Any] = Field(default_factory=dict)
    on: Literal["both", "prompt", "response"] = "both"

    @model_validator(mode="after")
    def _known(self) -> EditSpec:
        require_known("edit", [self.name], EDITS)
        of_edit = {field.name: field.default for field in fields(EDITS[self.name]) if field.name != "neurons"}
        require_parameters(f"edit {self.name}", self.parameters, of_edit, hints_of(EDITS[self.name]))
        EDITS[self.name].check(self.parameters)
        return self


class SupportSpec(Strict):
    """How the support of the value-aligned action is asked; both orders of the options are always asked.

    `measures` are taken of the main selection and its controls, `compared_by` of all that is compared with it (other
    selections, the generating strategy, sizes, replaced data). `percentages`: of each option on its own, any sum being an answer
    (the paper), or of both together, which must make 100. `brief`: the short form of the question.
    """

    measures: tuple[Measure, ...] = Field(default=("percentages", "log-probabilities"), min_length=1)
    compared_by: Measure = "log-probabilities"
    percentages: Percentages = "separate"
    brief: bool = False
    max_new_tokens: int = Field(default=160, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    minimum_mass: float = Field(default=0.5, ge=0, le=1)
    batch_size: BatchSize = 64

    @property
    def rows(self) -> int:
        """The batch size."""
        return rows_of(self.batch_size)


class ReplacementSpec(Strict):
    """Another set's texts in place of one value's activation dilemmas.

    `paths`: files, folders or hub ids, whose records in the language at hand are drawn from together, at most `texts`
    of them (None: all).
    """

    paths: tuple[str, ...] = Field(min_length=1)
    reader: str | None = None
    texts: int | None = Field(default=None, ge=1)


class ExplorationSpec(RunSpec):
    """ValueExploration (the paper's sections 3 and 4) on one model; `valuescope.run.Spec` adds a key for every part that a
    run may have besides.

    `main` names the selection that the controls, the generating strategy, `sizes` and `replacement` are about.
    `sizes`: activation dilemmas per value, compared by eq. 4; all texts are read in stretches between them.
    `highlighted`: so many of the largest drops of a column are marked (the paper: 4). `permutations` of the diagonal test.
    """

    asking_key = "support"
    experiment: Literal["valueexploration"] = "valueexploration"
    values: ValuesSpec = ValuesSpec(system="chinese-social")
    languages: tuple[Literal["en", "zh"], ...] = Field(default=("en", "zh"), min_length=1)
    data: DilemmasSpec = DilemmasSpec()
    selections: dict[Name, SelectionSpec] = Field(
        default_factory=lambda: {"vape": SelectionSpec()}, min_length=1
    )
    main: str = "vape"
    edit: EditSpec = EditSpec()
    support: SupportSpec = SupportSpec()
    controls: ControlsSpec = ControlsSpec(draws=1)
    sizes: tuple[int, ...] = ()
    highlighted: int = Field(default=4, ge=1)
    permutations: int = Field(default=10_000, ge=100)

    @model_validator(mode="after")
    def _fits(self) -> ExplorationSpec:
        require_known("main", [self.main], self.selections)
        for name, selection in self.selections.items():
            require_known(f"selections.{name}.rate: a rate for language", self.languages, selection.rate)
        if len(set(self.languages)) != len(self.languages):
            raise ValueError(f"languages are {self.languages}; give each once")
        if list(self.sizes) != sorted(set(self.sizes)) or any(size < 1 for size in self.sizes):
            raise ValueError(f"sizes are {self.sizes}; give rising numbers of dilemmas per value, from 1 on")
        return self
