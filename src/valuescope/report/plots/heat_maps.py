"""Heat maps: cells with numbers, names of rows and columns, brackets of groups, sums at the sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from valuescope.report.colours import Style, colour_of
from valuescope.report.drawing import SIZE, SMALL, Canvas
from valuescope.report.figure import Figure, Panel, columns_for
from valuescope.report.numbers import MISSING, spread
from valuescope.report.plots.frame import Head, room_for
from valuescope.report.text import fitted, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW, _NUMBER = 25.0, 10.0
_STRONGEST = 0.78  # of full colour, so that the numbers stay readable on it
_ROOM, _LANE, _BARS = 130.0, 15.0, 40.0
_SHRUNK = 0.8  # how far a page may shrink a panel to put more in a row


@dataclass(frozen=True)
class HeatCell:
    """One cell: its value (None: missing), the words in it, what the pointer shows.

    `strong` is bold, `marked` puts a corner on it, `hatched` shows that a missing one could not be measured.
    """

    value: float | None
    words: str
    hint: str = ""
    strong: bool = False
    marked: bool = False
    hatched: bool = False


@dataclass(frozen=True)
class HeatFacet:
    """One matrix, `cells[row][column]`.

    `diagonal` frames a row's own column. `groups`: (mark, places) of neighbours, drawn as brackets. `colour`: "up"
    (with blue for what is below 0), "amount", or a method's place. `sums`: bars over the columns, totals beside the rows.
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[HeatCell]]
    row_title: str = ""
    column_title: str = ""
    diagonal: bool = False
    groups: Sequence[tuple[str, Sequence[int]]] = ()
    note: str = ""
    colour: str | int = "up"
    sums: bool = False

    def values(self) -> list[float]:
        """Every value that is there."""
        return [cell.value for row in self.cells for cell in row if cell.value is not None]


def counts_facet(
    title: str, subtitle: str, rows: Sequence[tuple[str, Sequence[int] | None]], style: Style
) -> HeatFacet | None:
    """Neurons of each name (rows) in each layer (columns, from 1), None where missing; None without any neuron."""
    present = [counts for _, counts in rows if counts is not None]
    if not any(map(any, present)):
        return None
    layers = max(map(len, present))
    cells = [
        [HeatCell(None, MISSING if layer == 0 else "", f"{name}: {MISSING}") for layer in range(layers)]
        if counts is None
        else [
            HeatCell(float(count), str(count), f"{name}, layer {layer}: {count}")
            for layer, count in enumerate(counts, 1)
        ]
        for name, counts in rows
    ]
    note = subtitle or f"{spread(sum(counts) for counts in present)} neurons"
    names, numbers = [name for name, _ in rows], [str(layer) for layer in range(1, layers + 1)]
    colour = style if isinstance(style, int) else "amount"
    return HeatFacet(title, names, numbers, cells, "", "layer", note=note, colour=colour, sums=True)


def heat_maps(
    name: str, title: str, description: str, facets: Sequence[HeatFacet | None], *, peak: float | None = None
) -> Figure | None:
    """A panel for each matrix; None without any number.

    Colours go from none at 0 to the strongest at `peak`, the largest value of all matrices where it is not given (of
    each matrix where sums are drawn).
    """
    shown = [facet for facet in facets if facet is not None and facet.rows]
    values = [abs(value) for facet in shown for value in facet.values()]
    if not values:
        return None
    grids = [
        _Grid(
            facet, peak or (max(map(abs, facet.values()), default=1.0) if facet.sums else max(values)) or 1.0
        )
        for facet in shown
    ]
    widest = max(grid.width for grid in grids)
    columns = columns_for(len(grids), widest * _SHRUNK)
    return Figure(name, title, description, columns, lambda: [grid.panel() for grid in grids])


class _Grid:
    """Where the parts of a matrix are, and how it is drawn."""

    def __init__(self, facet: HeatFacet, peak: float) -> None:
        self.facet, self.peak = facet, peak
        upright = all(len(name) <= 3 for name in facet.columns)
        self.lanes = _LANE * (1 + _overlap(facet.groups)) if facet.groups else 0.0
        widest = max(
            (text_width(cell.words, _NUMBER) for row in facet.cells for cell in row if cell.words != MISSING),
            default=0.0,
        )
        self.step = max(27.0, widest * 1.1 + 6)  # bold numbers are wider
        if facet.sums:
            self.step = max(6.0, min(self.step, 300.0 / len(facet.columns)))
        self.slant = 0.0 if upright else room_for(facet.columns, _ROOM) * 0.72
        self.left = (14 if facet.row_title else 0) + self.lanes + room_for(facet.rows, _ROOM) + 8
        self.head = Head(facet.title, facet.note, facet.colour if isinstance(facet.colour, int) else "ink")
        above = (16 if facet.column_title and not upright else 0) + self.slant
        self.top = self.head.height(300) + above + (_BARS + 14 if facet.sums else 10)
        self.right = self.left + self.step * len(facet.columns)
        self.bottom = self.top + _ROW * len(facet.rows)
        tail = room_for(["00000"], 60) if facet.sums else max(self.slant + 8 - self.step / 2, 6)
        self.width = max(self.right + tail, text_width(facet.title, 13.5), text_width(facet.note, SIZE))
        self.upright = upright
        self.height = self.bottom + 8 + self.lanes + (28 if upright else 0)

    def panel(self) -> Panel:
        """The drawing."""
        facet = self.facet
        canvas = Canvas(self.width, self.height)
        self.head.draw(canvas)
        field = canvas.axes(
            (self.left, self.right), (self.bottom, self.top), (0, len(facet.columns)), (len(facet.rows), 0)
        )
        for row, name in enumerate(facet.rows):
            canvas.text(self.left - 6, self._down(row + 0.5) + 4, fitted(name, _ROOM, SIZE), anchor="end")
            for column in range(len(facet.columns)):
                self._cell(canvas, field, row, column)
        self._names(canvas)
        if facet.diagonal:
            for place in range(min(len(facet.rows), len(facet.columns))):
                canvas.box(field, (place, place), 1, 1, "ink", fill=False, linewidth=1.5, zorder=4)
        if facet.sums:
            self._sums(canvas)
        self._brackets(canvas)
        said = "; ".join(cell.hint for row in facet.cells for cell in row if cell.hint)
        words = f"{facet.note}. {said}." if facet.note else f"{said}."
        return Panel(facet.title, words, self.width, self.height, canvas.finished())

    def _down(self, row: float) -> float:
        return self.top + _ROW * row

    def _across(self, column: float) -> float:
        return self.left + self.step * column

    def _cell(self, canvas: Canvas, field: Axes, row: int, column: int) -> None:
        cell = self.facet.cells[row][column] if column < len(self.facet.cells[row]) else HeatCell(None, "")
        gap = min(0.02, 0.1 / self.step * 4)
        corner, size = (column + gap, row + gap), 1 - 2 * gap
        if cell.value is None:
            dash = (0, (2, 2))
            canvas.box(
                field, corner, size, size, "panel", hint=cell.hint, edge="line", linewidth=0.9, linestyle=dash
            )
            for start, end in _hatching() if cell.hatched else ():
                canvas.line(
                    field,
                    (column + start[0], column + end[0]),
                    (row + start[1], row + end[1]),
                    "muted",
                    lw=0.7,
                )
        else:
            colour = self.facet.colour
            name = colour_of(colour) if isinstance(colour, int) else colour if cell.value >= 0 else "down"
            share = round(min(abs(cell.value) / self.peak, 1.0) * _STRONGEST, 3)
            paint: dict[str, Any] = {"alpha": share} if share > 0.03 else {}
            canvas.box(field, corner, size, size, name if paint else "panel", hint=cell.hint, **paint)
        if cell.words and (cell.words == MISSING or text_width(cell.words, _NUMBER) + 2 <= self.step):
            faint = cell.value is None or (self.facet.sums and cell.value == 0)
            x, middle = (
                (self._across(0.2), "start")
                if cell.words == MISSING
                else (self._across(column + 0.5), "middle")
            )
            canvas.text(
                x,
                self._down(row + 0.5) + 3.5,
                cell.words,
                size=_NUMBER,
                colour="muted" if faint else "ink",
                anchor=middle,
                bold=cell.strong,
            )
        if cell.marked:
            x, y = self._across(column + gap), self._down(row + gap)
            canvas.shape([(x, y), (x + 8, y), (x, y + 8)], "ink")

    def _names(self, canvas: Canvas) -> None:
        facet = self.facet
        every = next(n for n in (1, 2, 4, 5, 8, 10, 16, 20, 40, 1000) if n * self.step >= 20)
        for column, name in enumerate(facet.columns):
            if not self.upright:
                canvas.text(self._across(column + 0.5) + 3, self.top - 6, fitted(name, _ROOM, SIZE), turn=45)
            elif column == 0 or (column + 1) % every == 0:
                canvas.text(
                    self._across(column + 0.5), self.bottom + 14, name, colour="muted", anchor="middle"
                )
        if self.upright:
            canvas.text(
                (self.left + self.right) / 2,
                self.bottom + 30,
                facet.column_title,
                colour="muted",
                anchor="middle",
            )
        else:
            canvas.text(self.left, self.head.height(300) + 10, facet.column_title, colour="muted")
        if facet.row_title:
            canvas.text(
                10, (self.top + self.bottom) / 2, facet.row_title, colour="muted", anchor="middle", turn=90
            )

    def _sums(self, canvas: Canvas) -> None:
        """Bars over the columns and totals beside the rows; what is missing adds nothing and has no total."""
        cells, base = self.facet.cells, self.top - 6
        totals = [
            sum(row[c].value or 0.0 for row in cells if c < len(row)) for c in range(len(self.facet.columns))
        ]
        most = max(totals) or 1.0
        field = canvas.axes((self.left, self.right), (base, base - _BARS + 12), (0, len(totals)), (0, most))
        colour = colour_of(self.facet.colour) if isinstance(self.facet.colour, int) else self.facet.colour
        for column, total in enumerate(totals):
            canvas.box(
                field,
                (column + 0.08, 0),
                0.84,
                total,
                colour,
                hint=f"{self.facet.columns[column]}: {total:g}",
            )
            if self.step >= text_width(f"{total:g}", SMALL) + 2:
                y = base - (_BARS - 12) * total / most - 3
                canvas.text(
                    self._across(column + 0.5), y, f"{total:g}", size=SMALL, colour="muted", anchor="middle"
                )
        canvas.text(self.width, base, "all", colour="muted", anchor="end")
        for row, line in enumerate(cells):
            if any(cell.value is not None for cell in line):
                total = sum(cell.value or 0.0 for cell in line)
                canvas.text(self.width, self._down(row + 0.5) + 4, f"{total:g}", anchor="end", bold=True)

    def _brackets(self, canvas: Canvas) -> None:
        """A line along each stretch of neighbours of a group, with the group's mark beside its middle."""
        two = _overlap(self.facet.groups)
        for number, (mark, places) in enumerate(self.facet.groups):
            lane = _LANE * (number % 2) if two else 0.0
            for start, end in _stretches(sorted(places)):
                side, below = 22.0 + lane, self.bottom + 8 + lane
                _bracket(canvas, mark, (side, self._down(start) + 2), (side, self._down(end + 1) - 2))
                _bracket(canvas, mark, (self._across(start) + 2, below), (self._across(end + 1) - 2, below))


def _bracket(canvas: Canvas, mark: str, first: tuple[float, float], last: tuple[float, float]) -> None:
    """A line with a gap in its middle, where its mark stands."""
    upright = first[0] == last[0]
    middle = ((first[0] + last[0]) / 2, (first[1] + last[1]) / 2)
    room = 7.0
    for end in (first, last):
        towards = 1 if end is last else -1
        start = (
            (middle[0], middle[1] + room * towards) if upright else (middle[0] + room * towards, middle[1])
        )
        canvas.line(canvas.sheet, (start[0], end[0]), (start[1], end[1]), "muted", lw=1.5)
    canvas.text(middle[0], middle[1] + 3.5, mark, size=SMALL, anchor="middle", bold=True)


def _hatching() -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Slanted lines across a cell of size 1; a pattern would need a reference by address."""
    for across in (0.3, 0.6, 0.9, 1.2, 1.5, 1.8):
        inside = min(across, 0.96)
        yield (inside, max(across - inside, 0.04)), (max(across - inside, 0.04), inside)


def _overlap(groups: Sequence[tuple[str, Sequence[int]]]) -> bool:
    """Whether two groups share a member and need two lanes."""
    members = [place for _, places in groups for place in places]
    return len(members) > len(set(members))


def _stretches(places: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of neighbours as (first, last)."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and place == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs
