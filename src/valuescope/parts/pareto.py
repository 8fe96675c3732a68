"""Curves of control against fluency and leakage: each method's sweep, with every value steered on all questions (NeVA,
figure 5), and who has more control at equal fluency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field, model_validator

from valuescope.lab.ask import Ask
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.matrix import Matrix, MatrixAsks, deltas, matrix_asks, matrix_of, strength_of
from valuescope.lab.method import MethodSpec
from valuescope.lab.parameters import require_known
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import DoseSpec, Setting
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Found, Measured, Strict
from valuescope.metrics import Strength, pareto_curves, value_leakage
from valuescope.parts.pareto_shown import pareto_section
from valuescope.report.blocks import Section


class ParetoSpec(Strict):
    """Curves of control against fluency and leakage: every method's sweep, steering every value on all questions.

    `methods` (none: all with the reference's kind of questions). `reference` is what the others are compared with;
    `floors`: shares of the base's fluency at which controls are interpolated. `questions`: per value.
    """

    methods: tuple[str, ...] = ()
    reference: str = "neva"
    floors: tuple[float, ...] = Field(default=(0.97, 0.9), min_length=1)
    questions: int = Field(default=6, ge=1)

    @model_validator(mode="after")
    def _shares(self) -> ParetoSpec:
        if any(not 0 < floor <= 1 for floor in self.floors):
            raise ValueError(
                f"floors are {list(self.floors)}; each is a share of the base's fluency, above 0 to 1"
            )
        return self


class PointFound(Found):
    """One strength: control, leakage and fluency, its leakage ratios, and the random control of equal size."""

    strength: float
    control: Measured
    leakage: Measured
    fluency: Measured
    leak_mean: Measured | None = None
    nlr_mean: Measured | None = None
    nlr_median: Measured | None = None
    undefined: int | None = None
    random: Measured | None = None
    random_fluency: Measured | None = None


class FloorFound(Found):
    """The most control at a floor of fluency, interpolated along the curve, and its differences from the reference."""

    floor: float
    strength: float | None = None
    control: Measured
    leakage: Measured
    difference: Measured | None = None
    leakage_difference: Measured | None = None
    verdict: str | None = None


class CurveFound(Found):
    """A method's points in order of strength; `parameter` is None for a method without a sweep."""

    points: tuple[PointFound, ...] = ()
    at_floor: tuple[FloorFound, ...] = ()
    parameter: str | None = None


class ParetoFound(Found):
    """The curves of all methods."""

    reference: str
    questions: int
    floors: tuple[float, ...] = ()
    base_fluency: Measured | None = None
    methods: dict[str, CurveFound] = {}


class Pareto(Part[ParetoSpec]):
    """The curves, their random controls, and the comparison at equal fluency."""

    key, Spec = "pareto", ParetoSpec
    place, order, Found = "pareto", 30, ParetoFound

    @classmethod
    def check(cls, spec: ParetoSpec, run: ComparisonSpec) -> None:
        """Its methods are known."""
        require_known("pareto.methods", [*spec.methods, spec.reference], run.methods)

    def asks(self, design: Design) -> Iterator[Ask]:
        """A matrix and a random control for every strength."""
        for name in self._methods(design.spec):
            method = design.spec.methods[name]
            for _, setting in _settings(method, design.settings[name]):
                yield from self._matrix(design, method, setting)
                yield from self._random(design, method, setting)

    def measure(self, lab: Laboratory) -> ParetoFound:
        """The curves and their comparison."""
        strengths, single, matrix = dict[str, list[Strength]](), list[str](), None
        beside = dict[str, list[dict[str, Any]]]()
        for name in self._methods(lab.spec):
            method = lab.spec.methods[name]
            single += [] if _sweep(method) else [name]
            strengths[name], beside[name] = [], []
            for strength, setting in _settings(method, lab.settings[name]):
                matrix = matrix_of(lab, self._matrix(lab, method, setting))
                strengths[name].append(strength_of(matrix, strength, method.sign))
                beside[name].append({**_ratios(lab, matrix), **self._control(lab, method, setting)})
        assert matrix is not None
        fluent = [None if answer.fluent is None else float(answer.fluent) for answer in matrix.base_answers]
        curves = pareto_curves(
            strengths, fluent, self.spec.floors, self.spec.reference, single=single, how=lab.how
        )
        methods = {}
        for name, curve in curves.items():
            content, dose = curve.to_dict(), _sweep(lab.spec.methods[name])
            rising = sorted(
                zip(strengths[name], beside[name], strict=True), key=lambda pair: pair[0].strength
            )
            points = zip(content["points"], rising, strict=True)
            methods[name] = CurveFound(
                points=[{**point, **more} for point, (_, more) in points],  # type: ignore[arg-type]
                at_floor=content["at_floor"],
                parameter=dose.parameter if dose else None,
            )
        return ParetoFound(
            reference=self.spec.reference,
            questions=self.spec.questions,
            floors=self.spec.floors,
            base_fluency=lab.how.mean(fluent),
            methods=methods,
        )

    @classmethod
    def view(cls, found: ParetoFound, result: Result) -> Section | None:
        """The curves, who has more control at equal fluency, and the numbers at every strength."""
        return pareto_section(found, result)

    def _methods(self, spec: ComparisonSpec) -> tuple[str, ...]:
        reference = self.spec.reference
        if self.spec.methods:
            return tuple(dict.fromkeys((reference, *self.spec.methods)))
        asked = spec.methods[reference].asked
        return tuple(name for name, method in spec.methods.items() if method.asked == asked)

    def _matrix(self, design: Design, method: MethodSpec, setting: Setting) -> MatrixAsks:
        return matrix_asks(design, method, design.treatments(method, setting), self.spec.questions)

    def _random(self, design: Design, method: MethodSpec, setting: Setting) -> tuple[Ask, Ask, Ask, Ask]:
        """Base and random control, and the answers of both that fluency is read off."""
        control, items = (
            design.control(method, setting),
            design.items(method.asked, self.spec.questions),
        )
        assert control is not None
        base, random = design.base(items), design.each(items, control)
        return base, random, *design.spoken(method, base, random, control)

    def _control(self, lab: Laboratory, method: MethodSpec, setting: Setting) -> dict[str, Any]:
        base, random, base_answers, answers = self._random(lab, method, setting)
        return {
            "random": lab.effect(lab.outcomes(base), lab.outcomes(random)),
            "random_fluency": lab.fluency(lab.fluent(base_answers, answers)[1]),
        }


def _sweep(method: MethodSpec) -> DoseSpec | None:
    """A method's first sweep over a strength of its edit; None where it has none."""
    sweeps = (dose for dose in method.doses if dose.parameter != "top" and method.edit_kind)
    return next((dose for dose in sweeps if not method.is_of_locator(dose)), None)


def _settings(method: MethodSpec, setting: Setting) -> list[tuple[float, Setting]]:
    """The strengths of that sweep with their settings; the headline alone where there is none."""
    dose = _sweep(method)
    if dose is None:
        return [(1.0, setting)]
    return [(strength, method.dosed(setting, dose, strength)) for strength in dose.values]


def _ratios(lab: Laboratory, matrix: Matrix) -> dict[str, Any]:
    """NLR at one strength: mean, median, and how many entries have no gain to divide by."""
    leakage = value_leakage(deltas(matrix, lab.how))
    names = ("leak_mean", "nlr_mean", "nlr_median", "undefined")
    return {name: getattr(leakage, name) for name in names}
