"""How leakage is shown: matrices as heat maps, ratios between values and groups, change by distance on the circle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from valuescope.lab.result import Head, Result
from valuescope.lab.strict import Rows
from valuescope.parts.leakage_found import GroupsFound, LeakageFound
from valuescope.parts.method import effect_numbers
from valuescope.report.blocks import Facts, Section, Words
from valuescope.report.figure import Figure
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import MISSING, SHARES, Numbers, listing
from valuescope.report.plots import DotFacet, Dots, HeatCell, HeatFacet, dots, heat_maps
from valuescope.report.table import Table, records

MARKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NO_RATIO = "No value has a gain of its own, so no ratio is defined."
NO_GAIN = "not defined, no gain of its own to divide by"


def at(rows: Rows, row: int, column: int) -> float | None:
    """An entry of a matrix; None where it, its row or the matrix is missing."""
    entries = rows[row] if row < len(rows) else None
    return entries[column] if entries and column < len(entries) else None


def leakage_section(found: LeakageFound, result: Result) -> Section:
    """The matrix, its ratios, groups and distances."""
    head = result.head
    marks = [f"{mark} {head.group_name(group)}" for mark, group in zip(MARKS, head.groups, strict=False)]
    key = Words(f"Groups: {', '.join(marks)}.", style="small") if marks else None
    return Section(
        "leakage",
        "Leakage to other values",
        (
            _changes_figure(found, result),
            key,
            Facts(_ratios(found, head)),
            _ratios_figure(found, result) or Words(NO_RATIO, style="absent"),
            _distance_figure(found, result),
            _cells_table(found),
        ),
        link="Leakage",
    )


def _changes_figure(found: LeakageFound, result: Result) -> Figure | None:
    numbers, head = effect_numbers(result), result.head

    def facet(title: str, delta: Rows, low: Rows, high: Rows) -> HeatFacet:
        size = "" if found.n is None else f", n = {found.n}"
        cells = named_cells(
            found.values,
            head,
            lambda i, j: change_cell(at(delta, i, j), at(low, i, j), at(high, i, j), numbers, size),
        )
        names = tuple(map(head.value_name, found.values))
        groups = [
            (mark, tuple(place for place, value in enumerate(found.values) if value in members))
            for mark, members in zip(MARKS, head.groups.values(), strict=False)
        ]
        return HeatFacet(
            title,
            names,
            names,
            cells,
            row_title="steered",
            column_title="evaluated",
            diagonal=True,
            groups=tuple((mark, places) for mark, places in groups if places),
        )

    facets = [facet("Change under each value's neurons", found.delta, found.delta_low, found.delta_high)]
    if found.random.delta:
        facets.append(facet("Change under random neurons", found.random.delta, (), ()))
    return heat_maps(
        "leakage",
        f"Leakage: change of {head.measure.name or 'the measure'} of every value (columns) under the edit of every value "
        "(rows)",
        f"{method_name(found.method)}, {setting_name(found.setting)}. Values stand in their theory's order. Bold: the "
        "interval leaves 0 out. Framed: a value under its own edit.",
        facets,
    )


def change_cell(
    change: float | None, low: float | None, high: float | None, numbers: Numbers, size: str = ""
) -> HeatCell:
    """A cell of a matrix of changes; bold where its interval leaves 0 out."""
    known = low is not None and high is not None
    interval = f" [{numbers.signed(low)}, {numbers.signed(high)}]" if known else ""
    clear = low is not None and high is not None and (low > 0 or high < 0)
    return HeatCell(change, numbers.short(change), f"{numbers.signed(change)}{interval}{size}", clear)


def named_cells(
    values: Sequence[str], head: Head, cell: Callable[[int, int], HeatCell]
) -> tuple[tuple[HeatCell, ...], ...]:
    """The cells of values steered (rows) against values evaluated, each hint with the two names before it."""
    names = [head.value_name(value) for value in values]

    def named(i: int, j: int) -> HeatCell:
        made = cell(i, j)
        hint = f"{names[i]} steered, {names[j]} evaluated: {made.hint}"
        return HeatCell(made.value, made.words, hint, made.strong, made.marked, made.hatched)

    return tuple(tuple(named(i, j) for j in range(len(names))) for i in range(len(names)))


def _ratios_figure(found: LeakageFound, result: Result) -> Figure | None:
    facets = [ratio_facet("Normalised leakage (NLR)", found.values, found.nlr, found.undefined, result.head)]
    groups = group_facet("Between groups (share of each row)", found.group_leakage, result.head)
    return heat_maps(
        "nlr",
        "Normalised leakage ratios",
        "Leak (increases only) divided by the evaluated value's own gain; 0 is none, 1 is as much as its own edit gives. A "
        "question mark: missing, or not defined (a value without a gain of its own, a group that nothing leaked into).",
        [*facets, groups] if groups else facets,
        peak=1.0,
    )


def ratio_facet(
    title: str, values: Sequence[str], nlr: Rows, at_floor: Sequence[str], head: Head
) -> HeatFacet:
    """Normalised ratios, rows steered; a value in `at_floor` has no gain to divide by."""

    def cell(i: int, j: int) -> HeatCell:
        if i == j:
            return HeatCell(None, "–", "no leakage into itself")
        ratio = None if values[j] in at_floor else at(nlr, i, j)
        hint = NO_GAIN if values[j] in at_floor else f"NLR {SHARES.plain(ratio)}"
        return HeatCell(ratio, SHARES.short(ratio, signed=False), hint)

    names = tuple(map(head.value_name, values))
    return HeatFacet(
        title,
        names,
        names,
        named_cells(values, head, cell),
        row_title="steered",
        column_title="evaluated",
        colour="amount",
    )


def group_facet(title: str, groups: GroupsFound, head: Head) -> HeatFacet | None:
    """Receiving groups in rows; `rows` = "steered" says that the matrix stands the other way."""
    if not groups.matrix:
        return None
    names, turned = tuple(map(head.group_name, groups.groups)), groups.rows == "steered"

    def cell(i: int, j: int) -> HeatCell:
        empty = groups.groups[i] in groups.empty
        share = None if empty else at(groups.matrix, j, i) if turned else at(groups.matrix, i, j)
        words = "not defined, nothing leaked into it" if empty else SHARES.plain(share)
        hint = f"leakage into {names[i]} that came from steering {names[j]}: {words}"
        return HeatCell(share, SHARES.short(share, signed=False), hint)

    size = range(len(names))
    return HeatFacet(
        title,
        names,
        names,
        tuple(tuple(cell(i, j) for j in size) for i in size),
        row_title="into group",
        column_title="from steering group",
        colour="amount",
    )


def _distance_figure(found: LeakageFound, result: Result) -> Figure | None:
    measure = result.head.measure.name or "the measure"
    labels = tuple(f"{step.distance} step{'' if step.distance == 1 else 's'}" for step in found.by_distance)
    points = tuple(step.mean for step in found.by_distance)
    return dots(
        "leakage_by_distance",
        "Change by distance on the circle",
        "Mean change over all pairs of values at one distance, with intervals.",
        [DotFacet("By distance on the circle", labels, (Dots("mean change", "ink", points),))]
        if labels
        else [],
        axis=f"mean change of {measure}",
        numbers=effect_numbers(result),
    )


def _ratios(found: LeakageFound, head: Head) -> list[tuple[str, str]]:
    mean = SHARES.plain(found.nlr_mean)
    if found.nlr_mean is not None:
        ends = found.nlr_mean_ci
        mean += f" [{SHARES.plain(ends[0])}, {SHARES.plain(ends[1])}]" if ends else " [no interval]"
    floored = [head.value_name(value) for value in found.undefined]
    floor = "" if found.gain_floor is None else f" (gain at or below {found.gain_floor:g})"
    return [
        ("Mean NLR", mean),
        ("Median NLR", SHARES.plain(found.nlr_median)),
        ("Questions per cell", MISSING if found.n is None else str(found.n)),
        ("Method and setting", f"{method_name(found.method)}, {setting_name(found.setting)}"),
        ("Values without a gain of their own", (listing(floored) if floored else "none") + floor),
    ]


def _cells_table(found: LeakageFound) -> Table[Any]:
    rows = [
        (
            found.method,
            found.setting,
            steered,
            evaluated,
            found.base[j] if j < len(found.base) else None,
            at(found.delta, i, j),
            at(found.delta_low, i, j),
            at(found.delta_high, i, j),
            found.n,
            at(found.nlr, i, j),
            at(found.random.delta, i, j),
        )
        for i, steered in enumerate(found.values)
        for j, evaluated in enumerate(found.values)
    ]
    return records(
        "leakage_delta", "method setting steered evaluated base delta low high n nlr random_delta", rows
    )
