"""How many neurons values share, within each language and across languages, beside what chance alone would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from valuescope.lab.dilemma_laboratory import DilemmaLaboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found, FoundRoot
from valuescope.metrics import neuron_overlap
from valuescope.parts.perturbation import members
from valuescope.parts.perturbation_views import language_name
from valuescope.report.blocks import Section, Words
from valuescope.report.figure import Figure
from valuescope.report.numbers import MISSING, SHARES, grouped
from valuescope.report.plots import HeatCell, HeatFacet, heat_maps

RARE = 0.05
Numbers = tuple[tuple[float | None, ...], ...]


class OverlapFound(Found):
    """Neurons that the sets of rows and of columns share (see `metrics.NeuronOverlap`)."""

    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    row_sizes: tuple[int, ...] = ()
    column_sizes: tuple[int, ...] = ()
    neurons: int = 0
    within: bool = True
    count: tuple[tuple[int, ...], ...] = ()
    jaccard: Numbers = ()
    expected: Numbers = ()
    p: Numbers = ()


class AcrossFound(OverlapFound):
    """The sets of one language in rows, those of another in columns."""

    rows_language: str = ""
    columns_language: str = ""


class AcrossLanguagesFound(FoundRoot[tuple[AcrossFound, ...]]):
    """The first language against each other one."""


class Overlap(Part[None]):
    """The main selection's neurons in each language.

    Chance is a draw from the kept neurons: VAPE gives each of them to every value above its bar, so that a draw from all
    neurons would be beaten by construction.
    """

    experiment, place, order, Found = "valueexploration", "languages.*.overlap", 40, OverlapFound

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, OverlapFound]:
        """The overlaps within each language."""
        overlaps = dict[str, OverlapFound]()
        for language in lab.spec.languages:
            sets = members(lab.identification.location(lab.spec.main, language))
            kept = max(1, len(set().union(*sets.values())))
            overlaps[language] = OverlapFound.model_validate(neuron_overlap(sets, neurons=kept).to_dict())
        return overlaps

    @classmethod
    def view(cls, found: Mapping[str, OverlapFound], result: Result) -> Section:
        """Counts beside those by chance, and Jaccard indices."""
        maps = [_Map(language_name(language), overlap) for language, overlap in found.items()]
        across: AcrossLanguagesFound | None = result.of(AcrossLanguages)
        for overlap in across.root if across else ():
            names = [language_name(name) for name in (overlap.rows_language, overlap.columns_language)]
            titles = [f"neurons of ({name})" for name in names]
            maps.append(_Map(" and ".join(names), overlap, *titles))
        words = (
            "How many neurons two values share, beside how many two random sets of their sizes would. Within a language chance "
            "draws from the neurons that were kept for any value: against all neurons of the model sharing would be built in, "
            "since VAPE gives a neuron to every value above its bar."
        )
        figures = tuple(_figures(maps, result))
        return Section(
            "overlap",
            "Overlap",
            (words, *(figures or (Words("No neurons were found.", style="absent"),))),
        )


class AcrossLanguages(Part[None]):
    """The main selection's neurons of the first language against each other's; `Overlap` shows them."""

    experiment, place, order, Found = "valueexploration", "across_languages", 41, AcrossLanguagesFound

    def measure(self, lab: DilemmaLaboratory) -> AcrossLanguagesFound:
        """The overlaps across languages; chance draws from all neurons."""
        first, *others = lab.spec.languages
        rows = lab.identification.location(lab.spec.main, first)
        overlaps = []
        for language in others:
            columns = lab.identification.location(lab.spec.main, language)
            neurons = rows.model.layers * rows.model.width
            overlap = neuron_overlap(members(rows), members(columns), neurons=neurons).to_dict()
            overlaps.append(
                AcrossFound.model_validate({**overlap, "rows_language": first, "columns_language": language})
            )
        return AcrossLanguagesFound(tuple(overlaps))


class _Map(NamedTuple):
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


def _figures(maps: Sequence[_Map], result: Result) -> Iterator[Figure]:
    sizes = [size for shown in maps for size in (*shown.overlap.row_sizes, *shown.overlap.column_sizes)]
    if not any(sizes):
        return
    rare = "Bold: more than chance gives (p below 0.05, divided by the number of pairs)."
    neurons = ", ".join(dict.fromkeys(grouped(shown.overlap.neurons) for shown in maps))
    drawn = [_facets(shown, result) for shown in maps]
    counts = heat_maps(
        "overlap",
        "Overlap of the values' neurons",
        f"Neurons shared by two sets, and as many as chance would give for sets of these sizes among {neurons} neurons. {rare} "
        "Chance draws from the kept neurons within one language, and from all across two. On the diagonal within one "
        "language: the size of the set.",
        [facet for count, chance, _ in drawn for facet in (count, chance)],
        peak=_most(max(o.count[r][c], o.expected[r][c] or 0.0) for o, r, c in _pairs(maps)),
    )
    jaccard = heat_maps(
        "overlap_jaccard",
        "Overlap of the values' neurons as a share",
        f"Neurons shared by two sets as a part of both together (Jaccard index). {rare}",
        [facet for _, _, facet in drawn],
        peak=_most(o.jaccard[r][c] or 0.0 for o, r, c in _pairs(maps)),
    )
    yield from (figure for figure in (counts, jaccard) if figure)


def _pairs(maps: Sequence[_Map]) -> Iterator[tuple[OverlapFound, int, int]]:
    return ((shown.overlap, row, column) for shown in maps for row, column in shown.cells)


def _most(numbers: Iterator[float]) -> float:
    return max(numbers, default=0.0) or 1.0


def _facets(shown: _Map, result: Result) -> tuple[HeatFacet, HeatFacet, HeatFacet]:
    """Counts, counts by chance, Jaccard."""
    overlap, bar = shown.overlap, shown.bar
    rows, columns = (
        [result.head.value_name(value) for value in side] for side in (overlap.rows, overlap.columns)
    )

    def cells(r: int, c: int) -> tuple[HeatCell, HeatCell, HeatCell]:
        count, p = overlap.count[r][c], overlap.p[r][c]
        expected, index = overlap.expected[r][c], overlap.jaccard[r][c]
        itself, pair, rare = (
            overlap.within and r == c,
            f"{rows[r]} and {columns[c]}",
            p is not None and p < bar,
        )
        what = f"{rows[r]}: {count} neurons" if itself else f"{pair}: {count} shared"
        what += ("" if expected is None else f", {expected:.3g} by chance") + (
            "" if p is None else f", p = {p:.2g}"
        )
        few = "–" if itself else _few(expected)
        share = SHARES.short(index, signed=False).replace("1.00", "1")
        return (
            HeatCell(float(count), str(count), what, strong=rare),
            HeatCell(expected, few, f"{pair}: {_few(expected)} by chance"),
            HeatCell(index, share, f"{pair}: Jaccard {SHARES.plain(index)}", strong=rare),
        )

    grid = [[cells(r, c) for c in range(len(columns))] for r in range(len(rows))]

    def facet(place: int, words: str, note: str = "") -> HeatFacet:
        return HeatFacet(
            f"{shown.title}: {words}",
            rows,
            columns,
            [[cell[place] for cell in row] for row in grid],
            shown.row_title,
            shown.column_title,
            diagonal=len(rows) == len(columns),
            note=note,
            colour="amount",
        )

    sizes = f"sets of {min(overlap.row_sizes)} to {max(overlap.row_sizes)} neurons"
    return facet(0, "shared neurons", sizes), facet(1, "expected by chance"), facet(2, "Jaccard index")


def _few(number: float | None) -> str:
    """A count by chance with about two figures: `12`, `1.2`, `.12`."""
    if number is None:
        return MISSING
    if number == 0 or number >= 9.95:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 0.995 else f"{number:.2f}".replace("0.", ".", 1)
