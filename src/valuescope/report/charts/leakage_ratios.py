"""Figure: normalised leakage between values and between groups (NeVA, figs. 4 and 8), for every method."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.report.fields import Fields
from valuescope.report.grid import Cell, draw_grid
from valuescope.report.names import method_name
from valuescope.report.numbers import SHARES
from valuescope.report.summary import Summary
from valuescope.report.svg import Figure, Panel, headed_panel

_Row = Sequence[float | None]


def leakage_ratios_figure(summary: Summary) -> Figure | None:
    """NLR between values and NGLR between groups, two panels a method; None where not measured."""
    block = Fields.of(summary.raw, "").object("leakages")
    panels = list[Panel]()
    for name in block.raw:
        own = block.object(name)
        values, ratios = own.texts("values"), own.object("leakage")
        names = {value: summary.value_name(value) for value in values}
        floored = {names[value] for value in ratios.texts("at_floor")}
        panels.append(
            _panel(f"{method_name(name)}: NLR", list(names.values()), ratios.matrix("nlr"), floored, "value")
        )
        shares = own.object("group_leakage")
        groups = [summary.group_name(group) for group in shares.texts("groups")]
        empty = {summary.group_name(group) for group in shares.texts("empty")}
        rows = shares.matrix("matrix")
        if groups and rows:
            filled = [row or (None,) * len(groups) for row in rows]
            panels.append(_panel(f"{method_name(name)}: NGLR", groups, filled, empty, "group"))
    if not panels:
        return None
    return Figure(
        "leakage_ratios",
        "Normalised leakage of every method",
        "NLR: an increase of another value divided by that value's own gain; 0 is none, 1 as much as its own edit gives. NGLR: of "
        "all that leaks into a group of values, the share that each group's edits put there. A question mark: not defined (no "
        "gain of its own to divide by, or a group that nothing leaked into).",
        tuple(panels),
    )


def _panel(title: str, names: Sequence[str], matrix: Sequence[_Row], floored: set[str], what: str) -> Panel:
    rows = [
        [_cell(names, floored, what, i, j, number) for j, number in enumerate(row)]
        for i, row in enumerate(matrix)
    ]
    peak = max(1.0, *(cell.value for row in rows for cell in row if cell.value is not None), 0.0)
    grid = draw_grid(
        names,
        names,
        rows,
        peak=peak,
        row_title="steered",
        column_title="evaluated",
        top=24,
        colour="amount",
    )
    said = "; ".join(cell.hint for row in rows for cell in row)
    return headed_panel(title, said, grid.body, grid.width, grid.height)


def _cell(names: Sequence[str], floored: set[str], what: str, i: int, j: int, number: float | None) -> Cell:
    pair = f"{names[i]} to {names[j]}"
    if what == "value" and i == j:
        return Cell(None, "–", f"{pair}: no leakage into itself")
    if number is None or names[j] in floored:
        return Cell(None, "?", f"{pair}: not defined")
    return Cell(
        number,
        f"{number:.2f}".removeprefix("0") if number < 1 else f"{number:.1f}",
        f"{pair}: {SHARES.plain(number)}",
    )
