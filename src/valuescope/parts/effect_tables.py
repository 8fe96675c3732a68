"""The tables and figures of the methods' effects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from valuescope.lab.result import Result
from valuescope.metrics import Estimate
from valuescope.parts.method import (
    MethodFound,
    SettingFound,
    effect_numbers,
    fluency_verdict,
    mean_of,
    verdict,
)
from valuescope.report.colours import Style
from valuescope.report.figure import Figure
from valuescope.report.names import asked_name, method_name, setting_name
from valuescope.report.numbers import NO_NEURONS, SHARES, Numbers, neurons_of, spread
from valuescope.report.plots import DotFacet, Dots, dots
from valuescope.report.table import Column, Table, records

PRECISION = Numbers(3)


class _Row(NamedTuple):
    name: str
    method: MethodFound
    setting: SettingFound

    @property
    def headline(self) -> bool:
        return self.setting is self.method.chosen

    @property
    def precision(self) -> float | None:
        mean = self.setting.mean_precision
        return self.method.average_precision if mean is None and self.headline else mean


def methods_table(found: Mapping[str, MethodFound], result: Result) -> Table[_Row]:
    """Every method at every setting; also what a command prints."""
    numbers, unit = effect_numbers(result), result.head.measure.unit

    def chance(row: _Row) -> str:
        share = row.method.chance_precision
        return "" if share is None or row.precision is None else f"({PRECISION.plain(share)})"

    def marked(row: _Row) -> str:
        return " · headline" if row.headline and len(row.method.settings) > 1 else ""

    columns: tuple[Column[_Row], ...] = (
        Column("method", "", lambda row: row.name),
        Column(
            "",
            "Method and setting",
            lambda row: method_name(row.name),
            small=lambda row: setting_name(row.setting.name) + marked(row),
            terminal="method",
        ),
        Column("setting", "", lambda row: row.setting.name),
        Column("", "", lambda row: row.setting.name + ("*" if marked(row) else ""), terminal="setting"),
        Column("headline", "", lambda row: row.headline),
        Column("locator", "", lambda row: row.method.locator or row.name),
        Column(
            "edit",
            "Edit",
            lambda row: row.method.edit,
            small=lambda row: asked_name(row.method.asked),
            terminal="edit",
        ),
        Column("asked", "", lambda row: row.method.asked),
        Column("direction", "", lambda row: row.method.direction),
        Column("neurons_least", "", lambda row: min(row.setting.neurons.values(), default=None)),
        Column("neurons_most", "", lambda row: max(row.setting.neurons.values(), default=None)),
        Column(
            "", "Neurons per value", lambda row: neurons_of(row.method.edit, row.setting.neurons.values())
        ),
        Column("average_precision", "", lambda row: row.precision),
        Column(
            "",
            "Average precision (chance)",
            lambda row: "none" if row.precision is None and row.method.edit in NO_NEURONS else row.precision,
            numbers=PRECISION,
            signed=False,
            small=chance,
            absent="no truth",
        ),
        Column(
            "", "", lambda row: row.precision, PRECISION, signed=False, terminal="avg. precision", absent="-"
        ),
        Column("chance_precision", "", lambda row: row.method.chance_precision),
        *(
            Column[_Row](
                name,
                title,
                attrgetter(f"setting.{name}"),
                numbers,
                estimate=True,
                terminal=terminal,
            )
            for name, title, terminal in (
                ("effect", f"Effect on the target{f' ({unit})' if unit else ''}", "effect on target"),
                ("random", "Random neurons", "random neurons"),
                ("random_matched", "Random, matched", ""),
            )
        ),
        Column(
            "fluency",
            "Fluency (base)",
            lambda row: row.setting.fluency,
            SHARES,
            signed=False,
            estimate=True,
            small=lambda row: f"base {SHARES.plain(mean_of(row.setting.base_fluency))}",
        ),
        Column("base_fluency", "", lambda row: row.setting.base_fluency, estimate=True),
        Column("", "", _fluency_words, terminal="fluency (base)"),
        Column(
            "",
            "",
            lambda row: neurons_of(row.method.edit, row.setting.neurons.values()).replace("–", "-"),
            terminal="neurons/value",
        ),
        Column("locator_parameters", "", lambda row: _json(row.setting.locator_parameters)),
        Column("edit_parameters", "", lambda row: _json(row.setting.edit_parameters)),
        Column(
            "",
            "Verdict",
            lambda row: (verdict(row.method, row.setting, result), fluency_verdict(row.setting)),
        ),
    )
    caption = "Every method at every setting that was measured; the headline setting is marked"
    rows = [_Row(name, method, setting) for name, method in found.items() for setting in method.settings]
    return Table("methods", caption, columns, rows, left=3)


def _json(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True, ensure_ascii=False, default=str)


def _fluency_words(row: _Row) -> str:
    means = [mean_of(share) for share in (row.setting.fluency, row.setting.base_fluency)]
    if means == [None, None]:
        return "-"
    now, base = (SHARES.plain(mean) for mean in means)
    return f"{now} ({base})"


def values_table(found: Mapping[str, MethodFound]) -> Table[Any]:
    """The effect on each value, as a file."""
    fields = ("neurons", "average_precision", "recall", "precision")
    rows = [
        (
            name,
            method.setting,
            value,
            *((getattr(method.chosen, field, None) or {}).get(value) for field in fields),
            *(getattr(effect, field) for field in ("base", "edited", "effect", "random")),
        )
        for name, method in found.items()
        for value, effect in method.by_value.items()
    ]
    return records(
        "by_value",
        "method setting value neurons average_precision recall precision base* edited* effect* random*",
        rows,
    )


def effects_figure(found: Mapping[str, MethodFound], result: Result) -> Figure | None:
    """The effect of each method beside its random controls, at every setting that was measured."""
    return effects_of([effects_facet(found, result)], result) if found else None


def effects_facet(found: Mapping[str, MethodFound], result: Result, title: str = "") -> DotFacet:
    """A row for each method and setting."""
    numbers = effect_numbers(result)
    rows = [
        (place, name, method, setting)
        for place, (name, method) in enumerate(found.items())
        for setting in method.settings
    ]
    aims = {1: "raise", -1: "lower", None: "change"}

    def label(name: str, method: MethodFound, setting: SettingFound) -> str:
        several = f", {setting.name}" if len(method.settings) > 1 else ""
        return f"{method_name(name)}{several} ({aims[method.direction]})"

    arms: dict[str, tuple[str, Style | tuple[Style, ...]]] = {
        "its neurons": ("effect", tuple(place for place, *_ in rows)),
        "random": ("random", "control"),
        "random, matched": ("random_matched", "matched"),
    }
    measured = {field: [getattr(setting, field) for *_, setting in rows] for field, _ in arms.values()}
    series = [
        Dots(
            arm, style, [_or_why_not(point, row[2]) for point, row in zip(measured[field], rows, strict=True)]
        )
        for arm, (field, style) in arms.items()
        if any(measured[field])
    ]
    return DotFacet(
        title,
        tuple(label(*row[1:]) for row in rows),
        series,
        beside=tuple(numbers.signed(mean_of(setting.effect)) for *_, setting in rows),
        beside_title="effect",
    )


def effects_of(facets: Sequence[DotFacet], result: Result) -> Figure | None:
    """A panel for each facet, in the measure of `result`."""
    numbers, unit = effect_numbers(result), result.head.measure.unit
    axis = f"change of {result.head.measure.name or 'the measure'}{f' ({unit})' if unit else ''}"
    return dots(
        "effects",
        f"Effect of each method on its target value: {axis}",
        "Edited minus base on the same questions, averaged over values, with intervals; in brackets what the method should do. "
        "Random: as many random neurons under the same edit. Matched: random neurons of the same layers and activation rates.",
        facets,
        axis=axis,
        numbers=numbers,
    )


def _or_why_not(estimate: Estimate | None, method: MethodFound) -> Estimate | str | None:
    """A control that an intervention does not have, matched random neurons, is not missing."""
    return "none: no neurons" if estimate is None and method.intervention else estimate


def by_value_figure(found: Mapping[str, MethodFound], result: Result) -> Figure | None:
    """The effect on each value under its own edit, beside random neurons."""
    numbers, measure, facets = effect_numbers(result), result.head.measure.name or "the measure", []
    for place, (name, method) in enumerate(found.items()):
        values = [value for value in result.head.values if value in method.by_value]
        effects = [method.by_value[value] for value in values]
        counts = sorted({effect.effect.n for effect in effects if effect.effect and effect.effect.n})
        size = f"; n = {spread(counts)} for each value" if counts else ""
        facets.append(
            DotFacet(
                method_name(name),
                tuple(result.head.value_name(value) for value in values),
                (
                    Dots("its neurons", place, tuple(effect.effect for effect in effects)),
                    Dots("random neurons", "control", tuple(effect.random for effect in effects)),
                ),
                subtitle=f"{setting_name(method.setting)}{size}",
                style=place,
                beside=tuple(_ends((effect.base, effect.edited), numbers) for effect in effects),
                beside_title="base → edited",
            )
        )
    return dots(
        "by_value",
        f"Effect on each value under its own edit (change of {measure})",
        "Coloured marks: the method's neurons, with intervals. Grey circles: random neurons. Numbers on the right: base "
        "and edited.",
        facets,
        axis=f"change of {measure}",
        numbers=numbers,
    )


def _ends(ends: Sequence[Estimate | None], numbers: Numbers) -> str:
    return " → ".join("?" if end is None or end.mean is None else numbers.plain(end.mean) for end in ends)
