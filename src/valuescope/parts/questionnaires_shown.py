"""How questionnaires are shown; the scores of answers to their items stand in the tables of scores."""

from __future__ import annotations

from functools import partial
from typing import Any

from valuescope.lab.result import Result
from valuescope.metrics import Estimate
from valuescope.report.blocks import Block, Details, Heading, Section, Words
from valuescope.report.names import method_name
from valuescope.report.numbers import MISSING, SHARES
from valuescope.report.table import Column, Table, records

LITTLE = 0.5  # of the probability on a scale's numbers
CHANGES = {
    "edited_raw": "Raw",
    "random_raw": "Random, raw",
    "edited_centred": "Centred",
    "random_centred": "Random, centred",
}


def questionnaires_section(found: Any, result: Result) -> Section:
    """A heading for each questionnaire, and a table for each of its inventories."""
    blocks: list[Block | None] = []
    for questionnaire in found.root:
        about = ", ".join(
            f"{result.head.value_name(value)} {count}" for value, count in questionnaire.about_run.items()
        )
        blocks += [
            Heading(questionnaire.name),
            f"{questionnaire.items} items of {questionnaire.inventories} inventories from {questionnaire.file}, "
            f"{questionnaire.reversed} reverse-keyed. Items about this run's values: {about}.",
        ]
        if not questionnaire.likert:
            blocks.append(Words("The models did not rate its items themselves.", style="absent"))
        for inventory in questionnaire.likert or ():
            blocks += [
                _changes(inventory),
                Details(f"{inventory.title}: base model by scale", (_scales(inventory),)),
            ]
    rows = [
        (questionnaire.name, inventory.title, method, way, field, getattr(changes, field))
        for questionnaire in found.root
        for inventory in questionnaire.likert or ()
        for method, ways in inventory.methods.items()
        for way, changes in ways.items()
        for field in CHANGES
    ]
    return Section(
        "questionnaires",
        "Questionnaires",
        (
            *blocks,
            records("questionnaires", "questionnaire inventory method direction measure *", rows)
            if rows
            else None,
        ),
    )


def _change(field: str, row: tuple[str, str, Any]) -> Estimate | None:
    return getattr(row[2], field)  # type: ignore[no-any-return]


def _changes(inventory: Any) -> Table[Any]:
    base = inventory.base
    on_scale = MISSING if base.mass is None else f"{base.mass:.2g}"
    if base.mass is not None and base.mass < LITTLE:
        on_scale += ", so that these ratings say little about the model"
    caption = (
        f"{inventory.title}: change of the model's own ratings ({inventory.low} to {inventory.high}) of the items about the "
        "edited value, reverse-keyed items mirrored; n counts items. Centred: around the respondent's own mean. Base model: "
        f"{base.n} of {inventory.items} items rated, mean {SHARES.plain(base.mean)}, the least probability on the scale's "
        f"numbers {on_scale}."
    )
    columns: tuple[Column[Any], ...] = (
        Column("", "Method and direction", lambda row: f"{method_name(row[0])}, {row[1]}"),
        *(Column[Any]("", title, partial(_change, field)) for field, title in CHANGES.items()),
    )
    rows = [
        (method, way, changes) for method, ways in inventory.methods.items() for way, changes in ways.items()
    ]
    return Table("", caption, columns, rows)


def _scales(inventory: Any) -> Table[Any]:
    columns: tuple[Column[Any], ...] = (
        Column("", "Scale", lambda row: row[0]),
        Column("", "Raw", lambda row: row[1].raw, signed=False),
        Column("", "Centred", lambda row: row[1].centred),
        Column("", "Items rated", lambda row: f"{row[1].n} of {row[1].items}"),
    )
    return Table("", f"{inventory.title}, base model", columns, list(inventory.base.scales.items()))
