"""The perturbation: every value's neurons off in turn, beside as many random neurons, and the support of all values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import NamedTuple

from valuescope.lab.ask import Ask
from valuescope.lab.dilemma_design import DilemmaDesign
from valuescope.lab.dilemma_laboratory import DilemmaLaboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.metrics import Estimate
from valuescope.parts.perturbation import (
    ContrastFound,
    ControlFound,
    ControlsFound,
    PerturbationFound,
    SelectionsFound,
)
from valuescope.parts.perturbation_views import (
    POINTS,
    MatrixRow,
    by_language,
    every_matrix,
    exploration,
    facts,
    main_matrices,
    matrix_figure,
    mean_present,
    selection_name,
)
from valuescope.parts.support import LanguageFound
from valuescope.report.blocks import Details, Section, Words
from valuescope.report.numbers import spread
from valuescope.report.table import Column, Table
from valuescope.report.text import visible


class Controls(Part[None]):
    """As many random neurons per value as the main selection has, as full matrices, and the main one against them."""

    experiment, place, order, Found = "valueexploration", "languages.*.controls", 20, ControlsFound

    def asks(self, design: DilemmaDesign) -> Iterator[Ask]:
        """The main selection and all draws by every measure."""
        main, measures = design.spec.main, design.measures(design.spec.main)
        for language in design.spec.languages:
            yield from design.arms(language, design.treatments(language, main), measures)
            for kind in _kinds(design):
                for draw in range(design.spec.controls.draws):
                    yield from design.arms(language, design.control(language, kind, draw), measures)

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, ControlsFound]:
        """Every kind in every language."""
        return {
            language: ControlsFound({kind: _control(lab, language, kind) for kind in _kinds(lab)})
            for language in lab.spec.languages
        }

    @classmethod
    def view(cls, found: Mapping[str, ControlsFound], result: Result) -> Section:
        """The matrices with their tests, and their controls."""
        head = exploration(result)
        main = {row.where: row.matrix for row in main_matrices(result) if row.measure in head.measures}
        drawn = {
            f"{row.where}: {row.name}": row.matrix
            for row in every_matrix(result)
            if row.part == "controls" and row.measure in head.measures
        }
        title = "change of support of every value (rows) with the neurons of every value off (columns)"
        random = "Controls: the same with as many random neurons off"
        blocks = (
            "Rows are the values whose support is asked, columns the values whose neurons are off. The test asks whether "
            "columns hit their own value harder than each other's: the names of the columns are exchanged at random. A value "
            "that falls whatever is off, or neurons whose loss lowers everything, do not move it.",
            matrix_figure("perturbation", f"Perturbation: {title}", main, head, grouped=True)
            or Words("No matrix was measured.", style="absent"),
            _tests(result),
            Details("Matrices of the random controls", (matrix_figure("controls", random, drawn, head),)),
            _cells(result),
        )
        return Section("perturbation", "Perturbation", blocks)

    @classmethod
    def printed(cls, result: Result) -> str:
        """One line per matrix, then the support of the unedited model, and warnings."""
        foot = (
            "own value: mean change of support when a value's own neurons are off, [interval]; hit hardest: columns whose "
            f"own value is among the {exploration(result).highlighted} largest drops; p: permutation test of the diagonal"
        )
        lines = map(visible, (*_support_lines(result), *_warnings(result)))
        return "\n".join([_tests(result).terminal(), foot, *lines])


def _kinds(design: DilemmaDesign) -> tuple[str, ...]:
    return ("random", "random-matched") if design.spec.controls.matched else ("random",)


def _control(lab: DilemmaLaboratory, language: str, kind: str) -> ControlFound:
    draws, measures = range(lab.spec.controls.draws), lab.measures(lab.spec.main)
    drawn = [lab.identification.control(kind, language, draw) for draw in draws]
    main = lab.treatments(language, lab.spec.main)
    perturbed = {
        measure: [lab.perturbation(language, measure, lab.control(language, kind, draw)) for draw in draws]
        for measure in measures
    }
    contrasts = {
        measure: lab.contrast(lab.perturbation(language, measure, main), controls)
        for measure, controls in perturbed.items()
    }
    return ControlFound(
        neurons=tuple(location.sizes() for location in drawn),
        warnings=tuple(sorted({warning for location in drawn for warning in location.warnings})),
        matrices={
            measure: tuple(PerturbationFound.of(control) for control in controls)
            for measure, controls in perturbed.items()
        },
        against={
            measure: ContrastFound.model_validate(contrast.to_dict())
            for measure, contrast in contrasts.items()
        },
    )


def _tests(result: Result) -> Table[MatrixRow]:
    """Every matrix by its diagonal: on the page, as CSV, and what a command prints."""

    def digits(number: float | None, count: int) -> str:
        return "-" if number is None else f"{number:.{count}f}"

    def precision(row: MatrixRow) -> float | None:
        truth = row.neurons and row.neurons.truth
        return mean_present(truth.average_precision.values()) if truth else None

    def neurons(row: MatrixRow) -> str:
        return spread(row.neurons.neurons.values()).replace("–", "-") if row.neurons else "-"

    def others(row: MatrixRow) -> float | None:
        return None if row.matrix.mean_off_diagonal is None else row.matrix.mean_off_diagonal.mean

    def missing(row: MatrixRow) -> str:
        return f"{row.matrix.missing.missing} of {row.matrix.missing.asked}"

    columns: tuple[Column[MatrixRow], ...] = (
        Column("", "Neurons", lambda row: row.name, small=lambda row: row.where),
        Column("language", "", lambda row: row.language, terminal="language"),
        Column("neurons", "", lambda row: row.key),
        Column("", "", lambda row: row.name, terminal="neurons"),
        Column("measure", "", lambda row: row.measure, terminal="measure"),
        Column(
            "",
            "Own value (points)",
            lambda row: row.matrix.mean_diagonal,
            POINTS,
            terminal="own value (points)",
        ),
        Column("", "Other values (points)", lambda row: row.matrix.mean_off_diagonal, POINTS),
        Column("", "", others, POINTS, terminal="other values"),
        Column("*", "Own minus other drop", lambda row: row.matrix.test.statistic, POINTS, estimate=True),
        Column("", "Hit hardest", lambda row: row.matrix.test.hits, terminal="hit hardest"),
        Column("own_among_largest", "", lambda row: row.matrix.test.own_among_largest),
        Column("tested", "", lambda row: len(row.matrix.test.tested)),
        Column("p", "", lambda row: row.matrix.test.p),
        Column("own_p", "", lambda row: row.matrix.test.own_p),
        Column("", "p", lambda row: digits(row.matrix.test.p, 4), terminal="p"),
        Column("", "Missing", missing),
        Column("", "", lambda row: digits(precision(row), 3), terminal="avg. precision"),
        Column("", "", neurons, terminal="neurons/value"),
    )
    caption = "The diagonal of every matrix; hit hardest: columns whose own value is among the largest drops"
    return Table("diagonal_tests", caption, columns, list(every_matrix(result)), left=3)


class _Cell(NamedTuple):
    language: str
    neurons: str
    measure: str
    evaluated: str
    neurons_off: str
    change: Estimate


def _cells(result: Result) -> Table[_Cell]:
    """Every cell of every matrix."""
    cells = [
        _Cell(row.language, row.key, row.measure, evaluated, off, change)
        for row in every_matrix(result)
        for evaluated, changes in zip(row.matrix.values, row.matrix.change, strict=True)
        for off, change in zip(row.matrix.values, changes, strict=True)
    ]
    columns = (*facts(*_Cell._fields[:-1]), Column("*", "", attrgetter("change"), estimate=True))
    return Table("perturbation", "Every cell of every matrix", columns, cells, page=False)


def _support_lines(result: Result) -> Iterator[str]:
    for language, block in by_language(result, "", LanguageFound).items():
        for measure, support in block.support.items():
            yield (
                f"support in {language} by {measure}: {POINTS.ascii().full(support.overall, signed=False)} percent, "
                f"{_order_gap(support.position_gap)}"
                f"{support.missing.asked} dilemmas in both orders, {support.missing.missing} missing"
            )


def _order_gap(gap: Estimate | None) -> str:
    return "" if gap is None else f"order gap {POINTS.ascii().full(gap)} points (n {gap.n}), "


def _warnings(result: Result) -> Iterator[str]:
    selections = by_language(result, ".selections", SelectionsFound)
    for language, block in by_language(result, "", LanguageFound).items():
        for measure, support in block.support.items():
            if support.missing.warning:
                yield f"WARNING: {language}, {measure}: {support.missing.warning}"
        for name, selection in (selections[language].root if language in selections else {}).items():
            for warning in selection.warnings:
                yield f"warning: {language}, {selection_name(name)}: {warning}"
