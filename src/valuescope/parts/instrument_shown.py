"""What the measures can see, as a table, a figure, and each method's share of the ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from valuescope.lab.result import Result
from valuescope.parts.method import methods_of
from valuescope.parts.sight import NAMES, SightFound, sees, sight_words
from valuescope.report.blocks import Block, Words
from valuescope.report.names import method_name
from valuescope.report.numbers import SHARES, Numbers
from valuescope.report.plots import DotFacet, Dots, dots
from valuescope.report.table import Column, Table, Verdict


def instrument_blocks(
    sights: Mapping[str, SightFound], result: Result, language: str = ""
) -> tuple[Block | None, ...]:
    """The blocks of the section; `language` tells those of several languages apart."""
    title = "What the measures see: told for minus told against each value"
    name = f"instrument-{language}" if language else "instrument"
    facets = [
        DotFacet(
            NAMES.get(name, name),
            tuple(map(result.head.value_name, sight.by_value)),
            (Dots("for minus against", "ink", tuple(sight.by_value.values())),),
            subtitle=_nature(sight),
        )
        for name, sight in sights.items()
    ]
    figure = dots(
        name,
        title,
        "The unedited model under a system message that describes a holder of the value, less one that describes somebody "
        "who rejects it. An interval that covers 0: the measure cannot tell the two apart.",
        facets,
        axis=f"difference ({', '.join(dict.fromkeys(sight.unit for sight in sights.values()))})",
        numbers=_numbers(sights),
    )
    return (Words(sight_words(dict(sights))), sights_table(sights, name), figure, _shares(result))


def sights_table(sights: Mapping[str, SightFound], name: str) -> Table[tuple[str, SightFound]]:
    """Every measure under both instructions; also what a command prints."""
    numbers = _numbers(sights)
    levels = (
        ("base", "Base", False),
        ("told_for", "Told to hold the value", False),
        ("told_against", "Told to reject it", False),
        ("for_minus_against", "For minus against", True),
        ("position_gap", "First place minus second", True),
    )
    columns: tuple[Column[Any], ...] = (
        Column(
            "measure",
            "Measure",
            lambda row: NAMES.get(row[0], row[0]),
            small=lambda row: _nature(row[1]),
            terminal="measure",
        ),
        Column("behaviour", "", lambda row: row[1].behaviour),
        *(
            Column[Any](
                key,
                title,
                _field(key),
                numbers,
                signed=signed,
                estimate=True,
                absent="-",
                terminal=title.lower(),
            )
            for key, title, signed in levels
        ),
        Column(
            "", "Items", lambda row: f"{row[1].items} ({row[1].missing} readings missing)", terminal="items"
        ),
        Column("", "Verdict", lambda row: _verdict(row[1]), terminal="verdict"),
    )
    caption = "The unedited model under a system message for each value"
    return Table(name, caption, columns, list(sights.items()))


def _numbers(sights: Mapping[str, SightFound]) -> Numbers:
    """Decimals that suit all of them."""
    return next((sight.numbers for sight in sights.values()), SHARES)


def _field(key: str) -> Any:
    field = attrgetter(key)
    return lambda row: field(row[1])


def _nature(sight: SightFound) -> str:
    return "behaviour" if sight.behaviour else f"likelihood, {sight.unit}"


def _verdict(sight: SightFound) -> Verdict:
    clear = sees(sight.for_minus_against)
    words = {True: "the measure can tell", False: "the measure cannot tell", None: "cannot be said"}
    return Verdict(clear, words[clear])


def _shares(result: Result) -> Words | None:
    """Each method's effect as a share of what the instruction in its direction does."""
    shares = [
        f"{method_name(name)} {SHARES.plain(method.ceiling_share)}"
        for name, method in methods_of(result).items()
        if method.ceiling_share is not None
    ]
    if not shares:
        return None
    return Words(f"Effect as a share of what the instruction does: {', '.join(shares)}.", style="small")
