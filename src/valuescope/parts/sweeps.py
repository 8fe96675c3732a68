"""Sweeps over strengths: every measure in every direction (ValueLocate, figures 3, 5, 6 and 10 to 16), and the dose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any, ClassVar

from valuescope.lab.ask import Ask, Outcomes
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory, Measure
from valuescope.lab.method import MethodSpec, Way
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import DoseSpec, Setting
from valuescope.lab.strict import Found, FoundRoot, Measured
from valuescope.lab.treatments import sizes
from valuescope.metrics import Estimate
from valuescope.parts.sweep_figures import dose_section, sweeps_section
from valuescope.parts.ways import measures_of, turned_settings
from valuescope.report.blocks import Section


class StrengthArms(Found):
    """The means of edited and random answers."""

    edited: Measured
    random: Measured


class StrengthMeasure(StrengthArms):
    """One measure at one strength, over all values and by value."""

    by_value: dict[str, StrengthArms] = {}


class SweepPoint(Found):
    """One strength: effect, random control and fluency in the intended direction, and all measures by direction."""

    strength: float
    effect: Measured | None = None
    random: Measured | None = None
    fluency: Measured | None = None
    ways: dict[Way, dict[Measure, StrengthMeasure]] = {}
    neurons: float | None = None


class SweepFound(Found):
    """One sweep; `name` is the parameter."""

    name: str
    base: dict[Measure, Measured] = {}
    points: tuple[SweepPoint, ...] = ()


class SweepsFound(FoundRoot[tuple[SweepFound, ...]]):
    """All sweeps of a method."""


class Sweeps(Part[None]):
    """Every sweep of every method on the first questions, with one random control at each strength."""

    place, order = "methods.*.sweeps", 80
    Found: ClassVar[type[Any]] = SweepsFound

    def asks(self, design: Design) -> Iterator[Ask]:
        """Base, and every strength in every direction."""
        for name, method in design.spec.methods.items():
            for dose in method.doses:
                yield _base(design, method, dose)
                for strength in dose.values:
                    setting = method.dosed(design.settings[name], dose, strength)
                    for way, turned in turned_settings(method, setting).items():
                        asks = _asks(design, method, dose, turned)
                        yield from asks[: 4 if way == method.direction else 2]

    def measure(self, lab: Laboratory) -> Mapping[str, Any]:
        """Each method's sweeps."""
        return {
            name: SweepsFound(tuple(_sweep(lab, method, lab.settings[name], dose) for dose in method.doses))
            for name, method in lab.spec.methods.items()
            if method.doses
        }

    @classmethod
    def view(cls, found: Mapping[str, Any], result: Result) -> Section:
        """One figure for each sweep that was measured both ways or rated."""
        return sweeps_section(found, result)


def _base(design: Design, method: MethodSpec, dose: DoseSpec) -> Ask:
    return design.base(design.items(method.asked, dose.questions))


def _asks(design: Design, method: MethodSpec, dose: DoseSpec, setting: Setting) -> tuple[Ask, Ask, Ask, Ask]:
    """Edited and random answers, and the base and edited answers that fluency is read off."""
    items, treatments = design.items(method.asked, dose.questions), design.treatments(method, setting)
    control = design.control(method, setting)
    assert control is not None
    edited = design.each(items, treatments)
    spoken = design.spoken(method, design.base(items), edited, treatments)
    return edited, design.each(items, control), *spoken


def _intended(lab: Laboratory, method: MethodSpec, dose: DoseSpec, dosed: Setting) -> dict[str, Estimate]:
    """Effect, random control and fluency in the intended direction."""
    setting = turned_settings(method, dosed)[method.direction]
    edited, random, base_answers, answers = _asks(lab, method, dose, setting)
    base = lab.outcomes(_base(lab, method, dose))
    return {
        "effect": lab.effect(base, lab.outcomes(edited)),
        "random": lab.effect(base, lab.outcomes(random)),
        "fluency": lab.fluency(lab.fluent(base_answers, answers)[1]),
    }


def _sweep(lab: Laboratory, method: MethodSpec, setting: Setting, dose: DoseSpec) -> SweepFound:
    base, measures = lab.outcomes(_base(lab, method, dose)), measures_of(lab.spec)
    points = []
    for strength in dose.values:
        dosed = method.dosed(setting, dose, strength)
        ways = {}
        for way, turned in turned_settings(method, dosed).items():
            edited, random = (lab.outcomes(ask) for ask in _asks(lab, method, dose, turned)[:2])
            ways[way] = {measure: _measured(lab, edited, random, measure) for measure in measures}
        points.append(
            SweepPoint(
                strength=strength,
                **_intended(lab, method, dose, dosed),
                ways=ways,
                neurons=fmean(sizes(lab.locations, method, dosed).values()),
            )
        )
    return SweepFound(
        name=dose.parameter,
        base={measure: lab.mean(base, measure=measure) for measure in measures},
        points=tuple(points),
    )


def _measured(lab: Laboratory, edited: Outcomes, random: Outcomes, measure: Measure) -> StrengthMeasure:
    def arms(value: str | None) -> StrengthArms:
        means = (lab.mean(arm, measure=measure, value=value) for arm in (edited, random))
        return StrengthArms(edited=next(means), random=next(means))

    return StrengthMeasure(**dict(arms(None)), by_value={value: arms(value) for value in lab.values})


# Dose -----------------------------------------------------------------------------------------------------


class DosePoint(Found):
    """The effect at one strength."""

    strength: float
    effect: Measured | None = None
    random: Measured | None = None
    fluency: Measured | None = None


class DoseFound(Found):
    """The first sweep in the intended direction; `name` is the parameter."""

    name: str
    points: tuple[DosePoint, ...] = ()


class Dose(Sweeps):
    """Effect, random control and fluency over the strengths of each method's first sweep."""

    place, order, Found = "methods.*.dose", 70, DoseFound

    def measure(self, lab: Laboratory) -> Mapping[str, Any]:
        """The first sweep of each method that has one."""
        found = {}
        for name, method in lab.spec.methods.items():
            if method.doses:
                dose, setting = method.doses[0], lab.settings[name]
                points = (
                    DosePoint(
                        strength=strength,
                        **_intended(lab, method, dose, method.dosed(setting, dose, strength)),
                    )
                    for strength in dose.values
                )
                found[name] = DoseFound(name=dose.parameter, points=tuple(points))
        return found

    @classmethod
    def view(cls, found: Mapping[str, Any], result: Result) -> Section:
        """One panel for each method that has a sweep."""
        return dose_section(found, result)
