"""Figure: how each value's support changes when each value's neurons are off (ValueExploration, fig. 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.metrics import Estimate
from valuescope.report.grid import Cell, draw_grid
from valuescope.report.markup import join
from valuescope.report.numbers import Numbers, listing, sample, spread
from valuescope.report.svg import Figure, Panel, headed_panel, text, text_width

_GRID_TOP = 42.0
_WHOLE = 9.95


@dataclass(frozen=True)
class PerturbationMap:
    """One matrix to draw: `change[i][j]` is value i's change in points with value j's neurons off.

    `largest[j]` are the rows to mark in column j, None for a column without any cell. `without_neurons` are places of
    values that have no neurons. `note` stands under the title, such as the result of a test.
    """

    title: str
    values: tuple[str, ...]
    change: tuple[tuple[Estimate | None, ...], ...]
    largest: tuple[tuple[int, ...] | None, ...]
    without_neurons: tuple[int, ...] = ()
    note: str = ""


def perturbation_figure(
    maps: Sequence[PerturbationMap],
    *,
    name: str = "perturbation",
    title: str = "Perturbation: change of support of every value (rows) with the neurons of every value off (columns)",
    groups: Sequence[tuple[str, Sequence[int]]] = (),
) -> Figure | None:
    """One heat map for each matrix, all in one scale of colours; None without any number.

    `groups` are (mark, places of values), drawn as brackets.
    """
    cells = [cell for one in maps for row in one.change for cell in row if cell is not None]
    means = [abs(cell.mean) for cell in cells if cell.mean is not None]
    if not means:
        return None
    most = max((len(rows) for one in maps for rows in one.largest if rows), default=0)
    numbers = Numbers(1 if max(means) >= 1 else 2)
    empty = dict.fromkeys(one.values[place] for one in maps for place in one.without_neurons)
    said = (
        f" Hatched: {listing(empty)} had no neurons found, so that nothing was switched off." if empty else ""
    )
    return Figure(
        name,
        title,
        f"Points of support, paired by dilemma; n = {spread({cell.n for cell in cells if cell.n})} for each cell. Framed: a "
        f"value under its own neurons. Corner: among the {most} largest drops of its column. Bold: the interval leaves 0 "
        f"out.{said}",
        tuple(_panel(one, max(means), numbers, groups) for one in maps),
    )


def _panel(
    shown: PerturbationMap,
    peak: float,
    numbers: Numbers,
    groups: Sequence[tuple[str, Sequence[int]]],
) -> Panel:
    rows: list[list[Cell]] = []
    for i, evaluated in enumerate(shown.values):
        row: list[Cell] = []
        for j, off in enumerate(shown.values):
            cell, marks = shown.change[i][j], shown.largest[j]
            what = f"{evaluated} with the neurons of {off} off"
            if j in shown.without_neurons:
                row.append(Cell(None, "", f"{what}: no neurons found", hatched=True))
                continue
            mean = None if cell is None else cell.mean
            clear = cell is not None and cell.ci is not None and (cell.ci[0] > 0 or cell.ci[1] < 0)
            marked = marks is not None and i in marks
            hint = f"{what}: {numbers.full(cell)} {sample(cell)}".strip()
            row.append(
                Cell(
                    mean,
                    "?" if mean is None else _short(mean, numbers),
                    hint + (", among the largest drops" if marked else ""),
                    strong=clear,
                    marked=marked,
                )
            )
        rows.append(row)
    grid = draw_grid(
        shown.values,
        shown.values,
        rows,
        peak=peak,
        row_title="support of",
        column_title="neurons off",
        diagonal=True,
        groups=groups,
        top=_GRID_TOP,
    )
    said = "; ".join(cell.hint for row in rows for cell in row)
    note = text(0, 31, shown.note, "muted") if shown.note else None
    words = f"{shown.note}. {said}" if shown.note else said
    width = max(grid.width, text_width(shown.note, 11))
    return headed_panel(shown.title, words, join([note, grid.body]), width, grid.height)


def _short(change: float, numbers: Numbers) -> str:
    """A change with its sign, without decimals from 10 points on: two panels then stand side by side."""
    return (Numbers(0) if abs(change) >= _WHOLE else numbers).signed(change)
