"""Every perturbation matrix of a ValueExploration run, and how matrices and values are named and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from valuescope.lab.result import Head, Result
from valuescope.lab.strict import Found
from valuescope.metrics import Estimate
from valuescope.parts.perturbation import (
    ControlsFound,
    ExplorationHead,
    PerturbationFound,
    SelectionFound,
    SelectionsFound,
)
from valuescope.report.figure import Figure
from valuescope.report.numbers import Numbers, listing, sample, spread
from valuescope.report.plots import BarFacet, Bars, HeatCell, HeatFacet, bars, heat_maps
from valuescope.report.table import Column

LANGUAGES = {"en": "English", "zh": "Chinese"}
SELECTIONS = {
    "vape": "VAPE",
    "vape-layer-bar": "VAPE, bar per layer",
    "specificity": "specificity",
    "two-proportion": "two proportions",
}
POINTS = Numbers(1)
_WHOLE = 9.95
BlockT = TypeVar("BlockT", bound=Found)


def exploration(result: Result) -> ExplorationHead:
    """The head of a ValueExploration run."""
    assert isinstance(result.head, ExplorationHead)
    return result.head


def by_language(result: Result, place: str, kind: type[BlockT]) -> dict[str, BlockT]:
    """What was found at `languages.*` or below it, in the order of the languages."""
    blocks = result.found.get(f"languages.*{place}")
    found = blocks if isinstance(blocks, Mapping) else {}
    return {language: block for language, block in found.items() if isinstance(block, kind)}


def language_name(language: str) -> str:
    """A language's English name."""
    return LANGUAGES.get(language, language)


def selection_name(name: str) -> str:
    """A selection's name, or its key where the user named it."""
    return SELECTIONS.get(name, name)


def control_name(kind: str) -> str:
    """The name to show for a kind of random control."""
    return kind.replace("-", ", ")


def p_words(p: float | None) -> str:
    """`p = 0.0312`, or what stands for none."""
    return "no p" if p is None else f"p = {p:.4f}"


def mean_present(numbers: Iterable[float | None]) -> float | None:
    """The mean of the numbers that are there."""
    present = [number for number in numbers if number is not None]
    return sum(present) / len(present) if present else None


def facts(*names: str) -> tuple[Column[Any], ...]:
    """Columns of a CSV that are fields of its rows."""
    return tuple(Column(name, "", attrgetter(name)) for name in names)


# Every matrix ---------------------------------------------------------------------------------------------


class MatrixRow(NamedTuple):
    """One matrix of a run, found by a `part`; `key` names its neurons in files, `name` for people.

    `neurons`: which they are, but for a control.
    """

    part: str
    language: str
    key: str
    name: str
    measure: str
    matrix: PerturbationFound
    neurons: SelectionFound | None = None

    @property
    def where(self) -> str:
        """Language and measure."""
        return f"{language_name(self.language)}, by {self.measure}"


def every_matrix(result: Result) -> Iterator[MatrixRow]:
    """Of every language the selections', the generating strategy's, replaced data's, and the controls'."""
    controls = by_language(result, ".controls", ControlsFound)
    others = {part: by_language(result, f".{part}", SelectionFound) for part in ("generating", "replacement")}
    for language, selections in by_language(result, ".selections", SelectionsFound).items():
        blocks = [("selections", key, selection_name(key), block) for key, block in selections.root.items()]
        blocks += [(part, part, part, found[language]) for part, found in others.items() if language in found]
        for part, key, name, block in blocks:
            for measure, matrix in block.matrices.items():
                yield MatrixRow(part, language, key, name, measure, matrix, block)
        for kind, control in controls[language].root.items() if language in controls else ():
            for measure, draws in control.matrices.items():
                for draw, matrix in enumerate(draws):
                    name = control_name(kind) + (f" {draw + 1}" if len(draws) > 1 else "")
                    yield MatrixRow("controls", language, f"{kind}-{draw}", name, measure, matrix)


def main_matrices(result: Result) -> list[MatrixRow]:
    """The main selection's matrices."""
    main = exploration(result).main
    return [row for row in every_matrix(result) if row.part == "selections" and row.key == main]


# Heat maps ------------------------------------------------------------------------------------------------


def matrix_figure(
    name: str, title: str, matrices: Mapping[str, PerturbationFound], head: Head, *, grouped: bool = False
) -> Figure | None:
    """One heat map for each matrix under its title, all in one scale; None without any number. `grouped` draws brackets."""
    cells = [cell for matrix in matrices.values() for row in matrix.change for cell in row]
    means = [abs(cell.mean) for cell in cells if cell.mean is not None]
    if not means:
        return None
    most = max(
        (len(rows) for matrix in matrices.values() for rows in matrix.largest_drops if rows), default=0
    )
    numbers = POINTS if max(means) >= 1 else Numbers(2)
    without = dict.fromkeys(value for matrix in matrices.values() for value in matrix.without_neurons)
    empty = listing(map(head.value_name, without))
    hatched = f" Hatched: {empty} had no neurons found, so that nothing was switched off." if empty else ""
    groups = [
        (head.group_name(group)[:1].upper(), [head.values.index(value) for value in values])
        for group, values in head.groups.items()
    ]
    return heat_maps(
        name,
        title,
        f"Points of support, paired by dilemma; n = {spread({cell.n for cell in cells if cell.n})} for each cell. Framed: a "
        f"value under its own neurons. Corner: among the {most} largest drops of its column. Bold: the interval leaves 0 "
        f"out.{hatched}",
        [
            HeatFacet(
                heading,
                names := [head.value_name(value) for value in matrix.values],
                names,
                _cells(matrix, names, numbers),
                "support of",
                "neurons off",
                diagonal=True,
                groups=groups if grouped else (),
                note=_test_note(matrix),
            )
            for heading, matrix in matrices.items()
        ],
        peak=max(means),
    )


def _test_note(matrix: PerturbationFound) -> str:
    test = matrix.test
    if test.statistic is None or test.p is None:
        return test.reason
    return f"own minus other drop {POINTS.full(test.statistic)}, p = {test.p:.4f}; own hit in {test.hits}"


def _cells(matrix: PerturbationFound, names: Sequence[str], numbers: Numbers) -> list[list[HeatCell]]:
    def cell(i: int, j: int, change: Estimate) -> HeatCell:
        what, drops = f"{names[i]} with the neurons of {names[j]} off", matrix.largest_drops[j]
        if matrix.values[j] in matrix.without_neurons:
            return HeatCell(None, "", f"{what}: no neurons found", hatched=True)
        marked = drops is not None and i in drops
        hint = f"{what}: {numbers.full(change)} {sample(change)}".strip()
        clear = change.low is not None and change.high is not None and (change.low > 0 or change.high < 0)
        # Without decimals from 10 points on, two panels stand side by side.
        digits = Numbers(0) if change.mean is not None and abs(change.mean) >= _WHOLE else numbers
        words = "?" if change.mean is None else digits.signed(change.mean)
        said = hint + (", among the largest drops" if marked else "")
        return HeatCell(change.mean, words, said, strong=clear, marked=marked)

    return [[cell(i, j, change) for j, change in enumerate(row)] for i, row in enumerate(matrix.change)]


# Bars -----------------------------------------------------------------------------------------------------


def value_bars(
    name: str, title: str, description: str, facets: Sequence[BarFacet], axis: str, *, percent: bool = False
) -> Figure | None:
    """Bars of values, with how many dilemmas each stands for; `percent`: 0 to 100 with a line in the middle."""
    points = [point for facet in facets for series in facet.series for point in series.points]
    counts = spread({point.n for point in points if isinstance(point, Estimate) and point.n})
    domain, reference = ((0.0, 100.0), 50.0) if percent else (None, None)
    words = f"{description} n = {counts} for each bar."
    return bars(name, title, words, facets, axis=axis, numbers=POINTS, domain=domain, reference=reference)


def variant_figure(
    part: str, name: str, title: str, description: str, labels: tuple[str, str], result: Result
) -> Figure | None:
    """The main selection's changes of own values beside those that another part found, a panel per language."""
    head = exploration(result)
    main = {(row.language, row.measure): row.matrix for row in main_matrices(result)}
    facets = [
        BarFacet(
            row.where,
            [head.value_name(value) for value in head.values],
            [
                Bars(label, place, matrix.own, matrix.starred, dashed=place == 1 and part == "replacement")
                for place, (label, matrix) in enumerate(
                    zip(labels, (main[row.language, row.measure], row.matrix), strict=True)
                )
            ],
        )
        for row in every_matrix(result)
        if row.part == part
    ]
    star = "A star: the value's own drop is among the largest of its neurons' column."
    words = f"Points of support, paired by dilemma, with intervals. {description}{star}"
    return value_bars(name, title, words, facets, "change of support (points)")
