"""How the leakage of every method is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from valuescope.lab.result import Head, Result
from valuescope.parts.leakage_found import MatrixFound, MethodLeakage
from valuescope.parts.leakage_shown import at, change_cell, group_facet, named_cells, ratio_facet
from valuescope.parts.method import effect_numbers
from valuescope.report.blocks import Section, Words
from valuescope.report.figure import Figure
from valuescope.report.names import method_name
from valuescope.report.numbers import MISSING, SHARES, Numbers
from valuescope.report.plots import HeatCell, HeatFacet, heat_maps
from valuescope.report.table import Column, Table, records


class _Method(NamedTuple):
    name: str
    found: MethodLeakage


def leakages_section(found: Mapping[str, MethodLeakage], result: Result) -> Section:
    """Every method's matrix, ratios and test."""
    numbers = effect_numbers(result)

    def p(row: _Method) -> str:
        test = row.found.test
        if test is None or test.p is None:
            return (test and test.reason) or MISSING
        return f"{test.p:.3g}"

    columns: tuple[Column[_Method], ...] = (
        Column("", "Method", lambda row: method_name(row.name)),
        Column("", "NLR, mean", lambda row: row.found.leakage.nlr_mean, SHARES, signed=False),
        Column("", "NLR, median", lambda row: row.found.leakage.nlr_median, SHARES, signed=False),
        Column(
            "",
            "NLR, mean of defined",
            lambda row: row.found.leakage.nlr_mean_defined,
            SHARES,
            signed=False,
            small=lambda row: f"{row.found.leakage.undefined} undefined",
        ),
        Column("", "Leak, mean", lambda row: row.found.leakage.leak_mean, numbers),
        Column("", "Leak of random control", lambda row: row.found.random.leakage.leak_mean, numbers),
        Column(
            "",
            "Neighbours less others",
            lambda row: row.found.test.contrast if row.found.test else None,
            numbers,
        ),
        Column("", "p", p),
    )
    note = Words(
        "NLR divides each increase by the evaluated value's own gain. Where a value gains nothing the gain is a floor and its "
        "ratios are arbitrary and large: they are counted as undefined, and the mean over all is then no fair summary. p: how "
        "often values exchanged at random on the circle give neighbours as large a share of the change (permutation test).",
        style="small",
    )
    rows = [_Method(name, method) for name, method in found.items()]
    blocks = (
        _matrices_figure(rows, result),
        Table("", "Leakage ratios", columns, rows),
        note,
        _all_ratios_figure(rows, result),
        _all_cells_table(rows),
    )
    return Section("leakages", "Leakage of every method", blocks, link="Leakage of all")


def changes_facet(title: str, found: MatrixFound, head: Head) -> HeatFacet:
    """One matrix of changes in points: values steered in rows, evaluated in columns."""
    points = Numbers(0)

    def cell(i: int, j: int) -> HeatCell:
        delta = found.delta
        change, low, high = (at(matrix, i, j) for matrix in (delta.mean, delta.low, delta.high))
        made = change_cell(change, low, high, SHARES)
        words = points.signed(None if change is None else 100 * change)
        return HeatCell(change, words, made.hint, made.strong)

    names = tuple(map(head.value_name, found.values))
    return HeatFacet(
        title,
        names,
        names,
        named_cells(found.values, head, cell),
        row_title="steered",
        column_title="evaluated; change in points",
        diagonal=True,
    )


def _matrices_figure(rows: Sequence[_Method], result: Result) -> Figure | None:
    facets = [changes_facet(method_name(name), found, result.head) for name, found in rows]
    return heat_maps(
        "leakages",
        "Leakage of every method: change of every value (columns) under the edit of every value (rows)",
        "Every method at its headline setting. Bold: the interval leaves 0 out. Framed: a value under its own edit.",
        facets,
        peak=1.0,
    )


def _all_ratios_figure(rows: Sequence[_Method], result: Result) -> Figure | None:
    facets = []
    for name, found in rows:
        ratios, title = found.leakage, method_name(name)
        facets.append(ratio_facet(f"{title}: NLR", found.values, ratios.nlr, ratios.at_floor, result.head))
        groups = group_facet(f"{title}: NGLR", found.group_leakage, result.head)
        facets += [groups] if groups else []
    return heat_maps(
        "leakage_ratios",
        "Normalised leakage of every method",
        "NLR: an increase of another value divided by that value's own gain; 0 is none, 1 as much as its own edit gives. NGLR: of "
        "all that leaks into a group of values, the share that each group's edits put there. A question mark: not defined (no "
        "gain of its own to divide by, or a group that nothing leaked into).",
        facets,
        peak=1.0,
    )


def _all_cells_table(rows: Sequence[_Method]) -> Table[Any]:
    cells = [
        (
            name,
            steered,
            evaluated,
            *(
                at(matrix, i, j)
                for matrix in (
                    found.delta.mean,
                    found.delta.low,
                    found.delta.high,
                    found.leakage.nlr,
                    found.random.delta.mean,
                )
            ),
        )
        for name, found in rows
        for i, steered in enumerate(found.values)
        for j, evaluated in enumerate(found.values)
    ]
    return records("leakages", "method steered evaluated delta low high nlr random_delta", cells)
