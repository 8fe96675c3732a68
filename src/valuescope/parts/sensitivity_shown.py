"""How the sensitivity to choices is shown."""

from __future__ import annotations

from typing import Any

from valuescope.report.blocks import Section, Strong, Words
from valuescope.report.names import method_name
from valuescope.report.numbers import SHARES, Numbers, parameters
from valuescope.report.table import Column, Table, records

PRECISION = Numbers(3)


def sensitivity_section(found: Any) -> Section:
    """One row for each choice."""
    changing = [row.choice for row in found.rows if row.changes]
    count = f"{len(changing)} of {len(found.rows)} choices change the conclusion"
    words = f"{count}: {', '.join(changing)}." if changing else f"{count}."
    lead = Words(Strong(words), f" {found.rule[:1].upper()}{found.rule[1:]}.")
    rows = [
        (
            row.choice,
            row.method,
            parameters(row.was),
            parameters(row.becomes),
            measure,
            estimate,
            row.changes,
        )
        for row in found.rows
        for measure, estimate in (
            ("effect of default", row.default.effect),
            ("effect of alternative", row.alternative.effect),
            ("difference of effects", row.difference),
            ("difference of average precision", row.precision_difference),
        )
    ]
    blocks = (
        lead,
        _table(found),
        records("sensitivity", "choice method default alternative measure * changes", rows),
    )
    title = "Sensitivity to the choices that the papers leave open"
    return Section("sensitivity", title, blocks, link="Sensitivity")


def _table(found: Any) -> Table[Any]:
    def random(side: Any) -> str:
        return f"random {SHARES.signed(side.random.mean)}"

    columns: tuple[Column[Any], ...] = (
        Column("", "Choice", lambda row: row.choice, small=lambda row: method_name(row.method)),
        Column("", "Default", lambda row: parameters(row.was)),
        Column("", "Alternative", lambda row: parameters(row.becomes)),
        Column(
            "", "Average precision: default", lambda row: row.default.mean_precision, PRECISION, signed=False
        ),
        Column("", "alternative", lambda row: row.alternative.mean_precision, PRECISION, signed=False),
        Column("", "difference", lambda row: row.precision_difference, PRECISION),
        Column("", "Effect: default", lambda row: row.default.effect, small=lambda row: random(row.default)),
        Column(
            "", "alternative", lambda row: row.alternative.effect, small=lambda row: random(row.alternative)
        ),
        Column("", "difference", lambda row: row.difference),
        Column("", "Changes the conclusion", lambda row: row.changes),
    )
    caption = (
        "Each choice by itself, everything else at its default; the same questions, paired. Differences: alternative minus "
        "default. Intervals of average precision are over values, those of effects over questions"
    )
    return Table("", caption, columns, found.rows)
