"""The sections of every comparison: its models, what the measures see on each, and in what the runs differ."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.compare.agreement import Difference
from valuescope.compare.comparison import Comparison
from valuescope.compare.rows import MethodRow, ModelRow, SightRow, row_file, told
from valuescope.parts.perturbation_views import language_name
from valuescope.parts.sight import NAMES
from valuescope.report.blocks import Section, Words
from valuescope.report.figure import Figure
from valuescope.report.names import method_name, setting_name
from valuescope.report.numbers import MISSING, SHARES, Numbers, grouped, parameters, spread
from valuescope.report.plots import DotFacet, Dots, dots
from valuescope.report.table import Code, Column, Table

DIFFERS = "differences"


def models_section(comparison: Comparison) -> Section:
    """Which model each run is of."""
    rows = comparison.found.models
    columns: tuple[Column[ModelRow], ...] = (
        Column("", "Model", lambda row: row.model, small=lambda row: row.id if row.id != row.model else ""),
        Column("", "Layers", lambda row: grouped(row.layers)),
        Column("", "Neurons", lambda row: grouped(row.neurons)),
        Column("", "Parameters", lambda row: grouped(row.parameters)),
        Column("", "Run", lambda row: row.run),
        Column("", "Weights", lambda row: row.fingerprint[:12] or None),
        Column("", "valuescope", lambda row: row.valuescope or None),
        Column("", "Answers without a judgement", _unjudged, absent="not counted"),
    )
    table = Table("", "The runs", columns, rows)
    return Section("models", "Models", (table, row_file("models", ModelRow, rows)))


def _unjudged(row: ModelRow) -> str | None:
    return None if row.answers is None else f"{grouped(row.unjudged)} of {grouped(row.answers)}"


def instrument_section(comparison: Comparison) -> Section:
    """What each measure sees on each model: told to hold each value against told to reject it."""
    rows = comparison.found.instrument
    missing = [
        row.model for row in comparison.found.models if row.model not in {sight.model for sight in rows}
    ]
    levels = (("base", "Base"), ("told_for", "Told to hold the value"), ("told_against", "Told to reject it"))
    numbers = Numbers(1) if any(row.unit == "points" for row in rows) else SHARES
    columns: tuple[Column[SightRow], ...] = (
        Column("", "Model", lambda row: row.model),
        Column("", "Measure", measure_words, small=lambda row: row.unit),
        *(
            Column[SightRow]("", title, lambda row, field=field: getattr(row, field), numbers, signed=False)  # type: ignore[misc]
            for field, title in levels
        ),
        Column("", "For minus against", lambda row: row.for_minus_against, numbers),
        Column("", "Verdict", lambda row: told(row.tells)),
    )
    absent = f"The instrument was not asked on {', '.join(missing)}: what a measure sees there is not known."
    blocks = (
        Words(
            "The unedited model under a system message that describes a holder of each value, and one that describes somebody who "
            "rejects it. Where a measure does not tell the two apart, it cannot show what an edit does, and scores by it are "
            "marked “cannot be told”.",
            style="small",
        )
        if rows
        else None,
        Table("", "What the measures see on each model", columns, rows),
        _sight_figure(rows, numbers),
        Words(absent, style="absent") if missing else None,
        row_file("instrument", SightRow, rows) if rows else None,
    )
    return Section("instrument", "What the measures can see", blocks, link="Instrument")


def measure_words(row: SightRow) -> str:
    """The measure, and its language where there are several."""
    name = NAMES.get(row.measure, row.measure)
    return f"{name}, {language_name(row.language)}" if row.language else name


def _sight_figure(rows: Sequence[SightRow], numbers: Numbers) -> Figure | None:
    """A panel for each measure and unit, a row for each model."""
    measures = dict.fromkeys((measure_words(row), row.unit) for row in rows)
    facets = []
    for words, unit in measures:
        shown = [row for row in rows if (measure_words(row), row.unit) == (words, unit)]
        marks = (Dots("for minus against", "ink", [row.for_minus_against for row in shown]),)
        facets.append(DotFacet(words, [row.model for row in shown], marks, subtitle=unit))
    return dots(
        "instrument",
        "What the measures see: told for minus told against each value",
        "An interval that covers 0: the measure cannot tell the two instructions apart on this model.",
        facets,
        axis="difference",
        numbers=numbers,
    )


def settings_section(comparison: Comparison) -> Section:
    """In what the runs differ, and what each method was set to on each model."""
    found = comparison.found
    models = [row.model for row in found.models]
    columns: tuple[Column[Difference], ...] = (
        Column("", "Key", lambda row: Code(row.key)),
        Column("", "Decides", lambda row: row.decides or "each model's own"),
        *(
            Column[Difference]("", model, lambda row, model=model: row.values.get(model))  # type: ignore[misc]
            for model in models
        ),
    )
    blocks = (
        Table("", "Every key whose values differ between the runs", columns, found.differences)
        if found.differences
        else Words("The runs' specifications and versions differ in nothing but the model.", style="small"),
        _settings_table(found.methods),
        row_file(DIFFERS, Difference, found.differences),
    )
    return Section("settings", "Settings and differences", blocks, link="Settings")


def _settings_table(rows: tuple[MethodRow, ...]) -> Table[MethodRow]:
    columns: tuple[Column[MethodRow], ...] = (
        Column("", "Method", lambda row: method_name(row.method)),
        Column("", "Model", lambda row: row.model),
        Column("", "Setting", lambda row: setting_name(row.setting) if row.asked else None, absent=MISSING),
        Column("", "Locator", lambda row: parameters(row.locator_parameters) if row.asked else None),
        Column("", "Edit", lambda row: parameters(row.edit_parameters) if row.asked else None),
        Column("", "Neurons per value", lambda row: spread(row.neurons.values()) if row.neurons else "none"),
    )
    ordered = sorted(rows, key=lambda row: [entry.method for entry in rows].index(row.method))
    return Table("", "What each method was set to", columns, ordered)
