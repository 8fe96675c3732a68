"""Figure: how far the neuron sets of values overlap, beside chance (ValueExploration, figs. 6 and 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.report.grid import Cell, draw_grid
from valuescope.report.numbers import MISSING, Numbers, grouped
from valuescope.report.svg import Figure, Panel, headed_panel

_RARE = 0.05
_SHARES = Numbers(2)


@dataclass(frozen=True)
class OverlapMap:
    """The overlaps of row sets with column sets; numbers are None where undefined.

    `count`: shared neurons. `expected`: the mean count by chance. `jaccard`: shared of all in either. `p`: how likely
    chance gives at least `count`. `within`: rows and columns are the same sets. `neurons`: how many they were drawn from.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    count: tuple[tuple[int, ...], ...]
    expected: tuple[tuple[float | None, ...], ...]
    jaccard: tuple[tuple[float | None, ...], ...]
    p: tuple[tuple[float | None, ...], ...]
    row_sizes: tuple[int, ...]
    column_sizes: tuple[int, ...]
    neurons: int
    within: bool = True
    row_title: str = "neurons of"
    column_title: str = "neurons of"


def overlap_figure(maps: Sequence[OverlapMap], *, name: str = "overlap") -> Figure | None:
    """Count and count by chance of each map side by side, then the Jaccard indices; None where all sets are empty.

    Counts and counts by chance share one scale of colours, which the diagonal of a map within one set is left out of.
    """
    if not any(size for one in maps for size in (*one.row_sizes, *one.column_sizes)):
        return None
    drawn = [_panels(one) for one in maps]
    pairs = [panel for counts, chance, _ in drawn for panel in (counts, chance)]
    neurons = ", ".join(dict.fromkeys(grouped(one.neurons) for one in maps))
    return Figure(
        name,
        "Overlap of the values' neurons",
        f"Neurons shared by two sets, as many as chance would give for sets of these sizes among {neurons} neurons, and the "
        "shared as a part of both together (Jaccard). Bold: more than chance gives (p below 0.05, divided by the number of "
        "pairs). Chance draws from the kept neurons within one language, and from all across two. On the diagonal within "
        "one language: the size of the set.",
        (*pairs, *(jaccard for _, _, jaccard in drawn)),
    )


def _panels(shown: OverlapMap) -> tuple[Panel, Panel, Panel]:
    """Counts, counts by chance, Jaccard."""
    cells = [
        (row, column)
        for row in range(len(shown.rows))
        for column in range(len(shown.columns))
        if not (shown.within and row == column)
    ]
    tested = {
        frozenset(cell) if shown.within else cell for cell in cells if shown.p[cell[0]][cell[1]] is not None
    }
    bar = _RARE / max(1, len(tested))
    peak = max((max(shown.count[r][c], shown.expected[r][c] or 0.0) for r, c in cells), default=0.0) or 1.0
    most = max((shown.jaccard[r][c] or 0.0 for r, c in cells), default=0.0) or 1.0
    sizes = f"sets of {min(shown.row_sizes)} to {max(shown.row_sizes)} neurons"
    counts, chance, jaccard = list[list[Cell]](), list[list[Cell]](), list[list[Cell]]()
    for row, one in enumerate(shown.rows):
        counts.append([])
        chance.append([])
        jaccard.append([])
        for column, other in enumerate(shown.columns):
            count, p = shown.count[row][column], shown.p[row][column]
            expected, index = shown.expected[row][column], shown.jaccard[row][column]
            own = shown.within and row == column
            rare = p is not None and p < bar
            what = f"{one}: {count} neurons" if own else f"{one} and {other}: {count} shared"
            by_chance = "" if expected is None else f", {expected:.3g} by chance"
            tail = "" if p is None else f", p = {p:.2g}"
            counts[-1].append(Cell(float(count), str(count), f"{what}{by_chance}{tail}", strong=rare))
            chance[-1].append(
                Cell(
                    expected, "–" if own else _few(expected), f"{one} and {other}: {_few(expected)} by chance"
                )
            )
            jaccard[-1].append(
                Cell(index, _short(index), f"{one} and {other}: Jaccard {_SHARES.plain(index)}", strong=rare)
            )
    return (
        _panel(shown, f"{shown.title}: shared neurons ({sizes})", counts, peak),
        _panel(shown, f"{shown.title}: expected by chance", chance, peak),
        _panel(shown, f"{shown.title}: Jaccard index", jaccard, most),
    )


def _panel(shown: OverlapMap, title: str, cells: list[list[Cell]], peak: float) -> Panel:
    grid = draw_grid(
        shown.rows,
        shown.columns,
        cells,
        peak=peak,
        row_title=shown.row_title,
        column_title=shown.column_title,
        diagonal=len(shown.rows) == len(shown.columns),
        top=24,
        colour="amount",
    )
    said = "; ".join(cell.hint for row in cells for cell in row)
    return headed_panel(title, said, grid.body, grid.width, grid.height)


def _few(number: float | None) -> str:
    """A count by chance with about two figures: `12`, `1.2`, `.12`."""
    if number is None:
        return MISSING
    if number == 0 or number >= 9.95:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 0.995 else f"{number:.2f}".replace("0.", ".", 1)


def _short(share: float | None) -> str:
    """`.66`, `1`, `?`."""
    return "?" if share is None else _SHARES.plain(share).replace("0.", ".", 1).replace("1.00", "1")
