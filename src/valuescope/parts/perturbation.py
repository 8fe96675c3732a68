"""What ValueExploration found of sets of neurons, and of every value's support without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from valuescope.judge import MISSING_LIMIT, MissingCount
from valuescope.lab.dilemma_laboratory import DilemmaLaboratory, Perturbed
from valuescope.lab.exploration import Measure
from valuescope.lab.result import Head
from valuescope.lab.strict import Found, FoundRoot, Measured
from valuescope.lab.treatments import Treatments
from valuescope.lab.truth import chance_precision, precision_of_ranking, selection_against
from valuescope.locate import Location
from valuescope.metrics import Estimate, neurons_by_layer


class EditFound(Found):
    """What was done to the neurons."""

    name: str = ""
    parameters: dict[str, Any] = {}
    on: str = ""


class ExplorationHead(Head):
    """What was run on what: the main selection, how support was asked, and how many drops of a column are marked."""

    experiment: str = "valueexploration"
    main: str = ""
    measures: tuple[str, ...] = ()
    compared_by: str = ""
    highlighted: int = 4
    edit: EditFound = EditFound()


class MissingSupports(Found):
    """How many supports are missing, by kind; `warning` where they are many."""

    asked: int = 0
    missing: int = 0
    by_kind: dict[str, int] = {}
    warning: str | None = None

    @classmethod
    def of(cls, count: MissingCount) -> MissingSupports:
        """A count as it stands in the summary."""
        return cls(
            asked=count.total,
            missing=count.missing,
            by_kind=dict(count.by_kind),
            warning=count.warning(MISSING_LIMIT) if count.total else None,
        )


class DiagonalFound(Found):
    """The permutation test of a matrix's diagonal (see `metrics.DiagonalTest`)."""

    statistic: Measured | None = None
    p: float | None = None
    own_among_largest: int = 0
    own_p: float | None = None
    per_column: int = 0
    tested: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    null_95: float | None = None
    permutations: int = 0
    exact: bool = False
    reason: str = ""

    @property
    def hits(self) -> str:
        """In how many of the tested columns the own value is among the largest drops."""
        return f"{self.own_among_largest} of {len(self.tested)}"


class PerturbationFound(Found):
    """Changes of support in points: `change[i][j]` of value i with value j's neurons off (see
    `metrics.PerturbationMatrix`)."""

    rows: str = ""
    columns: str = ""
    unit: str = ""
    values: tuple[str, ...] = ()
    change: tuple[tuple[Measured, ...], ...] = ()
    without_neurons: tuple[str, ...] = ()
    largest_drops: tuple[tuple[int, ...] | None, ...] = ()
    diagonal_ranks: tuple[int | None, ...] = ()
    mean_diagonal: Measured | None = None
    mean_off_diagonal: Measured | None = None
    confidence: float | None = None
    seed: int | None = None
    test: DiagonalFound = DiagonalFound()
    missing: MissingSupports = MissingSupports()

    @classmethod
    def of(cls, perturbed: Perturbed) -> PerturbationFound:
        """A matrix as it stands in the summary."""
        matrix, test = perturbed.matrix, perturbed.test
        content = {**matrix.to_dict(test.per_column), "test": test.to_dict()}
        return cls.model_validate({**content, "missing": MissingSupports.of(perturbed.missing)})

    @property
    def own(self) -> list[Estimate]:
        """Each value's change under its own neurons."""
        return [row[place] for place, row in enumerate(self.change)]

    @property
    def starred(self) -> list[bool]:
        """Whether each value is among the largest drops of its own column."""
        return [rows is not None and place in rows for place, rows in enumerate(self.largest_drops)]


class NeuronTruth(Found):
    """Neurons against the planted ones: by value, and how many of each role were found."""

    average_precision: dict[str, float | None] = {}
    chance: float | None = None
    recall: dict[str, float | None] = {}
    precision: dict[str, float | None] = {}
    roles: dict[str, dict[str, int]] = {}


class NeuronsFound(Found):
    """The neurons that one rule found in some texts."""

    locator: str = ""
    parameters: dict[str, Any] = {}
    neurons: dict[str, int] = {}
    neurons_per_layer: dict[str, tuple[int, ...]] = {}
    warnings: tuple[str, ...] = ()
    diagnostics: dict[str, Any] = {}
    truth: NeuronTruth | None = None


class SelectionFound(NeuronsFound):
    """Neurons with the matrices of their perturbation, by measure."""

    matrices: dict[str, PerturbationFound] = {}


class SelectionsFound(FoundRoot[dict[str, SelectionFound]]):
    """The selections under the names that the specification gives."""


class ContrastFound(Found):
    """The main selection's diagonal against that of a control (see `metrics.DiagonalContrast`)."""

    difference: Measured | None = None
    method: float | None = None
    control: float | None = None
    own_among_largest: int = 0
    control_own_among_largest: float = 0.0
    controls: int = 0
    tested: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    reason: str = ""


class ControlFound(Found):
    """Random neurons of one kind: of each draw how many, and by each measure the matrices; `against`: the main
    selection's diagonal beside theirs."""

    neurons: tuple[dict[str, int], ...] = ()
    warnings: tuple[str, ...] = ()
    matrices: dict[str, tuple[PerturbationFound, ...]] = {}
    against: dict[str, ContrastFound] = {}


class ControlsFound(FoundRoot[dict[str, ControlFound]]):
    """The controls by their kind."""


def neurons_of(lab: DilemmaLaboratory, location: Location, language: str) -> dict[str, Any]:
    """The fields of `NeuronsFound`, against the truth where that is known."""
    truth = None
    if lab.truth is not None:
        sets = {value: location.neuron_set(value) for value in location.values}
        truth = NeuronTruth(
            average_precision=precision_of_ranking(lab.truth, location, language),
            chance=chance_precision(lab.truth, location.values, language),
            **selection_against(lab.truth, sets, language),
        )
    return {
        "locator": location.method,
        "parameters": dict(location.parameters),
        "neurons": location.sizes(),
        "neurons_per_layer": neurons_by_layer(members(location), layers=location.model.layers),
        "warnings": location.warnings,
        "diagnostics": dict(location.diagnostics),
        "truth": truth,
    }


def matrices_of(
    lab: DilemmaLaboratory, language: str, treatments: Treatments, measures: Sequence[Measure]
) -> dict[str, PerturbationFound]:
    """The matrices of some treatments by each measure."""
    return {
        measure: PerturbationFound.of(lab.perturbation(language, measure, treatments)) for measure in measures
    }


def members(location: Location) -> dict[str, set[tuple[int, int]]]:
    """The neurons of each value as (layer, index)."""
    return {
        value: {(layer, index) for layer, index in location.selected[row].nonzero().tolist()}
        for row, value in enumerate(location.values)
    }
