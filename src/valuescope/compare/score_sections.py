"""Scores in both directions on every model: ValueLocate's tables 1 to 6, and its figures 3 and 16 (scores over the strength)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from valuescope.compare.comparison import Comparison
from valuescope.compare.method_rows import RUN, asked_sets, method_names, ways_of
from valuescope.compare.rows import DoseRow, ScoreRow, SweepRow, row_file, told
from valuescope.lab.result import Result
from valuescope.parts.method import methods_of
from valuescope.parts.score_tables import (
    WAYS,
    ScoreArm,
    quality_measure,
    score_arms,
    score_measure,
    scores_table,
)
from valuescope.parts.sweep_figures import (
    SWEEP_KEY,
    dose_facet,
    file_name,
    shown_measures,
    strength_name,
    sweep_facets,
)
from valuescope.parts.sweeps import SweepFound
from valuescope.report.blocks import Block, Details, Section, Words
from valuescope.report.figure import Figure
from valuescope.report.names import measure_name, method_name
from valuescope.report.numbers import listing
from valuescope.report.plots import curves
from valuescope.report.table import Column, Table, Verdict


def scores_section(comparison: Comparison) -> Section:
    """A table for each set of questions and direction."""
    sets = dict.fromkeys(questions for run in comparison.runs for questions in asked_sets(run.result))
    measures = list(dict.fromkeys(score_measure(run.head) for run in comparison.runs))
    qualities = list(dict.fromkeys(quality_measure(run.head) for run in comparison.runs))
    blocks: list[Block | None] = []
    for questions in sets:
        for way, words in WAYS.items():
            asked = "Questions of the run" if questions == RUN else f"{questions}, items as questions"
            title = f"{asked}, {words}"
            blocks += [
                _table(comparison, questions, way, measure, title, "edited", "random") for measure in measures
            ]
            for quality in qualities if questions == RUN else ():
                table = _table(comparison, questions, way, quality, title, "edited")
                blocks.append(Details(f"{title}: {measure_name(quality)}", (table,)))
    rows = comparison.found.scores
    explained = Words(
        "± is the variance of the means of the runs, where answers were drawn several times. Best: the best method of a column "
        "on its model in the direction of the edit. Below each method: as many random neurons under its edit. Intervals are "
        "over questions.",
        style="small",
    )
    file = row_file("scores", ScoreRow, rows) if rows else None
    return Section(
        "scores",
        "Scores by method, model and value",
        [explained if rows else None, *blocks, file],
        link="Scores",
    )


def _table(
    comparison: Comparison, questions: str, way: str, measure: str, title: str, *arms: str
) -> Table[ScoreArm] | None:
    """Methods and models against values; None where nothing was measured."""
    sets = {run.label: asked_sets(run.result).get(questions, {}) for run in comparison.runs}
    names = [
        name
        for name in method_names(comparison.runs)
        if any(name in found and way in found[name].root for found in sets.values())
    ]
    if not names:
        return None
    seen = {(row.model, row.method): row.tells for row in comparison.found.methods}
    rows = [
        arm
        for label, found in sets.items()
        for arm in score_arms({name: found.get(name) for name in names}, arms, label)
    ]
    rows = [row._replace(judged=seen.get((row.group, row.name)) is not False) for row in rows]

    def instrument(row: ScoreArm) -> Verdict | None:
        return told(seen.get((row.group, row.name))) if row.arm == "edited" else None

    column = Column[ScoreArm]("", "Instrument", instrument, absent="")
    return scores_table(f"{title}: {measure_name(measure)}", rows, measure, way, comparison.head, (column,))


# Over the strength ----------------------------------------------------------------------------------------


def sweeps_section(comparison: Comparison) -> Section:
    """A figure for each sweep of a method, its panels by model; and the dose of methods that were measured one way."""
    figures: list[Block | None] = []
    for method in method_names(comparison.runs):
        parameters = dict.fromkeys(name for run in comparison.runs for name in _sweeps(run.result, method))
        for parameter in parameters:
            figures += _sweep_blocks(comparison, method, parameter)
        if not parameters:
            figures.append(_dose_figure(comparison, method))
    sweeps, doses = comparison.found.sweeps, comparison.found.doses
    files = (
        row_file("sweeps", SweepRow, sweeps) if sweeps else None,
        row_file("dose", DoseRow, doses) if doses else None,
    )
    return Section("sweeps", "Scores over the strength of the edit", [*figures, *files], link="Strength")


def _sweeps(result: Result, method: str) -> dict[str, SweepFound]:
    """The sweeps of a method that was measured both ways or rated, by parameter."""
    swept: Any = result.found.get("methods.*.sweeps") or {}
    found = swept.get(method) if method in ways_of(result) else None
    return {sweep.name: sweep for sweep in found.root} if found else {}


def _sweep_blocks(comparison: Comparison, method: str, parameter: str) -> Iterator[Block | None]:
    """The figure of one sweep, and the models without it."""
    found = {
        run.label: (run, sweeps[parameter])
        for run in comparison.runs
        if parameter in (sweeps := _sweeps(run.result, method))
    }
    facets = [facet for run, sweep in found.values() for facet in sweep_facets(sweep, run.head, run.label)]
    measures = listing(map(measure_name, shown_measures(next(iter(found.values()))[1])))
    yield curves(
        file_name(f"sweep_{method}_{parameter}"),
        f"{method_name(method)}: {measures} over {strength_name(parameter)}",
        SWEEP_KEY,
        facets,
        x_axis=strength_name(parameter),
    )
    without = [run.label for run in comparison.runs if run.label not in found]
    if without:
        yield Words(
            f"No sweep of {method_name(method)} over {parameter} on {listing(without)}.", style="absent"
        )


def _dose_figure(comparison: Comparison, method: str) -> Figure | None:
    """The effect in the intended direction over the strength, a panel for each model."""
    facets = []
    for place, run in enumerate(comparison.runs):
        doses: Any = run.result.found.get("methods.*.dose") or {}
        if dose := doses.get(method):
            facets.append(dose_facet(run.label, dose, methods_of(run.result)[method], place, run.result))
    return curves(
        file_name(f"dose_{method}"),
        f"{method_name(method)}: change of {comparison.found.measure} over the strength of the edit",
        "Above: the method's neurons (filled) and random neurons (hollow), with intervals. Below: the share of fluent "
        "answers; the dotted line is the base model's.",
        facets,
        x_axis="strength",
    )
