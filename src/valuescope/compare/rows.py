"""What a comparison holds of each run: typed rows, of which comparison.json, the CSV files and the tables are views."""

from __future__ import annotations

import json
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Literal, get_args

from valuescope.lab.strict import Found, Measured
from valuescope.metrics import Estimate
from valuescope.parts.sight import SightFound, sees
from valuescope.report.table import Column, Table, Verdict


class ModelRow(Found):
    """One run: its model, where its numbers stand, and what it found in a sentence."""

    model: str
    run: str
    id: str = ""
    revision: str | None = None
    fingerprint: str = ""
    layers: int | None = None
    neurons: int | None = None
    parameters: int | None = None
    spec_hash: str = ""
    valuescope: str = ""
    unjudged: int | None = None
    answers: int | None = None
    result: str = ""


class SightRow(Found):
    """What one measure sees on one model; `tells`: see `tells_of`."""

    model: str
    language: str = ""
    measure: str
    unit: str
    items: int
    missing: int
    base: Measured
    told_for: Measured
    told_against: Measured
    for_minus_against: Measured
    tells: bool | None

    @classmethod
    def of(cls, model: str, measure: str, sight: SightFound, language: str = "") -> SightRow:
        """A sight as a row."""
        names = ("unit", "items", "missing", "base", "told_for", "told_against", "for_minus_against")
        fields = {name: getattr(sight, name) for name in names}
        return cls(model=model, language=language, measure=measure, tells=tells_of(sight), **fields)


class MethodRow(Found):
    """One method on one model at its headline setting (NeVA, table 1). `base` and `edited` are levels of the run's measure,
    `effect` and the random controls are changes of it. `leak`, `nlr`: mean leakage to other values; `mmlu` is accuracy, `nats` are
    per token of a neutral text. `tells`: whether the measure sees anything on the model (None: not asked)."""

    model: str
    method: str
    asked: str = ""
    direction: Literal[1, -1] | None = None
    setting: str = ""
    locator_parameters: dict[str, Any] = {}
    edit_parameters: dict[str, Any] = {}
    neurons: dict[str, int] = {}
    base: Measured | None = None
    edited: Measured | None = None
    effect: Measured | None = None
    random: Measured | None = None
    random_matched: Measured | None = None
    base_fluency: Measured | None = None
    fluency: Measured | None = None
    leak: Measured | None = None
    leak_random: Measured | None = None
    nlr: Measured | None = None
    undefined_ratios: int | None = None
    mmlu_base: Measured | None = None
    mmlu: Measured | None = None
    mmlu_change: Measured | None = None
    nats_base: Measured | None = None
    nats: Measured | None = None
    nats_change: Measured | None = None
    ceiling_share: float | None = None
    tells: bool | None = None
    verdict: str = ""


class ValueRow(Found):
    """One value under its own edit (NeVA, figure 3)."""

    model: str
    method: str
    value: str
    base: Measured | None = None
    edited: Measured | None = None
    effect: Measured | None = None
    random: Measured | None = None
    fluency: Measured | None = None
    tells: bool | None = None


class ScoreRow(Found):
    """One arm's score on one value (ValueLocate, tables 1 to 6); `value` is "all" over all values. `variance` is that of the means
    of the runs."""

    model: str
    questions: str
    method: str
    direction: str
    measure: str
    value: str
    arm: str
    score: Measured
    runs: int | None = None
    variance: float | None = None
    tells: bool | None = None


class SweepRow(Found):
    """One point of a sweep (ValueLocate, figures 3 and 16)."""

    model: str
    method: str
    parameter: str
    strength: float
    direction: str
    measure: str
    value: str
    edited: Measured
    random: Measured


class DoseRow(Found):
    """One strength of a method's first sweep in the intended direction."""

    model: str
    method: str
    parameter: str
    strength: float
    effect: Measured | None = None
    random: Measured | None = None
    fluency: Measured | None = None


class LeakRow(Found):
    """The change of one value under the edit of another, and under as many random neurons."""

    model: str
    method: str
    steered: str
    evaluated: str
    change: float | None = None
    low: float | None = None
    high: float | None = None
    random: float | None = None


class SupportRow(Found):
    """The unedited model's support of one value in percent (ValueExploration, fig. 4). `order_gap`: points that the first place
    is preferred by."""

    model: str
    language: str
    measure: str
    value: str
    rate: Measured | None = None
    order_gap: Measured | None = None
    tells: bool | None = None


class ChangeRow(Found):
    """The change of one value's support, in points, without the main selection's neurons of a value, and without as many random
    ones; a mean over several draws has no interval."""

    model: str
    language: str
    measure: str
    support_of: str
    neurons_off: str
    change: Measured
    random: Measured | None = None
    random_matched: Measured | None = None
    among_largest: bool | None = None
    tells: bool | None = None


def row_file(name: str, kind: type[Found], rows: Iterable[Found]) -> Table[Any]:
    """Typed rows as a file alone: a column for each field, five for an estimate, JSON for a mapping."""

    def column(field: str, annotation: Any) -> Column[Any]:
        read = attrgetter(field)
        if _holds(annotation, Estimate):
            return Column(field, "", read, estimate=True)
        if _holds(annotation, dict):
            return Column(field, "", lambda row: json.dumps(read(row), sort_keys=True, ensure_ascii=False))
        return Column(field, "", read)

    columns = [column(field, about.annotation) for field, about in kind.model_fields.items()]
    return Table(name, name, columns, list(rows), page=False)


def _holds(annotation: Any, kind: type[Any]) -> bool:
    """Whether a field's annotation is of a kind, or may be."""
    origin = getattr(annotation, "__origin__", None)
    if annotation is kind or origin is kind:
        return True
    return any(_holds(part, kind) for part in get_args(annotation) if origin is not dict)


def tells_of(sight: SightFound | None) -> bool | None:
    """Whether a measure is known to tell a positive instruction from a negative one on a model; None where that was not asked."""
    return None if sight is None else bool(sees(sight.for_minus_against))


def told(tells: bool | None) -> Verdict:
    """What the instrument says of a score's measure on its model."""
    words = {True: "the measure sees", False: "cannot be told", None: "instrument not asked"}
    return Verdict(True if tells else None, words[tells])
