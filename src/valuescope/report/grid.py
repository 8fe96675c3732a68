"""A heat map: cells with numbers, row and column names, and marks for groups of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from valuescope.report.markup import Child, Markup, join, tag
from valuescope.report.svg import fitted, line, polygon, rect, text, text_width

CELL_HEIGHT = 25
_STRONGEST = 0.78  # of full colour, so that the numbers stay readable on it
_SIZE = 10
_ROOM = 130
_HATCH = 7


@dataclass(frozen=True)
class Cell:
    """One cell: its value (None: missing), the text in it, what the pointer shows, and whether to stress it.

    `marked` puts a corner on it; `hatched` shows that a missing cell could not be measured at all.
    """

    value: float | None
    shown: str
    hint: str
    strong: bool = False
    marked: bool = False
    hatched: bool = False


@dataclass(frozen=True)
class Grid:
    """Where the parts of a drawn heat map are."""

    body: Markup
    width: float
    height: float


def draw_grid(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[Cell]],
    *,
    peak: float,
    row_title: str,
    column_title: str,
    diagonal: bool = False,
    groups: Sequence[tuple[str, Sequence[int]]] = (),
    top: float = 0.0,
    colour: str = "up",
) -> Grid:
    """Draw `cells[row][column]`: colours go from 0 (none) to `peak` (strongest): `colour` where
    they are positive, "down" where they are negative.

    `groups` are (mark, positions), drawn as brackets along rows and columns; `diagonal` frames its cells.
    """
    lanes = 15.0 * (1 + _overlap(groups)) if groups else 0.0
    room = min(_ROOM, max((text_width(name, 11) for name in rows), default=0.0)) + 4
    widest = max((text_width(cell.shown, _SIZE) for line_ in cells for cell in line_), default=0.0)
    step = max(27.0, widest * 1.1 + 6)  # bold numbers are wider
    slant = min(_ROOM, max((text_width(name, 11) for name in columns), default=0.0)) * 0.72
    left = 14 + lanes + room + 4
    first = top + 20 + slant + 10
    right, last = left + step * len(columns), first + CELL_HEIGHT * len(rows)
    parts: list[Child] = [
        text(left, top + 11, column_title, "muted"),
        text(10, (first + last) / 2, row_title, "mid muted", turn=-90),
    ]
    for column, name in enumerate(columns):
        x = left + step * (column + 0.5)
        parts.append(text(x + 2, first - 6, fitted(name, _ROOM), turn=-45))
    for row, name in enumerate(rows):
        y = first + CELL_HEIGHT * row
        parts.append(text(left - 6, y + CELL_HEIGHT * 0.66, fitted(name, _ROOM), "end"))
        for column in range(len(columns)):
            parts.append(_cell(cells[row][column], left + step * column, y, step, peak, colour))
    if diagonal:
        parts += [
            rect(left + step * i, first + CELL_HEIGHT * i, step, CELL_HEIGHT, "frame")
            for i in range(len(rows))
        ]
    parts.append(_brackets(groups, lambda i: first + CELL_HEIGHT * i, 22.0, upright=True))
    parts.append(_brackets(groups, lambda i: left + step * i, last + 6, upright=False))
    return Grid(join(parts), right + max(slant + 8 - step / 2, 6), last + 6 + lanes)


def _cell(cell: Cell, x: float, y: float, step: float, peak: float, colour: str) -> Markup:
    if cell.value is None:
        drawn = [rect(x + 0.5, y + 0.5, step - 1, CELL_HEIGHT - 1, "empty")]
        if cell.hatched:
            drawn += _hatching(x + 0.5, y + 0.5, step - 1, CELL_HEIGHT - 1)
        return tag(
            "g",
            tag("title", cell.hint),
            drawn,
            text(x + step / 2, y + CELL_HEIGHT * 0.66, cell.shown, "mid muted"),
        )
    share = min(abs(cell.value) / peak, 1.0) * _STRONGEST if peak > 0 else 0.0
    kind = colour if cell.value >= 0 else "down"
    style = "mid num cell" + (" bold" if cell.strong else "")
    return tag(
        "g",
        tag("title", cell.hint),
        rect(x + 0.5, y + 0.5, step - 1, CELL_HEIGHT - 1, "panel"),
        rect(x + 0.5, y + 0.5, step - 1, CELL_HEIGHT - 1, kind, opacity=share),
        text(x + step / 2, y + CELL_HEIGHT * 0.65, cell.shown, style),
        polygon([(x + 1, y + 1), (x + 8, y + 1), (x + 1, y + 8)], "f-ink") if cell.marked else None,
    )


def _hatching(x: float, y: float, width: float, height: float) -> list[Markup]:
    """Slanted lines that fill a cell; a pattern would need a reference by address."""
    return [
        line(
            x + min(across, width),
            y + across - min(across, width),
            x + across - min(across, height),
            y + min(across, height),
            "axis faint",
        )
        for across in range(_HATCH, int(width + height), _HATCH)
    ]


def _overlap(groups: Sequence[tuple[str, Sequence[int]]]) -> int:
    """1 where two groups share a member and need two lanes."""
    seen: set[int] = set()
    for _, members in groups:
        if seen & set(members):
            return 1
        seen |= set(members)
    return 0


def _brackets(
    groups: Sequence[tuple[str, Sequence[int]]], at: Callable[[int], float], lane: float, *, upright: bool
) -> Markup:
    """A line along each stretch of neighbours of a group, with the group's mark beside its middle."""
    two_lanes, parts = _overlap(groups), list[Markup]()
    for number, (mark, members) in enumerate(groups):
        across = lane + (15.0 * (number % 2) if two_lanes else 0.0)
        for start, end in _stretches(sorted(members)):
            low, high = at(start) + 2, at(end + 1) - 2
            middle = (low + high) / 2
            if upright:
                parts.append(line(across, low, across, high, "s-muted"))
                parts.append(text(across, middle + 3.5, mark, "mid small bold halo"))
            else:
                parts.append(line(low, across, high, across, "s-muted"))
                parts.append(text(middle, across + 3.5, mark, "mid small bold halo"))
    return join(parts)


def _stretches(members: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of consecutive positions as (first, last)."""
    runs: list[tuple[int, int]] = []
    for member in members:
        if runs and member == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], member)
        else:
            runs.append((member, member))
    return runs
