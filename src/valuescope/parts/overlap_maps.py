"""Overlaps of neuron sets, beside what chance alone would give (ValueExploration, figures 6 and 13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from valuescope.lab.strict import Found
from valuescope.report.figure import Figure
from valuescope.report.numbers import MISSING, SHARES, grouped
from valuescope.report.plots import HeatCell, HeatFacet, heat_maps

RARE = 0.05
Full = tuple[tuple[float | None, ...], ...]
"""A matrix without missing rows."""


class OverlapFound(Found):
    """Neurons that the sets of rows and of columns share (see `metrics.NeuronOverlap`)."""

    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    row_sizes: tuple[int, ...] = ()
    column_sizes: tuple[int, ...] = ()
    neurons: int = 0
    within: bool = True
    count: tuple[tuple[int, ...], ...] = ()
    jaccard: Full = ()
    expected: Full = ()
    p: Full = ()


class OverlapMap(NamedTuple):
    """An overlap with its titles."""

    title: str
    overlap: OverlapFound
    row_title: str = "neurons of"
    column_title: str = "neurons of"

    @property
    def cells(self) -> list[tuple[int, int]]:
        """The places of two different sets."""
        sizes = range(len(self.overlap.rows)), range(len(self.overlap.columns))
        return [(r, c) for r in sizes[0] for c in sizes[1] if not (self.overlap.within and r == c)]

    @property
    def bar(self) -> float:
        """The p that is rare, over all pairs of sets."""
        p, within = self.overlap.p, self.overlap.within
        tested = {
            frozenset(cell) if within else cell for cell in self.cells if p[cell[0]][cell[1]] is not None
        }
        return RARE / max(1, len(tested))


def overlap_figures(
    maps: Sequence[OverlapMap], names: Callable[[str], str], name: str, title: str, description: str
) -> list[Figure]:
    """Counts beside those by chance, and Jaccard indices; none where all sets are empty. `names`: a set's name to show."""
    if not any(size for shown in maps for size in (*shown.overlap.row_sizes, *shown.overlap.column_sizes)):
        return []
    rare = "Bold: more than chance gives (p below 0.05, divided by the number of pairs)."
    neurons = ", ".join(dict.fromkeys(grouped(shown.overlap.neurons) for shown in maps))
    drawn = [_facets(shown, names) for shown in maps]
    counts = heat_maps(
        name,
        title,
        f"Neurons shared by two sets, and as many as chance would give for sets of these sizes among {neurons} neurons. {rare} "
        f"{description}",
        [facet for count, chance, _ in drawn for facet in (count, chance)],
        peak=_most(max(o.count[r][c], o.expected[r][c] or 0.0) for o, r, c in _pairs(maps)),
    )
    jaccard = heat_maps(
        f"{name}_jaccard",
        f"{title} as a share",
        f"Neurons shared by two sets as a part of both together (Jaccard index). {rare}",
        [facet for _, _, facet in drawn],
        peak=_most(o.jaccard[r][c] or 0.0 for o, r, c in _pairs(maps)),
    )
    return [figure for figure in (counts, jaccard) if figure]


def _pairs(maps: Sequence[OverlapMap]) -> Iterator[tuple[OverlapFound, int, int]]:
    return ((shown.overlap, row, column) for shown in maps for row, column in shown.cells)


def _most(numbers: Iterator[float]) -> float:
    return max(numbers, default=0.0) or 1.0


def _facets(shown: OverlapMap, names: Callable[[str], str]) -> tuple[HeatFacet, HeatFacet, HeatFacet]:
    """Counts, counts by chance, Jaccard."""
    overlap, bar = shown.overlap, shown.bar
    rows, columns = ([names(label) for label in side] for side in (overlap.rows, overlap.columns))
    counts, chance, jaccard = ([list[HeatCell]() for _ in rows] for _ in range(3))
    for r, one in enumerate(rows):
        for c, two in enumerate(columns):
            count, p, expected, index = (
                matrix[r][c] for matrix in (overlap.count, overlap.p, overlap.expected, overlap.jaccard)
            )
            self_pair, rare = overlap.within and r == c, p is not None and p < bar
            hint = f"{one}: {count} neurons" if self_pair else f"{one} and {two}: {count} shared"
            hint += "" if expected is None else f", {expected:.3g} by chance"
            hint += "" if p is None else f", p = {p:.2g}"
            counts[r].append(HeatCell(float(count or 0), str(count), hint, strong=rare))
            few = "–" if self_pair else _few(expected)
            chance[r].append(HeatCell(expected, few, f"{one} and {two}: {_few(expected)} by chance"))
            share = SHARES.short(index, signed=False).replace("1.00", "1")
            hint = f"{one} and {two}: Jaccard {SHARES.plain(index)}"
            jaccard[r].append(HeatCell(index, share, hint, strong=rare))
    sizes = f"sets of {min(overlap.row_sizes)} to {max(overlap.row_sizes)} neurons"

    def facet(words: str, cells: list[list[HeatCell]], note: str = "") -> HeatFacet:
        return HeatFacet(
            f"{shown.title}: {words}",
            rows,
            columns,
            cells,
            shown.row_title,
            shown.column_title,
            diagonal=len(rows) == len(columns),
            note=note,
            colour="amount",
        )

    return (
        facet("shared neurons", counts, sizes),
        facet("expected by chance", chance),
        facet("Jaccard index", jaccard),
    )


def _few(number: float | None) -> str:
    """A count by chance with about two figures: `12`, `1.2`, `.12`."""
    if number is None:
        return MISSING
    if number == 0 or number >= 9.95:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 0.995 else f"{number:.2f}".replace("0.", ".", 1)
