"""How sweeps are shown: scores and quality over the strength both ways, and effect with fluency over the dose."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from valuescope.lab.result import Head, Result
from valuescope.parts.method import MethodFound, effect_numbers, methods_of
from valuescope.report.blocks import Section, Words
from valuescope.report.figure import Figure
from valuescope.report.names import measure_name, method_name
from valuescope.report.numbers import SHARES, listing, spread
from valuescope.report.plots import Curve, CurveFacet, Strip, curves
from valuescope.report.table import records

FEW = 4
"""Up to so many values get a panel each beside the one over all."""
SWEEP_KEY = (
    "Filled: the method's neurons, edited towards the value (triangles) and away from it (diamonds). Hollow, dashed: as "
    "many random neurons. Dotted: the unedited model. Bands and bars: intervals over questions."
)


# Both directions ------------------------------------------------------------------------------------------


def sweeps_section(found: Mapping[str, Any], result: Result) -> Section:
    """One figure for each sweep of a method that was measured both ways or rated."""
    both = {
        name: sweeps for name, sweeps in found.items() if name in (result.found.get("methods.*.ways") or {})
    }
    figures = [_figure(name, sweep, result) for name, sweeps in both.items() for sweep in sweeps.root]
    rows = [
        (name, sweep.name, point.strength, way, measure, value, arm, getattr(arms, arm))
        for name, sweeps in both.items()
        for sweep in sweeps.root
        for point in sweep.points
        for way, measures in point.ways.items()
        for measure, block in measures.items()
        for value, arms in (("all", block), *block.by_value.items())
        for arm in ("edited", "random")
    ]
    blocks = (
        *figures,
        records("sweeps", "method parameter strength direction measure value arm *", rows) if rows else None,
    )
    return Section("sweeps", "Sweeps in both directions", blocks, link="Sweeps")


def _figure(name: str, sweep: Any, result: Result) -> Figure | None:
    label, measures = strength_name(sweep.name), shown_measures(sweep)
    return curves(
        file_name(f"sweep_{name}_{sweep.name}"),
        f"{method_name(name)}: {' and '.join(map(measure_name, measures))} over {label}",
        SWEEP_KEY,
        sweep_facets(sweep, result.head),
        x_axis=label,
    )


def file_name(words: str) -> str:
    """A figure's name, with what no address can hold replaced."""
    return re.sub(r"[^\w.-]", "-", words, flags=re.ASCII)


def strength_name(parameter: str) -> str:
    """The name to show for the parameter of a sweep."""
    return {"top": "neurons edited for each value"}.get(parameter, parameter)


def shown_measures(sweep: Any) -> list[str]:
    """What a sweep is drawn by: ratings where there are any, then the writing."""
    quality = next((measure for measure in ("quality", "fluent") if measure in sweep.base), "")
    return ["relevance" if "relevance" in sweep.base else "success", *([quality] if quality else [])]


def sweep_facets(sweep: Any, head: Head, model: str = "") -> list[CurveFacet]:
    """A panel over all values, and one for each of a few; `model` stands below their names."""
    points, values = sorted(sweep.points, key=lambda point: point.strength), head.values
    score, *_ = measures = shown_measures(sweep)
    return [
        CurveFacet(
            head.value_name(value) if value else "All values",
            subtitle=", ".join(filter(None, (model, _size(points, score, value)))),
            strips=tuple(
                Strip(
                    measure_name(measure),
                    _curves(points, measure, value),
                    zero=measure in ("success", "fluent"),
                    levels=((sweep.base[measure].mean, "unedited", "dot"),) if not value else (),
                    height=2.0 if measure == score else 1.0,
                )
                for measure in measures
            ),
        )
        for value in ("", *(values if 1 < len(values) <= FEW else ()))
    ]


def _size(points: Sequence[Any], measure: str, value: str) -> str:
    """How many answers stand behind each point."""
    blocks = [block for point in points for way in point.ways.values() if (block := way.get(measure))]
    arms = [block.by_value.get(value) if value else block for block in blocks]
    sizes = {estimate.n for arm in arms if arm for estimate in (arm.edited, arm.random) if estimate.n}
    return f"n = {spread(sizes)}" if sizes else ""


def _curves(points: Sequence[Any], measure: str, value: str) -> list[Curve]:
    drawn, strengths = [], [point.strength for point in points]
    for way, words in (("up", "towards"), ("down", "away")):
        blocks = [point.ways.get(way, {}).get(measure) for point in points]
        arms = [block and (block.by_value.get(value) if value else block) for block in blocks]
        if any(arms):
            random = tuple(arm and arm.random for arm in arms)
            drawn.append(Curve(f"random, {words}", "control", strengths, random))
            drawn.append(Curve(words, way, strengths, tuple(arm and arm.edited for arm in arms)))
    return drawn


# Dose -----------------------------------------------------------------------------------------------------


def dose_section(found: Mapping[str, Any], result: Result) -> Section:
    """Effect and fluency over the strengths, a panel for each method that has a sweep."""
    methods = methods_of(result)
    without = [method_name(name) for name in methods if name not in found]
    measure = result.head.measure.name or "the measure"
    figure = curves(
        "dose",
        f"Dose and response: change of {measure} over the strength of the edit",
        "Above: the method's neurons (filled) and random neurons (hollow), with intervals. Below: the share of fluent "
        "answers; the dotted line is the base model's.",
        [
            dose_facet(method_name(name), found[name], method, place, result)
            for place, (name, method) in enumerate(methods.items())
            if name in found
        ],
        x_axis="strength",
    )
    rows = [
        (name, dose.name, point.strength, point.effect, point.random, point.fluency)
        for name, dose in found.items()
        for point in dose.points
    ]
    missing = Words(f"No sweep for {listing(without)}.", style="absent") if without else None
    return Section(
        "dose",
        "Dose and response",
        (figure, missing, records("dose", "method parameter strength effect* random* fluency*", rows)),
        link="Dose",
    )


def dose_facet(title: str, dose: Any, method: MethodFound, place: int, result: Result) -> CurveFacet:
    """Effect and fluency of one method over the strength; `place` is its style."""
    points = sorted(dose.points, key=lambda point: point.strength)
    strengths = [point.strength for point in points]

    def curve(label: str, style: int | str, field: str) -> Curve:
        estimates = tuple(getattr(point, field) for point in points)
        sizes = {estimate.n for estimate in estimates if estimate and estimate.n}
        size = f" (n = {spread(sizes)})" if sizes else ""
        return Curve(f"{label}{size}", style, strengths, estimates)

    base = method.chosen.base_fluency if method.chosen else None
    effects = (curve("random neurons", "control", "random"), curve("its neurons", place, "effect"))
    return CurveFacet(
        title,
        (
            Strip("change", effects, effect_numbers(result), signed=True),
            Strip(
                "fluent answers",
                (curve("fluent", place, "fluency"),),
                SHARES,
                domain=(0.0, 1.0),
                levels=((base.mean if base else None, "base", "dot"),),
                height=1.0,
            ),
        ),
        style=place,
        marks=_marks(method, dose.name, strengths),
        x_axis=dose.name,
    )


def _marks(method: MethodFound, parameter: str, strengths: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """The strength of each setting, where it lies within the sweep."""
    places: dict[float, list[str]] = {}
    for setting in method.settings:
        strength = setting.edit_parameters.get(parameter, setting.locator_parameters.get(parameter))
        if not isinstance(strength, int | float) or isinstance(strength, bool):
            continue
        if strengths and strengths[0] <= strength <= strengths[-1]:
            places.setdefault(float(strength), []).append(setting.name)
    return tuple((strength, ", ".join(names)) for strength, names in sorted(places.items()))
