"""The page's section on choices that the papers leave open: which of them change the conclusion."""

from __future__ import annotations

from valuescope.report.fields import Fields
from valuescope.report.html import estimate_cell, paragraph, section, table
from valuescope.report.markup import Child, Markup, tag
from valuescope.report.names import method_name
from valuescope.report.numbers import MISSING, SHARES, Numbers, parameters
from valuescope.report.summary import Summary

_PRECISION = Numbers(3)


def sensitivity_section(summary: Summary) -> Markup | None:
    """One row for each choice; None where the run tries none."""
    block = Fields.of(summary.raw.get("sensitivity"), "sensitivity")
    rows = [Fields.of(item, path) for path, item in block.items("rows")]
    if not rows:
        return None
    changing = [row.text("choice") for row in rows if row.flag("changes")]
    said = f"{len(changing)} of {len(rows)} choices change the conclusion" + (
        f": {', '.join(changing)}." if changing else "."
    )
    head = [
        "Choice",
        "Default",
        "Alternative",
        "Average precision: default",
        "alternative",
        "difference",
        "Effect: default",
        "alternative",
        "difference",
        "Changes the conclusion",
    ]
    return section(
        "sensitivity",
        "Sensitivity to the choices that the papers leave open",
        paragraph(tag("strong", said), " ", block.text("rule")[:1].upper() + block.text("rule")[1:], "."),
        table(
            "Each choice by itself, everything else at its default; the same questions, paired. Differences: alternative minus "
            "default. Intervals of average precision are over values, those of effects over questions",
            head,
            [_row(row) for row in rows],
            class_="results",
        ),
    )


def _row(row: Fields) -> list[Child]:
    default, other = row.object("default"), row.object("alternative")
    changes = row.flag("changes")
    return [
        [row.text("choice"), tag("small", method_name(row.text("method")))],
        parameters(row.object("was").raw),
        parameters(row.object("becomes").raw),
        _precision(default),
        _precision(other),
        estimate_cell(row.estimate("precision_difference"), _PRECISION),
        _effect(default),
        _effect(other),
        estimate_cell(row.estimate("difference"), SHARES),
        MISSING if changes is None else tag("b", "yes") if changes else "no",
    ]


def _precision(side: Fields) -> str:
    by_value = side.object("precision")
    found = [one for one in (by_value.number(value) for value in by_value.raw) if one is not None]
    return _PRECISION.plain(sum(found) / len(found)) if found else MISSING


def _effect(side: Fields) -> Child:
    random = side.estimate("random")
    below = MISSING if random is None else SHARES.signed(random.mean)
    return [estimate_cell(side.estimate("effect"), SHARES), tag("small", f"random {below}")]
