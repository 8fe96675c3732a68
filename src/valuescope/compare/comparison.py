"""The comparison of runs: what differs between them, and the rows of every table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valuescope.compare.agreement import (
    Difference,
    differences,
    require_agreement,
    require_one_scale,
)
from valuescope.compare.exploration_rows import (
    change_rows,
    exploration_sights,
    support_rows,
    supports_missing,
)
from valuescope.compare.method_rows import (
    answers_missing,
    dose_rows,
    leak_rows,
    method_names,
    method_row,
    methods_result,
    score_rows,
    sweep_rows,
    value_rows,
)
from valuescope.compare.rows import (
    ChangeRow,
    DoseRow,
    LeakRow,
    MethodRow,
    ModelRow,
    ScoreRow,
    SightRow,
    SupportRow,
    SweepRow,
    ValueRow,
)
from valuescope.compare.runs import ComparedRun
from valuescope.files import write_text_atomic
from valuescope.lab.result import Head
from valuescope.lab.strict import Found
from valuescope.parts.exploration_opening import exploration_headline
from valuescope.parts.perturbation import ExplorationHead
from valuescope.parts.sight import sights_of
from valuescope.version import __version__

FORMAT = 1


class ComparisonFound(Found):
    """The content of comparison.json. Every run has a row in `models`; what a run has not measured has no row, or None in it."""

    format: int = FORMAT
    valuescope: str = __version__
    experiment: str
    side_by_side: bool
    measure: str
    unit: str
    values: tuple[str, ...]
    value_names: dict[str, str]
    models: tuple[ModelRow, ...]
    differences: tuple[Difference, ...]
    instrument: tuple[SightRow, ...] = ()
    methods: tuple[MethodRow, ...] = ()
    by_value: tuple[ValueRow, ...] = ()
    scores: tuple[ScoreRow, ...] = ()
    sweeps: tuple[SweepRow, ...] = ()
    doses: tuple[DoseRow, ...] = ()
    leakage: tuple[LeakRow, ...] = ()
    support: tuple[SupportRow, ...] = ()
    changes: tuple[ChangeRow, ...] = ()

    @property
    def decisive(self) -> list[Difference]:
        """The differences that forbid to read a difference of numbers as one of models."""
        return [difference for difference in self.differences if difference.decides]


@dataclass(frozen=True)
class Comparison:
    """Runs and what their comparison holds; `head` names the values of all of them."""

    runs: Sequence[ComparedRun]
    found: ComparisonFound
    head: Head

    def write(self, folder: Path) -> Path:
        """Write comparison.json."""
        text = json.dumps(self.found.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
        return write_text_atomic(folder / "comparison.json", text + "\n")


def compare(runs: Sequence[ComparedRun], *, side_by_side: bool = False) -> Comparison:
    """The comparison of runs that agree in data, prompts, judge, values, seed and measure.

    Args:
        side_by_side: take runs that differ in these too; the page then says at the top in what.

    Raises:
        CompareError: runs that do not agree, two runs of one model, or runs that share no scale.
    """
    require_one_scale(runs)
    found = differences(runs)
    if not side_by_side:
        require_agreement(runs, found)
    head = _head(runs)
    exploring = isinstance(head, ExplorationHead)
    rows = _exploration(runs) if exploring else _methods(runs)
    return Comparison(
        runs,
        ComparisonFound(
            experiment=head.experiment,
            side_by_side=side_by_side,
            measure=" and ".join(head.measures) if isinstance(head, ExplorationHead) else head.measure.name,
            unit="percent of support" if exploring else head.measure.unit,
            values=head.values,
            value_names=head.value_names,
            models=tuple(_models(runs)),
            differences=tuple(found),
            **rows,
        ),
        head,
    )


def _head(runs: Sequence[ComparedRun]) -> Head:
    """The first run's head with the values of all runs."""
    heads = [run.head for run in runs]
    groups: dict[str, tuple[str, ...]] = {}
    for head in heads:
        for group, values in head.groups.items():
            groups[group] = tuple(dict.fromkeys((*groups.get(group, ()), *values)))
    return heads[0].model_copy(
        update={
            "values": tuple(dict.fromkeys(value for head in heads for value in head.values)),
            "value_names": {value: name for head in heads for value, name in head.value_names.items()},
            "groups": groups,
            "group_names": {group: name for head in heads for group, name in head.group_names.items()},
        }
    )


def _models(runs: Sequence[ComparedRun]) -> Iterator[ModelRow]:
    for run in runs:
        head = run.head
        exploring = isinstance(head, ExplorationHead)
        answers, unjudged = supports_missing(run.result) if exploring else answers_missing(run.result)
        sizes = {key: head.model.get(key) for key in ("revision", "layers", "neurons", "parameters")}
        yield ModelRow(
            model=run.label,
            run=str(run.folder),
            id=str(head.model.get("id") or ""),
            fingerprint=run.fingerprint,
            **sizes,
            spec_hash=head.spec_hash,
            valuescope=head.valuescope,
            unjudged=unjudged,
            answers=answers,
            result=exploration_headline(run.result) if exploring else methods_result(run.result),
        )


def _methods(runs: Sequence[ComparedRun]) -> dict[str, Any]:
    names = method_names(runs)
    return {
        "instrument": tuple(
            SightRow.of(run.label, measure, sight)
            for run in runs
            for measure, sight in sights_of(run.result).items()
        ),
        "methods": tuple(method_row(run, name) for run in runs for name in names),
        "by_value": tuple(row for run in runs for row in value_rows(run)),
        "scores": tuple(row for run in runs for row in score_rows(run)),
        "sweeps": tuple(row for run in runs for row in sweep_rows(run)),
        "doses": tuple(row for run in runs for row in dose_rows(run)),
        "leakage": tuple(row for run in runs for row in leak_rows(run)),
    }


def _exploration(runs: Sequence[ComparedRun]) -> dict[str, Any]:
    return {
        "instrument": tuple(row for run in runs for row in exploration_sights(run)),
        "support": tuple(row for run in runs for row in support_rows(run)),
        "changes": tuple(row for run in runs for row in change_rows(run)),
    }
