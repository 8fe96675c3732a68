"""Heat maps: cells with numbers, names of rows and columns, brackets of groups, sums at the sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from valuescope.report.canvas import SMALL, TITLE, Canvas, Field, PanelHead
from valuescope.report.colours import Style, colour_of
from valuescope.report.figure import Figure, Panel, columns_for
from valuescope.report.numbers import MISSING, spread
from valuescope.report.scales import SIZE, room_for
from valuescope.report.text import fitted, text_width

_ROW, _NUMBER = 25.0, 10.0
_STRONGEST = 0.78  # of full colour, so that the numbers stay readable on it
_ROOM, _LANE, _BARS = 130.0, 15.0, 40.0
_SHRUNK = 0.78  # how far a page may shrink a panel to put more in a row


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
        self.upright = all(len(name) <= 3 for name in facet.columns)
        places = [place for _, members in facet.groups for place in members]
        self.two_lanes = len(places) > len(set(places))  # groups share a member
        lanes = _LANE * (1 + self.two_lanes) if facet.groups else 0.0
        words = [cell.words for row in facet.cells for cell in row if cell.words != MISSING]
        widest = max((text_width(word, _NUMBER) for word in words), default=0.0)
        self.step = max(27.0, widest * 1.1 + 6)  # bold is wider
        if facet.sums:
            self.step = max(4.0, min(self.step, 300.0 / len(facet.columns)))
        self.numbered = widest + 2 <= self.step
        slant = 0.0 if self.upright else room_for(facet.columns, _ROOM) * 0.72
        self.head = PanelHead(
            facet.title, facet.note, facet.colour if isinstance(facet.colour, int) else "ink"
        )
        self.left = (14 if facet.row_title else 0) + lanes + room_for(facet.rows, _ROOM) + 8
        above = 0.0 if self.upright else 16 * bool(facet.column_title) + slant
        self.top = self.head.height(300) + above + (_BARS + 14 if facet.sums else 10)
        self.right = self.left + self.step * len(facet.columns)
        self.bottom = self.top + _ROW * len(facet.rows)
        tail = 34.0 if facet.sums else max(slant + 8 - self.step / 2, 6)
        self.width = max(
            self.right + tail, text_width(facet.title, TITLE * 1.05), text_width(facet.note, SIZE)
        )
        self.height = self.bottom + 8 + lanes + (28 if self.upright else 0)
        self.colour = colour_of(facet.colour) if isinstance(facet.colour, int) else facet.colour

    def panel(self) -> Panel:
        """The drawing."""
        facet, canvas = self.facet, Canvas(self.width, self.height, self.head)
        across, up = (self.left, self.right), (self.bottom, self.top)
        field = Field(canvas, across, up, (0, len(facet.columns)), (len(facet.rows), 0))
        for row, name in enumerate(facet.rows):
            canvas.text(self.left - 6, field.y(row + 0.5) + 4, fitted(name, _ROOM, SIZE), anchor="end")
            for column, cell in enumerate(facet.cells[row]):
                if cell.hint:
                    canvas.say(cell.hint)
                self._cell(field, row, column, cell)
        for place in range(min(len(facet.rows), len(facet.columns)) if facet.diagonal else 0):
            field.box(place, place, 1, 1, "ink", fill=False, linewidth=1.5, zorder=4)
        self._names(field)
        if facet.sums:
            self._sums(field)
        for number, (mark, members) in enumerate(facet.groups):
            self._bracket(field, mark, sorted(members), _LANE * (number % 2) if self.two_lanes else 0.0)
        return canvas.panel()

    def _cell(self, field: Field, row: int, column: int, cell: HeatCell) -> None:
        gap = min(0.02, 0.4 / self.step)
        place, share = (column + gap, row + gap, 1 - 2 * gap, 1 - 2 * gap), 0.0
        if cell.value is None:
            field.box(*place, "panel", cell.hint, edge="line", linewidth=0.9, linestyle=(0, (2, 2)))
            for across in (0.3, 0.6, 0.9, 1.2, 1.5, 1.8) if cell.hatched else ():
                inside, rest = min(across, 0.96), max(across - 0.96, 0.04)
                field.line((column + inside, column + rest), (row + rest, row + inside), "muted", lw=0.7)
        else:
            share = round(min(abs(cell.value) / self.peak, 1.0) * _STRONGEST, 3)
            paint: dict[str, Any] = {"alpha": share} if share > 0.03 else {}
            colour = (self.colour if cell.value >= 0 else "down") if paint else "panel"
            field.box(*place, colour, cell.hint, **paint)
        faint = cell.value is None or (self.facet.sums and cell.value == 0)
        look: dict[str, Any] = {"size": _NUMBER, "colour": "muted" if faint else "ink", "bold": cell.strong}
        if cell.words == MISSING:
            field.canvas.text(field.x(column + 0.2), field.y(row + 0.5) + 3.5, MISSING, **look)
        elif self.numbered:
            field.canvas.text(
                field.x(column + 0.5), field.y(row + 0.5) + 3.5, cell.words, anchor="middle", **look
            )
        if cell.marked:
            x, y = place[:2]
            field.shape([(x, y), (x + 8 / self.step, y), (x, y + 8 / _ROW)], "ink", zorder=5)

    def _names(self, field: Field) -> None:
        facet, canvas = self.facet, field.canvas
        every = next(n for n in (1, 2, 4, 5, 8, 10, 16, 20, 40, 1000) if n * self.step >= 20)
        for column, name in enumerate(facet.columns):
            x = field.x(column + 0.5)
            if not self.upright:
                canvas.text(x + 3, self.top - 6, fitted(name, _ROOM, SIZE), turn=45)
            elif column == 0 or (column + 1) % every == 0:
                canvas.text(x, self.bottom + 14, name, colour="muted", anchor="middle")
        if self.upright:
            canvas.text(
                sum(field.across) / 2, self.bottom + 30, facet.column_title, colour="muted", anchor="middle"
            )
        else:
            canvas.text(self.left, self.head.height(300) + 10, facet.column_title, colour="muted")
        canvas.text(10, sum(field.up) / 2, facet.row_title, colour="muted", anchor="middle", turn=90)

    def _sums(self, field: Field) -> None:
        """Bars over the columns and totals beside the rows; what is missing adds nothing and has no total."""
        canvas, cells, base = field.canvas, self.facet.cells, self.top - 6
        totals = [
            sum(row[c].value or 0.0 for row in cells if c < len(row)) for c in range(len(self.facet.columns))
        ]
        over = Field(canvas, field.across, (base, base - _BARS + 12), field.xs, (0, max(totals) or 1.0))
        for column, total in enumerate(totals):
            over.box(column + 0.08, 0, 0.84, total, self.colour, f"{self.facet.columns[column]}: {total:g}")
            if self.step >= text_width(f"{max(totals):g}", SMALL) + 2:
                x, y = over.x(column + 0.5), over.y(total) - 3
                canvas.text(x, y, f"{total:g}", size=SMALL, colour="muted", anchor="middle")
        canvas.text(self.width, base, "all", colour="muted", anchor="end")
        for row, line in enumerate(cells):
            if any(cell.value is not None for cell in line):
                total = sum(cell.value or 0.0 for cell in line)
                canvas.text(self.width, field.y(row + 0.5) + 4, f"{total:g}", anchor="end", bold=True)

    def _bracket(self, field: Field, mark: str, members: Sequence[int], lane: float) -> None:
        """Lines along each stretch of neighbours, at the left and below, with a gap in the middle for the mark."""
        canvas = field.canvas
        for _, run in groupby(enumerate(members), lambda pair: pair[1] - pair[0]):
            stretch = [place for _, place in run]
            for side in ("left", "below"):
                at = field.y if side == "left" else field.x
                low, high = at(stretch[0]) + 2, at(stretch[-1] + 1) - 2
                fixed, middle = (22.0 if side == "left" else self.bottom + 8) + lane, (low + high) / 2
                for along in ((low, middle - 7), (middle + 7, high)):
                    ends = ((fixed, fixed), along) if side == "left" else (along, (fixed, fixed))
                    canvas.sheet.line(*ends, "muted", lw=1.5)
                x, y = (fixed, middle) if side == "left" else (middle, fixed)
                canvas.text(x, y + 3.5, mark, size=SMALL, anchor="middle", bold=True)
