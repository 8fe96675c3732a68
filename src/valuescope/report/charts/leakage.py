"""Figures: what steering one value does to all others."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.report.grid import Cell, draw_grid
from valuescope.report.markup import Markup, join, number, tag
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import Numbers, effect_numbers, sample
from valuescope.report.scale import scale_over, spans, x_axis
from valuescope.report.summary import Leakage, Matrix, Summary
from valuescope.report.svg import (
    Figure,
    Panel,
    enlarged,
    fitted,
    headed_panel,
    marker,
    text,
    text_width,
    whisker,
)

_MARKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def group_marks(summary: Summary) -> dict[str, str]:
    """A letter for each group of values, in the summary's order."""
    return dict(zip(summary.groups, _MARKS, strict=False))


def leakage_figure(summary: Summary) -> Figure | None:
    """The matrix of changes, and that of random neurons where it was measured; None without a matrix."""
    leakage = summary.leakage
    if leakage is None or not leakage.delta:
        return None
    numbers = effect_numbers(summary)
    matrices = [("Change under each value's neurons", leakage.delta, True)]
    if leakage.random_delta:
        matrices.append(("Change under random neurons", leakage.random_delta, False))
    peak = max(
        (abs(cell) for _, matrix, _ in matrices for row in matrix for cell in row if cell is not None),
        default=0.0,
    )
    return Figure(
        "leakage",
        f"Leakage: change of {summary.measure_name} of every value (columns) under the edit of every value "
        "(rows)",
        f"{method_name(leakage.method)}, {setting_name(leakage.setting)}. Values stand in their theory's "
        "order. Bold: the interval leaves 0 out. Framed: a value under its own edit.",
        tuple(
            _changes(summary, leakage, title, matrix, peak, numbers, ours) for title, matrix, ours in matrices
        ),
    )


def _changes(
    summary: Summary, leakage: Leakage, title: str, matrix: Matrix, peak: float, numbers: Numbers, ours: bool
) -> Panel:
    names, order = _ordered(summary, leakage)
    rows: list[list[Cell]] = []
    for steered in order:
        row: list[Cell] = []
        for seen in order:
            change = matrix[steered][seen]
            low = leakage.low[steered][seen] if ours and leakage.low else None
            high = leakage.high[steered][seen] if ours and leakage.high else None
            interval = (
                "" if low is None or high is None else f" [{numbers.signed(low)}, {numbers.signed(high)}]"
            )
            size = "" if leakage.n is None else f", n = {leakage.n}"
            what = f"{names[steered]} steered, {names[seen]} evaluated"
            clear = low is not None and high is not None and (low > 0 or high < 0)
            row.append(
                Cell(
                    change,
                    _short(change, numbers),
                    f"{what}: {numbers.signed(change)}{interval}{size}",
                    clear,
                )
            )
        rows.append(row)
    labels = [names[i] for i in order]
    grid = draw_grid(
        labels,
        labels,
        rows,
        peak=peak,
        row_title="steered",
        column_title="evaluated",
        diagonal=True,
        groups=_groups(summary, [leakage.values[i] for i in order]),
        top=24,
    )
    said = "; ".join(cell.hint for row in rows for cell in row)
    return headed_panel(title, said, grid.body, grid.width, grid.height)


def nlr_figure(summary: Summary) -> Figure | None:
    """The normalised leakage of each pair of values; None where it was not measured."""
    leakage = summary.leakage
    if leakage is None or not leakage.nlr:
        return None
    names, order = _ordered(summary, leakage)
    numbers, floored = Numbers(2), set(leakage.undefined)
    rows: list[list[Cell]] = []
    for steered in order:
        row: list[Cell] = []
        for seen in order:
            what = f"{names[steered]} steered, {names[seen]} evaluated"
            if steered == seen:
                row.append(Cell(None, "–", f"{what}: no leakage into itself"))
            elif leakage.values[seen] in floored:
                row.append(Cell(None, "?", f"{what}: not defined, no gain of its own to divide by"))
            else:
                ratio = leakage.nlr[steered][seen]
                row.append(
                    Cell(ratio, _short(ratio, numbers, signed=False), f"{what}: NLR {numbers.plain(ratio)}")
                )
        rows.append(row)
    peak = max(1.0, max((cell.value for row in rows for cell in row if cell.value is not None), default=1.0))
    labels = [names[i] for i in order]
    grid = draw_grid(
        labels,
        labels,
        rows,
        peak=peak,
        row_title="steered",
        column_title="evaluated",
        top=24,
        colour="amount",
    )
    said = "; ".join(cell.hint for row in rows for cell in row)
    beside = [panel for panel in (_group_panel(summary, leakage), _distance_panel(summary, leakage)) if panel]
    panels = [
        headed_panel("Normalised leakage (NLR)", said, grid.body, grid.width, grid.height),
        *_stacked(beside),
    ]
    return Figure(
        "nlr",
        "Normalised leakage ratios",
        "Leak (increases only) divided by the evaluated value's own gain; 0 is none, 1 is as much as its "
        "own edit gives. A question mark: missing, or not defined (a value without a gain of its own, a "
        "group that nothing leaked into).",
        tuple(panels),
    )


def _group_panel(summary: Summary, leakage: Leakage) -> Panel | None:
    if not leakage.group_matrix:
        return None
    names = [summary.group_name(group) for group in leakage.groups]
    numbers, rows = Numbers(2), list[list[Cell]]()
    for receiving, row in enumerate(leakage.group_matrix):
        cells = []
        for steered, share in enumerate(row):
            hint = f"leakage into {names[receiving]} that came from steering {names[steered]}: {numbers.plain(share)}"
            cells.append(Cell(share, _short(share, numbers, signed=False), hint))
        rows.append(cells)
    grid = draw_grid(
        names,
        names,
        rows,
        peak=1.0,
        row_title="into group",
        column_title="from steering group",
        top=24,
        colour="amount",
    )
    said = "; ".join(cell.hint for row in rows for cell in row)
    return headed_panel("Between groups (share of each row)", said, grid.body, grid.width, grid.height)


def _distance_panel(summary: Summary, leakage: Leakage) -> Panel | None:
    if not spans(estimate for _, estimate in leakage.by_distance):
        return None
    numbers, width, top = effect_numbers(summary), 400.0, 36.0
    right = width - 14 - max(text_width(numbers.full(estimate), 11) for _, estimate in leakage.by_distance)
    scale = scale_over(spans(estimate for _, estimate in leakage.by_distance), 66, right)
    drawn, said = [], []
    bottom = top + 30 * len(leakage.by_distance)
    for row, (steps, estimate) in enumerate(leakage.by_distance):
        y = top + 30 * (row + 0.5)
        label = f"{steps} step" + ("s" if steps != 1 else "")
        drawn.append(text(54, y + 4, label, "end"))
        said.append(f"{label}: {numbers.full(estimate)} {sample(estimate)}")
        drawn.append(text(width, y, numbers.full(estimate), "end num"))
        drawn.append(text(width, y + 11, sample(estimate).replace("n = ", "pairs: "), "end num muted small"))
        if estimate.mean is None:
            continue
        if estimate.low is not None and estimate.high is not None:
            drawn.append(whisker(scale(estimate.low), scale(estimate.high), y, "s-ink"))
        drawn.append(marker(scale(estimate.mean), y, 0, "f-ink", size=4, hint=said[-1]))
    caption = text(
        (66 + right) / 2, bottom + 30, fitted(f"mean change of {summary.measure_name}", 240), "mid muted"
    )
    body = join([x_axis(scale, top, bottom, about=4, signed=True), drawn, caption])
    return headed_panel("By distance on the circle", "; ".join(said), body, width, bottom + 38)


def _stacked(panels: Sequence[Panel]) -> list[Panel]:
    """The panels as one, each below the one before; [] for none."""
    if not panels:
        return []
    top, placed = 0.0, list[Markup]()
    for panel in panels:
        placed.append(tag("g", panel.body, transform=f"translate(0 {number(top)})"))
        top += panel.height + 24
    width = max(panel.width for panel in panels)
    words = [" and ".join(panel.title for panel in panels), " ".join(panel.description for panel in panels)]
    return [Panel(words[0], words[1], width, top - 24, join(placed), enlarged(width))]


def _ordered(summary: Summary, leakage: Leakage) -> tuple[list[str], list[int]]:
    """Names by position in the matrix, and the positions in the summary's order of values (the circle's)."""
    names = [summary.value_name(value) for value in leakage.values]
    rank = {value: place for place, value in enumerate(summary.values)}
    order = sorted(range(len(names)), key=lambda i: (rank.get(leakage.values[i], len(rank)), i))
    return names, order


def _groups(summary: Summary, order: Sequence[str]) -> list[tuple[str, list[int]]]:
    marks = group_marks(summary)
    found = [
        (marks.get(group, ""), [i for i, value in enumerate(order) if value in members])
        for group, members in summary.groups.items()
    ]
    return [(mark, members) for mark, members in found if mark and members]


def _short(value: float | None, numbers: Numbers, *, signed: bool = True) -> str:
    """A number without the zero before its point: `+.66`."""
    if value is None:
        return "?"
    shown = numbers.signed(value) if signed else numbers.plain(value)
    return (
        shown.replace("0.", ".", 1)
        if abs(value) < 1 and float(f"{abs(value):.{numbers.digits}f}") < 1
        else shown
    )
