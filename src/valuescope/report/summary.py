"""What a run found, as the report reads it: one frozen dataclass for each block of summary.json.

A block that the run did not have is None or empty, and a number that is missing is None; nothing is 0 unless
0 was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from valuescope.metrics import Estimate
from valuescope.report.judging import Judging

Matrix = tuple[tuple[float | None, ...], ...]
JSONMap = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """One setting of a method: the paper's default, or the one that a search found."""

    name: str
    locator_parameters: JSONMap
    edit_parameters: JSONMap
    neurons: Mapping[str, int]
    effect: Estimate | None
    random: Estimate | None
    random_matched: Estimate | None
    fluency: Estimate | None
    base_fluency: Estimate | None
    average_precision: Mapping[str, float | None]
    recall: Mapping[str, float | None]
    precision: Mapping[str, float | None]
    roles: Mapping[str, tuple[int, int]]
    warnings: tuple[str, ...]
    diagnostics: JSONMap

    @property
    def mean_precision(self) -> float | None:
        """Average precision, averaged over the values that have one."""
        present = [score for score in self.average_precision.values() if score is not None]
        return sum(present) / len(present) if present else None


@dataclass(frozen=True)
class ValueEffect:
    """One value under its own edit."""

    base: Estimate | None
    edited: Estimate | None
    effect: Estimate | None
    random: Estimate | None


@dataclass(frozen=True)
class DosePoint:
    """The effect at one strength."""

    strength: float
    effect: Estimate | None
    random: Estimate | None
    fluency: Estimate | None


@dataclass(frozen=True)
class Trial:
    """One setting that a search tried."""

    locator_parameters: JSONMap
    edit_parameters: JSONMap
    effect: Estimate | None
    fluency: Estimate | None
    chosen: bool


@dataclass(frozen=True)
class Search:
    """How the found setting was found."""

    questions: int | None
    rule: str
    tried: tuple[Trial, ...]


@dataclass(frozen=True)
class Method:
    """One locator with one edit.

    `direction` is +1 where the edit should raise its value, -1 where it should lower it. `average_precision`
    belongs to the headline setting. `neurons_per_layer` counts layers from the first.
    """

    id: str
    locator: str
    edit: str
    asked: str
    direction: int | None
    headline: str
    settings: tuple[Setting, ...]
    average_precision: float | None
    chance_precision: float | None
    by_value: Mapping[str, ValueEffect]
    neurons_per_layer: Mapping[str, tuple[int, ...]]
    dose_name: str
    dose: tuple[DosePoint, ...]
    search: Search | None

    @property
    def chosen(self) -> Setting | None:
        """The headline setting."""
        named = [setting for setting in self.settings if setting.name == self.headline]
        return named[0] if named else (self.settings[0] if self.settings else None)

    def precision_of(self, setting: Setting) -> float | None:
        """Average precision of a setting against the planted truth, as a mean over values."""
        own = setting.mean_precision
        return self.average_precision if own is None and setting is self.chosen else own


@dataclass(frozen=True)
class Leakage:
    """The change of every value (columns, evaluated) under the edit of every value (rows, steered)."""

    method: str
    setting: str
    values: tuple[str, ...]
    n: int | None
    base: tuple[float | None, ...]
    delta: Matrix
    low: Matrix
    high: Matrix
    nlr: Matrix
    nlr_mean: float | None
    nlr_mean_ci: tuple[float, float] | None
    nlr_median: float | None
    undefined: tuple[str, ...]
    gain_floor: float | None
    groups: tuple[str, ...]
    group_matrix: Matrix  # rows = receiving group, columns = steered group
    by_distance: tuple[tuple[int, Estimate], ...]
    random_delta: Matrix


@dataclass(frozen=True)
class Probes:
    """Linear probes on the residual stream, beside what needs no model."""

    layers: tuple[int, ...]
    accuracy: Mapping[str, tuple[float | None, ...]]
    kept: Mapping[str, tuple[int, ...]]
    bag_of_words: Mapping[str, float | None]
    shuffled: Mapping[str, float | None]
    n_train: int | None
    n_validation: int | None


@dataclass(frozen=True)
class ArmAnswer:
    """What one arm (the base model or a method) answered; None for what no judge said."""

    arm: str
    text: str
    success: bool | None
    fluent: bool | None


@dataclass(frozen=True)
class Example:
    """One question with the answers of every arm."""

    value: str
    question: str
    system: str
    answers: tuple[ArmAnswer, ...]


@dataclass(frozen=True)
class Summary:
    """Everything that the report draws. `raw` is the mapping that it was read from."""

    name: str
    seed: int | None
    version: str
    model: JSONMap
    organism: bool
    values: tuple[str, ...]
    value_names: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]
    group_names: Mapping[str, str]
    data: JSONMap
    measure: JSONMap
    base_by_value: Mapping[str, Mapping[str, Estimate]]
    base_fluency: Estimate | None
    methods: tuple[Method, ...]
    leakage: Leakage | None
    probes: Probes | None
    examples: tuple[Example, ...]
    missing: JSONMap
    judging: Judging | None
    seconds: JSONMap
    raw: JSONMap = field(repr=False)

    def value_name(self, value: str) -> str:
        """The name to show for a value's id."""
        return self.value_names.get(value) or value

    def group_name(self, group: str) -> str:
        """The name to show for a group's id."""
        return self.group_names.get(group) or group

    @property
    def measure_name(self) -> str:
        """The name of the measure."""
        return str(self.measure.get("name") or "the measure")

    @property
    def unit(self) -> str:
        """The unit of the measure, or ''."""
        return str(self.measure.get("unit") or "")
