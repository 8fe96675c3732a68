"""How control and its price are shown: curves against fluency and leakage, sentences and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from valuescope.lab.result import Result
from valuescope.metrics import verdict_of
from valuescope.parts.method import METHODS, effect_numbers
from valuescope.report.blocks import Bullets, Details, Section
from valuescope.report.figure import Figure
from valuescope.report.names import method_name
from valuescope.report.numbers import MISSING, SHARES
from valuescope.report.plots import TradeFacet, TradePath, tradeoff
from valuescope.report.table import Column, Table, records

AT_STRENGTH = (
    *("strength", "undefined", "control", "fluency", "leakage", "leak_mean"),
    *("nlr_mean", "nlr_median", "random", "random_fluency"),
)
AT_FLOOR = ("floor", "strength", "verdict", "control", "leakage", "difference", "leakage_difference")


def pareto_section(found: Any, result: Result) -> Section:
    """The curves, who has more control at equal fluency, and the numbers at every strength."""
    sentences = tuple(_sentences(found, result))
    blocks = (
        _figure(found, result),
        Bullets(sentences) if sentences else None,
        _floors_table(found, result),
        Details("Every strength", (_points_table(found, result),)),
        records("pareto", f"method parameter {_heads(AT_STRENGTH)}", _points(found)),
        records("pareto_floors", f"method {_heads(AT_FLOOR)}", _floors(found)),
    )
    return Section("pareto", "Control and its price", blocks)


def _figure(found: Any, result: Result) -> Figure | None:
    places = {name: place for place, name in enumerate(result.found.get(METHODS) or {})}
    base = 1.0 if found.base_fluency is None or found.base_fluency.mean is None else found.base_fluency.mean
    measure = result.head.measure.name or "the measure"

    def paths(price: str) -> list[TradePath]:
        return [
            TradePath(
                method_name(name),
                places.get(name, len(places)),
                [(getattr(point, price), point.control, f"{point.strength:g}") for point in curve.points],
                start=len(curve.points) > 1,
            )
            for name, curve in found.methods.items()
        ]

    randoms = [
        (point.random_fluency, point.random, f"{point.strength:g}")
        for curve in found.methods.values()
        for point in curve.points
    ]
    floors = tuple((floor * base, f"{floor:.0%} of base") for floor in found.floors)
    return tradeoff(
        "pareto",
        f"Control and its price: change of {measure} of the steered value against fluency and leakage",
        "Each line is a method from weak to strong, beginning at the unedited model; bars are intervals. Up is more control. "
        "First panel: right is more fluent. Second panel: left is less leakage (mean change of the values that are not "
        f"steered). Hollow grey: random controls of equal size. {found.questions} questions per value.",
        [
            TradeFacet(
                "Control against fluent answers",
                "fluent answers",
                [*paths("fluency"), TradePath("random", "control", randoms, start=False)],
                start=base,
                floors=floors,
            ),
            TradeFacet(
                "Control against mean change of other values",
                "mean change of other values",
                paths("leakage"),
                start=0.0,
                zero=True,
                signed=True,
            ),
        ],
        axis="change of the steered value",
        numbers=effect_numbers(result),
    )


def _sentences(found: Any, result: Result) -> list[str]:
    """For each method beside the reference, at each floor of fluency: what the interval of the difference says."""
    numbers, reference, sentences = effect_numbers(result), method_name(found.reference), []
    verdicts = {
        "more": f"beats {reference}",
        "less": f"falls behind {reference}",
        "no clear difference": f"does not clearly differ from {reference}",
        "cannot be said": "cannot be compared",
    }
    prices = {
        "more": "; it leaks more",
        "less": "; it leaks less",
        "no clear difference": "; its leakage does not clearly differ",
        "cannot be said": "",
    }
    for name, curve in found.methods.items():
        for floor in curve.at_floor if name != found.reference else ():
            where = f"with at least {floor.floor:.0%} of the base's fluency"
            control, difference, leak = floor.control, floor.difference, floor.leakage_difference
            if control.mean is None or difference is None or difference.mean is None:
                sentences.append(f"{method_name(name)}: no strength {where}, so nothing can be compared.")
                continue
            price = ""
            if leak is not None and leak.mean is not None:
                price = f"{prices[verdict_of(leak)]} ({numbers.full(leak)})"
            sentences.append(
                f"{method_name(name)} {verdicts[floor.verdict or 'cannot be said']} {where}: control "
                f"{numbers.full(control)}, difference {numbers.full(difference)}{price}."
            )
    return sentences


def _floors_table(found: Any, result: Result) -> Table[Any]:
    numbers = effect_numbers(result)
    rows = [(name, floor) for name, curve in found.methods.items() for floor in curve.at_floor]
    columns: tuple[Column[Any], ...] = (
        Column("", "Method", lambda row: method_name(row[0])),
        Column("", "Floor of fluency", lambda row: f"{row[1].floor:.0%}"),
        Column("", "Strength", lambda row: MISSING if row[1].strength is None else f"{row[1].strength:.3g}"),
        Column("", "Control", lambda row: row[1].control, numbers),
        Column("", "Leakage there", lambda row: row[1].leakage, numbers),
        Column(
            "",
            "Control against the reference",
            lambda row: "reference" if row[0] == found.reference else row[1].difference,
            numbers,
        ),
    )
    return Table("", "The largest control at equal fluency, interpolated along each curve", columns, rows)


def _points_table(found: Any, result: Result) -> Table[Any]:
    numbers = effect_numbers(result)
    rows = [(name, curve, point) for name, curve in found.methods.items() for point in curve.points]
    columns: tuple[Column[Any], ...] = (
        Column(
            "",
            "Method and strength",
            lambda row: f"{method_name(row[0])}, {row[1].parameter or 'as set'} {row[2].strength:g}",
        ),
        Column("", "Control", lambda row: row[2].control, numbers),
        Column("", "Fluency", lambda row: row[2].fluency, SHARES, signed=False),
        Column("", "Leakage", lambda row: row[2].leakage, numbers),
        Column(
            "",
            "NLR, median",
            lambda row: row[2].nlr_median,
            SHARES,
            signed=False,
            small=lambda row: f"{row[2].undefined} undefined" if row[2].undefined else "",
        ),
        Column("", "Random control", lambda row: row[2].random, numbers),
    )
    return Table("", "Control, fluency and leakage at each strength", columns, rows)


def _heads(fields: Sequence[str]) -> str:
    plain = ("floor", "strength", "verdict", "undefined")
    return " ".join(field if field in plain else f"{field}*" for field in fields)


def _points(found: Any) -> Iterator[tuple[Any, ...]]:
    for name, curve in found.methods.items():
        for point in curve.points:
            yield name, curve.parameter, *(getattr(point, field) for field in AT_STRENGTH)


def _floors(found: Any) -> Iterator[tuple[Any, ...]]:
    for name, curve in found.methods.items():
        for floor in curve.at_floor:
            yield name, *(getattr(floor, field) for field in AT_FLOOR)
