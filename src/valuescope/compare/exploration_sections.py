"""ValueExploration on every model: support rates (fig. 4), and the matrices of deactivation side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from valuescope.compare.comparison import Comparison
from valuescope.compare.exploration_rows import ALL, EACH, OTHERS, OWN
from valuescope.compare.rows import ChangeRow, SupportRow, row_file, told
from valuescope.metrics import Estimate
from valuescope.parts.method import mean_of
from valuescope.parts.perturbation import PerturbationFound
from valuescope.parts.perturbation_views import (
    POINTS,
    exploration,
    language_name,
    main_matrices,
    matrix_figure,
    p_words,
    selection_name,
    value_bars,
)
from valuescope.parts.sweep_figures import file_name
from valuescope.report.blocks import Section, Words
from valuescope.report.figure import Figure
from valuescope.report.plots import BarFacet, Bars
from valuescope.report.table import Column, Table


class _Row(NamedTuple):
    """One model asked in one language by one measure."""

    model: str
    language: str
    measure: str

    @property
    def where(self) -> str:
        return f"{language_name(self.language)}, by {self.measure}"


def _rows(found: Sequence[SupportRow] | Sequence[ChangeRow]) -> list[_Row]:
    return list(dict.fromkeys(_Row(row.model, row.language, row.measure) for row in found))


# Support --------------------------------------------------------------------------------------------------


def support_section(comparison: Comparison) -> Section:
    """The unedited models' support of each value, a bar for each model, and how far the order of the options matters."""
    found = comparison.found.support
    by_place = {(_Row(row.model, row.language, row.measure), row.value): row for row in found}

    def column(value: str) -> Column[_Row]:
        def rate(row: _Row) -> Estimate | None:
            cell = by_place.get((row, value))
            return cell.rate if cell else None

        def gap(row: _Row) -> str:
            cell = by_place.get((row, value))
            mean = mean_of(cell.order_gap) if cell else None
            return "" if mean is None else f"order gap {POINTS.signed(mean)}"

        title = "All values" if value == ALL else comparison.head.value_name(value)
        return Column("", title, rate, POINTS, signed=False, small=gap)

    columns = (
        Column[_Row]("", "Model", lambda row: row.model, small=lambda row: row.where),
        Column[_Row]("", "Instrument", lambda row: told(by_place[row, ALL].tells)),
        *map(column, (ALL, *comparison.head.values)),
    )
    blocks = (
        _support_figure(comparison) or Words("No support could be read on any model.", style="absent"),
        Words(
            "Support of the value-aligned option in percent, both orders of the options averaged. Order gap: by how many points an "
            "option is preferred for standing first; where it is as large as the support's distance from 50, the order decides.",
            style="small",
        ),
        Table("", "Support of the unedited models", columns, _rows(found)),
        row_file("support", SupportRow, found),
    )
    return Section("support", "Support rates", blocks, link="Support")


def _support_figure(comparison: Comparison) -> Figure | None:
    """Fig. 4: a panel for each language and measure, a series for each model."""
    found, values = comparison.found.support, comparison.head.values
    rates = {(_Row(row.model, row.language, row.measure), row.value): row.rate for row in found}
    places = dict.fromkeys((row.language, row.measure) for row in found)
    facets = [
        BarFacet(
            _Row("", *place).where,
            [comparison.head.value_name(value) for value in values],
            [
                Bars(run.label, style, [rates.get((_Row(run.label, *place), value)) for value in values])
                for style, run in enumerate(comparison.runs)
            ],
        )
        for place in places
    ]
    return value_bars(
        "support_rates",
        "Support rate of each value on each model",
        "Mean support of the value-aligned option, both orders of the options averaged, with intervals over dilemmas. "
        "Dotted: 50%, where neither option is preferred. A question mark: no support could be read.",
        facets,
        "support of the aligned option (%)",
        percent=True,
    )


# Deactivation ---------------------------------------------------------------------------------------------


def changes_section(comparison: Comparison) -> Section:
    """The change of each value's own support without its neurons, beside other values' and random neurons'."""
    found = comparison.found.changes
    cells = {
        (_Row(row.model, row.language, row.measure), row.support_of, row.neurons_off): row for row in found
    }
    tests = {
        _Row(run.label, row.language, row.measure): row.matrix.test
        for run in comparison.runs
        for row in main_matrices(run.result)
    }

    def column(title: str, support_of: str, neurons_off: str) -> Column[_Row]:
        def change(row: _Row) -> Estimate | None:
            cell = cells.get((row, support_of, neurons_off))
            return cell.change if cell else None

        def small(row: _Row) -> tuple[str, ...]:
            cell = cells.get((row, support_of, neurons_off))
            return () if cell is None else (*_controls(cell), "among largest" if cell.among_largest else "")

        return Column("", title, change, POINTS, small=small)

    columns = (
        Column[_Row]("", "Model", lambda row: row.model, small=lambda row: row.where),
        Column[_Row]("", "Instrument", lambda row: told(_seen(found, row))),
        column("Own value, mean", OWN, EACH),
        column("Other values, mean", OTHERS, EACH),
        Column[_Row](
            "", "Own hit hardest", lambda row: tests[row].hits, small=lambda row: p_words(tests[row].p)
        ),
        *(column(comparison.head.value_name(value), value, value) for value in comparison.head.values),
    )
    blocks = (
        Words(
            "Change of support in points, paired by dilemma, with each value's own neurons off; below it as many random neurons, "
            "drawn uniformly and matched by layer and rate. Among the largest: the value's own drop is among the largest of its "
            "neurons' column.",
            style="small",
        ),
        Table("", "Change of each value's own support", columns, _rows(found)),
        row_file("changes", ChangeRow, found),
    )
    return Section("changes", "Support without a value's own neurons", blocks, link="Own values")


def _controls(cell: ChangeRow) -> tuple[str, ...]:
    """The random controls in lines below a cell."""
    controls = (("random", cell.random), ("matched", cell.random_matched))
    lines = list[str]()
    for name, control in controls:
        if control is not None and control.mean is not None:
            lines.append(f"{name} {POINTS.signed(control.mean)}")
            lines += [POINTS.interval(control)] if cell.neurons_off == EACH else []
    return tuple(lines)


def _seen(found: Sequence[ChangeRow], place: _Row) -> bool | None:
    return next(row.tells for row in found if _Row(row.model, row.language, row.measure) == place)


def matrices_section(comparison: Comparison) -> Section:
    """A figure for each language and measure, a matrix for each model."""
    matrices = dict[tuple[str, str], dict[str, PerturbationFound]]()
    for run in comparison.runs:
        for row in main_matrices(run.result):
            matrices.setdefault((row.language, row.measure), {})[run.label] = row.matrix
    grouped = all(run.head.values == comparison.head.values for run in comparison.runs)
    main = selection_name(exploration(comparison.runs[0].result).main)
    figures = [
        matrix_figure(
            file_name(f"matrices_{language}_{measure}"),
            f"{language_name(language)}, by {measure}: change of support (rows) without each value's neurons (columns), {main}",
            by_model,
            comparison.head,
            grouped=grouped,
        )
        for (language, measure), by_model in matrices.items()
    ]
    return Section("matrices", "Deactivation matrices", figures, link="Matrices")
