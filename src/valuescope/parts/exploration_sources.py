"""Where the numbers of a ValueExploration run come from: planted neurons where they are known, hashes, notes, times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.parts.perturbation import NeuronTruth, SelectionFound, SelectionsFound
from valuescope.parts.perturbation_views import (
    by_language,
    exploration,
    language_name,
    mean_present,
    selection_name,
)
from valuescope.parts.provenance import identity_facts, notes_and_warnings, seconds_block
from valuescope.report.blocks import Section, Strong, Words
from valuescope.report.numbers import SHARES, plain_value
from valuescope.report.table import Column, Table


class _Row(NamedTuple):
    name: str
    truth: NeuronTruth


class PlantedNeurons(Part[None]):
    """Found neurons against planted ones; the parts that find neurons measure them."""

    experiment, order = "valueexploration", 80

    @classmethod
    def shown(cls, result: Result) -> Section | None:
        """Precision, recall and roles, averaged over values."""
        rows = list(_rows(result))
        if not rows:
            return None
        note = Words(
            "Means over values. Neurons that cause a value in the other language only do not count. Echo and herald are "
            "decoys: they fire for a value and cause nothing.",
            style="small",
        )
        columns: tuple[Column[_Row], ...] = (
            Column("", "Neurons", lambda row: row.name),
            Column(
                "",
                "Average precision",
                lambda row: mean_present(row.truth.average_precision.values()),
                signed=False,
            ),
            Column("", "Recall", lambda row: mean_present(row.truth.recall.values()), signed=False),
            Column("", "Precision", lambda row: mean_present(row.truth.precision.values()), signed=False),
            Column("", "Chance", lambda row: SHARES.plain(row.truth.chance)),
            Column("", "Planted neurons found, by role", lambda row: _roles(row.truth)),
        )
        table = Table("", "Found against planted", columns, rows)
        return Section("truth", "Against the planted truth", (table, note), link="Truth")


def _rows(result: Result) -> Iterator[_Row]:
    generating = by_language(result, ".generating", SelectionFound)
    for language, selections in by_language(result, ".selections", SelectionsFound).items():
        named = [(selection_name(name), selection) for name, selection in selections.root.items()]
        named += [("generating", generating[language])] if language in generating else []
        for name, selection in named:
            if selection.truth is not None:
                yield _Row(f"{language_name(language)}: {name}", selection.truth)


def _roles(truth: NeuronTruth) -> str:
    return ", ".join(f"{role} {count['found']} of {count['of']}" for role, count in truth.roles.items())


class Sources(Part[None]):
    """Everything that a reader needs to make the run again, or to doubt it."""

    experiment, order = "valueexploration", 100

    @classmethod
    def shown(cls, result: Result) -> Section:
        """Hashes, versions, notes, warnings and times."""
        warnings = [
            (Strong(f"{language_name(language)}, {selection_name(name)}: "), warning)
            for language, selections in by_language(result, ".selections", SelectionsFound).items()
            for name, selection in selections.root.items()
            for warning in selection.warnings
        ]
        edit = exploration(result).edit
        about_data = [
            ("Dilemmas per value", ", ".join(_counts(result)) or None),
            ("Edit", f"{edit.name} {plain_value(edit.parameters)}, on {edit.on}"),
        ]
        blocks = (
            identity_facts(result, about_data),
            *notes_and_warnings(result, warnings),
            seconds_block(result),
        )
        return Section("provenance", "Provenance", blocks)


def _counts(result: Result) -> Iterator[str]:
    for split, languages in (result.head.data.get("counts") or {}).items():
        for language, values in languages.items():
            few, many = min(values.values()), max(values.values())
            yield f"{split} {language} {few}" + ("" if few == many else f"\u2013{many}")
