"""The methods on every model: NeVA's table 1, its figure 3 (rates by value), and leakage side by side."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from valuescope.compare.comparison import Comparison
from valuescope.compare.method_rows import matrix_of, method_names
from valuescope.compare.rows import LeakRow, MethodRow, ValueRow, row_file, told
from valuescope.compare.runs import ComparedRun
from valuescope.metrics import Estimate
from valuescope.parts.leakage_shown import group_facet
from valuescope.parts.leakages_shown import changes_facet
from valuescope.parts.method import ValueEffect, effect_numbers, mean_of, methods_of
from valuescope.parts.rates import TITLES, RatesFound, rate_facet
from valuescope.report.blocks import Details, Section, Words
from valuescope.report.names import method_name
from valuescope.report.numbers import SHARES, Numbers, listing, spread
from valuescope.report.plots import heat_maps
from valuescope.report.table import Column, Table, Verdict

PRECISE = Numbers(3)
CLEAR = {"clear of random": True, "not clear of random": False, "wrong direction": False}


# NeVA, table 1 --------------------------------------------------------------------------------------------


def overview_section(comparison: Comparison) -> Section:
    """Methods against models: control, fluency, leakage and ability, and by value beneath."""
    found = comparison.found
    measure = found.measure or "the measure"
    caption = "Every method on every model at its headline setting, averaged over values"
    blocks = (
        Words(
            f"{measure[:1].upper()}{measure[1:]}: the level under each value's own edit, over all values. Effect: its paired change "
            "from the base, beside it as many random neurons under the same edit. Leak: the mean increase of other values; "
            "NLR: leak divided by the value's own gain. Leakage is over the questions that it was asked on. Ability is averaged over "
            "the edits of all values.",
            style="small",
        ),
        Table("", caption, list(_overview_columns(comparison)), found.methods),
        Details("Effect on each value", (_values_table(comparison),)),
        row_file("methods", MethodRow, found.methods),
    )
    return Section("overview", "Methods and models", blocks, link="Overview")


def _overview_columns(comparison: Comparison) -> Iterator[Column[MethodRow]]:
    numbers, found = effect_numbers(comparison.runs[0].result), comparison.found
    level = SHARES if found.unit == "share" else numbers
    measure = found.measure or "the measure"
    yield Column("", "Model", lambda row: row.model)
    yield Column("", "Method", lambda row: method_name(row.method), small=_neurons)
    yield Column(
        "",
        f"{measure[:1].upper()}{measure[1:]}",
        lambda row: row.edited,
        level,
        signed=False,
        small=lambda row: _below("base", row.base, level, signed=False),
    )
    controls = (("Effect", "effect"), ("Random neurons", "random"), ("Random, matched", "random_matched"))
    for title, field in controls:
        if any(getattr(row, field) for row in found.methods):
            yield Column("", title, attrgetter(field), numbers)
    yield Column(
        "",
        "Fluent answers",
        lambda row: row.fluency,
        signed=False,
        small=lambda row: _below("base", row.base_fluency, SHARES, signed=False),
    )
    if any(row.leak or row.nlr for row in found.methods):
        yield Column(
            "", "Leak", lambda row: row.leak, small=lambda row: _below("random", row.leak_random, SHARES)
        )
        yield Column("", "NLR", lambda row: row.nlr, signed=False, small=_undefined)
    for field, title, digits in (("mmlu", "MMLU", PRECISE), ("nats", "Neutral text, nats", SHARES)):
        if any(getattr(row, field) for row in found.methods):
            yield _ability_column(field, title, digits)
    yield Column("", "Verdict", _verdicts)


def _neurons(row: MethodRow) -> str:
    """How many neurons the values got, where the method edits neurons."""
    return f"{spread(row.neurons.values())} neurons" if row.neurons else ""


def _verdicts(row: MethodRow) -> tuple[Verdict, ...] | None:
    """What the instrument says, and where it does not forbid it what the effect says."""
    if not row.asked:
        return None
    effect = () if row.tells is False else (Verdict(CLEAR.get(row.verdict), row.verdict),)
    return (told(row.tells), *effect)


def _ability_column(field: str, title: str, numbers: Numbers) -> Column[MethodRow]:
    def small(row: MethodRow) -> tuple[str, ...]:
        base, change = getattr(row, f"{field}_base"), getattr(row, f"{field}_change")
        interval = numbers.interval(change) if change else ""
        return (*_below("base", base, numbers, signed=False), *_below("change", change, numbers), interval)

    return Column("", title, attrgetter(field), numbers, signed=False, small=small)


def _below(name: str, estimate: Estimate | None, numbers: Numbers, *, signed: bool = True) -> tuple[str, ...]:
    """A line below a cell: what stands beside its score, where it was measured."""
    mean = mean_of(estimate)
    if mean is None:
        return ()
    return (f"{name} {numbers.signed(mean) if signed else numbers.plain(mean)}",)


def _undefined(row: MethodRow) -> str:
    return "" if not row.undefined_ratios else f"{row.undefined_ratios} undefined"


class _ByValue(NamedTuple):
    row: MethodRow
    effects: dict[str, ValueEffect]


def _values_table(comparison: Comparison) -> Table[_ByValue]:
    """The effect on each value under its own edit, with random neurons below it."""
    numbers = effect_numbers(comparison.runs[0].result)
    results = {run.label: methods_of(run.result) for run in comparison.runs}

    def column(value: str) -> Column[_ByValue]:
        def effect(entry: _ByValue) -> Estimate | None:
            return entry.effects[value].effect if value in entry.effects else None

        def small(entry: _ByValue) -> tuple[str, ...]:
            return _below("random", entry.effects[value].random, numbers) if value in entry.effects else ()

        return Column("", comparison.head.value_name(value), effect, numbers, small=small)

    rows = []
    for row in comparison.found.methods:
        method = results[row.model].get(row.method)
        rows.append(_ByValue(row, method.by_value if method else {}))
    columns = (
        Column[_ByValue]("", "Model", lambda entry: entry.row.model),
        Column[_ByValue]("", "Method", lambda entry: method_name(entry.row.method)),
        Column[_ByValue]("", "Instrument", lambda entry: told(entry.row.tells) if entry.row.asked else None),
        *map(column, comparison.head.values),
    )
    return Table("", "Change under each value's own edit", columns, rows)


# NeVA, figure 3 -------------------------------------------------------------------------------------------


def rates_section(comparison: Comparison) -> Section:
    """Control success and fluency of every value under every method, a panel for each model."""
    found = {
        run.label: rates
        for run in comparison.runs
        if isinstance(rates := run.result.found.get("rates"), RatesFound)
    }
    facets = [
        rate_facet(rates, rate, comparison.head, label) for rate in TITLES for label, rates in found.items()
    ]
    figure = heat_maps(
        "rates",
        "Control success and fluency of each value under its own edit",
        "Every method at its headline setting, and the base model. Bold: the interval of the change from the base leaves 0 "
        "out. On a model where the measure sees nothing (above) no cell says that a method works or fails.",
        facets,
        peak=1.0,
    )
    without = [run.label for run in comparison.runs if run.label not in found]
    absent = f"Rates by value were not asked on {listing(without)}."
    rows = comparison.found.by_value
    blocks = (
        figure,
        Words(absent, style="absent") if found and without else None,
        row_file("by_value", ValueRow, rows) if rows else None,
    )
    return Section("rates", "Control success and fluency by value", blocks, link="By value")


# Leakage --------------------------------------------------------------------------------------------------


def leakage_section(comparison: Comparison) -> Section:
    """Every method's matrix of changes on every model, and the leakage between groups."""
    matrices = [
        (run, f"{run.label}: {method_name(name)}", matrix)
        for name in method_names(comparison.runs)
        for run in comparison.runs
        if (matrix := matrix_of(run.result, name))
    ]
    changes = heat_maps(
        "leakage",
        "Change of every value (columns) under the edit of every value (rows)",
        "Bold: the interval leaves 0 out. Framed: a value under its own edit. The numbers under random neurons are in "
        "tables/leakage.csv.",
        [changes_facet(title, matrix, run.head) for run, title, matrix in matrices],
        peak=1.0 if comparison.found.unit == "share" else None,
    )
    groups = heat_maps(
        "leakage_groups",
        "Leakage between groups of values (NGLR)",
        "Of all that leaks into a group of values, the share that each group's edits put there. A question mark: nothing leaked "
        "into the group.",
        [group_facet(title, matrix.group_leakage, run.head) for run, title, matrix in matrices],
        peak=1.0,
    )
    rows = comparison.found.leakage
    blocks = (
        changes,
        groups,
        _absent(comparison, matrices),
        row_file("leakage", LeakRow, rows) if rows else None,
    )
    return Section("leakage", "Leakage to other values", blocks, link="Leakage")


def _absent(comparison: Comparison, matrices: list[tuple[ComparedRun, str, Any]]) -> Words | None:
    with_matrix = {run.label for run, _, _ in matrices}
    without = [run.label for run in comparison.runs if run.label not in with_matrix]
    if not matrices or not without:
        return None
    return Words(f"Leakage was not measured on {listing(without)}.", style="absent")
