"""Figures: success and fluency by value and method, and the leakage ratios of every method."""

from __future__ import annotations

from valuescope.report.fields import Fields
from valuescope.report.grid import Cell, draw_grid
from valuescope.report.names import method_name
from valuescope.report.numbers import SHARES, Numbers, sample
from valuescope.report.summary import Summary
from valuescope.report.svg import Figure, Panel, headed_panel

_POINTS = Numbers(0)
_TITLES = {"success": "Control success (CSR)", "fluency": "Fluent answers (FR)"}


def rates_figure(summary: Summary) -> Figure | None:
    """Success and fluency of each value under its own edit, a row per method; None where not measured."""
    block = Fields.of(summary.raw, "").object("rates")
    order = block.texts("order")
    if not order:
        return None
    values, panels = summary.values, list[Panel]()
    for what, title in _TITLES.items():
        rows = list[list[Cell]]()
        for arm in order:
            own, row = block.object(what).object(arm), list[Cell]()
            for value in values:
                found = own.estimate(value)
                mean = None if found is None else found.mean
                effect = block.object("effect").object(arm).estimate(value) if what == "success" else None
                clear = effect is not None and effect.low is not None and effect.high is not None
                strong = clear and (effect.low > 0 or effect.high < 0)  # type: ignore[union-attr, operator]
                hint = f"{method_name(arm)}, {summary.value_name(value)}: {SHARES.full(found, signed=False)} {sample(found)}"
                row.append(Cell(mean, "?" if mean is None else f"{100 * mean:.0f}", hint, bool(strong)))
            rows.append(row)
        grid = draw_grid(
            [method_name(arm) for arm in order],
            [summary.value_name(value) for value in values],
            rows,
            peak=1.0,
            row_title="",
            column_title="in percent",
            top=24,
            colour="amount",
        )
        said = "; ".join(cell.hint for row in rows for cell in row)
        panels.append(headed_panel(title, said, grid.body, grid.width, grid.height))
    return Figure(
        "rates",
        "Control success and fluency of each value under its own edit",
        "Every method at its headline setting, and the base model. Bold: the interval of the change from the base leaves 0 out.",
        tuple(panels),
    )


def leakages_figure(summary: Summary) -> Figure | None:
    """The changes of all values under the edit of each, a panel per method; None where not measured."""
    block = Fields.of(summary.raw, "").object("leakages")
    panels = list[Panel]()
    for name in block.raw:
        own = block.object(name)
        delta = own.object("delta")
        values, mean, low, high = (
            own.texts("values"),
            *(delta.matrix(what) for what in ("mean", "low", "high")),
        )
        rows = list[list[Cell]]()
        for i, steered in enumerate(values):
            row = list[Cell]()
            for j, seen in enumerate(values):
                change, least, most = mean[i][j], low[i][j], high[i][j]
                clear = least is not None and most is not None and (least > 0 or most < 0)
                hint = (
                    f"{summary.value_name(steered)} steered, {summary.value_name(seen)} evaluated: "
                    f"{SHARES.signed(change)} [{SHARES.signed(least)}, {SHARES.signed(most)}]"
                )
                row.append(
                    Cell(change, _POINTS.signed(None if change is None else 100 * change), hint, clear)
                )
            rows.append(row)
        names = [summary.value_name(value) for value in values]
        grid = draw_grid(
            names,
            names,
            rows,
            peak=1.0,
            row_title="steered",
            column_title="evaluated; change in points",
            diagonal=True,
            top=24,
        )
        said = "; ".join(cell.hint for row in rows for cell in row)
        panels.append(headed_panel(method_name(name), said, grid.body, grid.width, grid.height))
    if not panels:
        return None
    return Figure(
        "leakages",
        "Leakage of every method: change of every value (columns) under the edit of every value (rows)",
        "Every method at its headline setting. Bold: the interval leaves 0 out. Framed: a value under its own edit.",
        tuple(panels),
    )
