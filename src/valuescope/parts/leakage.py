"""Value leakage: what steering one value does to all others (NeVA, section 2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from valuescope.lab.ask import Ask
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.matrix import Matrix, MatrixAsks, deltas, matrix_asks
from valuescope.lab.parameters import require_known
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Strict
from valuescope.metrics import circle_leakage, group_leakage, neighbour_test, value_leakage
from valuescope.parts.leakage_found import (
    CircleFound,
    DeltaFound,
    Distance,
    GroupsFound,
    LeakageFound,
    LeakagesFound,
    MatrixFound,
    MethodLeakage,
    NeighbourFound,
    RandomFound,
    RatiosFound,
)
from valuescope.parts.leakage_shown import leakage_section
from valuescope.parts.leakages_shown import leakages_section
from valuescope.report.blocks import Section


class LeakageSpec(Strict):
    """The matrix of every steered against every evaluated value, with one method's headline setting.

    `methods`: those whose matrices are measured besides, with tests and controls of their own. `questions`: per value.
    """

    method: str = "neva"
    questions: int = Field(default=20, ge=1)
    methods: tuple[str, ...] = ()


class Leakage(Part[LeakageSpec]):
    """The matrix of one method, in short."""

    key, Spec = "leakage", LeakageSpec
    place, order = "leakage", 120
    Found: ClassVar[type[Any]] = LeakageFound

    @classmethod
    def check(cls, spec: LeakageSpec, run: ComparisonSpec) -> None:
        """Its methods are known."""
        require_known("leakage.method", [spec.method, *spec.methods], run.methods)

    def methods(self) -> tuple[str, ...]:
        """The methods whose matrices are measured."""
        return (self.spec.method,)

    def asks(self, design: Design) -> Iterator[Ask]:
        """Every value steered, by each method and by its random control, on the same questions."""
        for name in self.methods():
            for matrix in _asks(design, name, self.spec.questions):
                yield from (matrix.base, *matrix.steered.values())

    def measure(self, lab: Laboratory) -> LeakageFound | LeakagesFound:
        """The matrix and what follows from it."""
        name = self.spec.method
        found, (asks, _) = self._method(lab, name), _asks(lab, name, self.spec.questions)
        base, ratios = lab.outcomes(asks.base), found.leakage
        before = {
            value: [outcome.success for outcome in base if outcome.value == value] for value in lab.values
        }
        mean, circle = ratios.nlr_mean, found.circle or CircleFound()
        return LeakageFound(
            method=name,
            setting=found.setting,
            values=found.values,
            n=min(map(len, before.values())),
            base=tuple(lab.how.mean(before[value]).mean for value in lab.values),
            delta=found.delta.mean,
            delta_low=found.delta.low,
            delta_high=found.delta.high,
            nlr=ratios.nlr,
            nlr_mean=mean.mean if mean else None,
            nlr_mean_ci=mean.ci if mean else None,
            nlr_median=ratios.nlr_median.mean if ratios.nlr_median else None,
            undefined=ratios.at_floor,
            gain_floor=ratios.gain_floor,
            group_leakage=found.group_leakage,
            by_distance=tuple(
                Distance(distance=distance, mean=change)
                for distance, change in zip(circle.distances, circle.delta, strict=True)
            ),
            random=RandomFound(delta=found.random.delta.mean, leak_mean=found.random.leakage.leak_mean),
            leak_mean=ratios.leak_mean,
        )

    def _method(self, lab: Laboratory, name: str) -> MethodLeakage:
        matrix, random = (_read(lab, asks) for asks in _asks(lab, name, self.spec.questions))
        default = lab.settings[name] == lab.spec.methods[name].default
        return MethodLeakage(
            **dict(matrix),
            random=random,
            questions=self.spec.questions,
            setting="default" if default else "found",
        )

    @classmethod
    def view(cls, found: Any, result: Result) -> Section:
        """The matrix, its ratios, groups and distances."""
        return leakage_section(found, result)


class Leakages(Leakage):
    """The matrices of several methods in full, with the test that the change is confined to neighbours."""

    place, order, Found = "leakages", 130, LeakagesFound

    @classmethod
    def of(cls, run: Any) -> Part[LeakageSpec] | None:
        """Where methods are named under `leakage.methods`."""
        return cls(run.leakage) if run.leakage and run.leakage.methods else None

    def methods(self) -> tuple[str, ...]:
        """The methods whose matrices are measured."""
        return self.spec.methods

    def measure(self, lab: Laboratory) -> LeakageFound | LeakagesFound:
        """The matrices."""
        return LeakagesFound({name: self._method(lab, name) for name in self.methods()})

    @classmethod
    def view(cls, found: Any, result: Result) -> Section:
        """Every method's matrix, ratios and test."""
        return leakages_section(found.root, result)


def _asks(design: Design, name: str, questions: int) -> tuple[MatrixAsks, MatrixAsks]:
    """A method's matrix and that of its random control."""
    method, setting = design.spec.methods[name], design.settings[name]
    control = design.control(method, setting)
    assert control is not None
    treatments = (design.treatments(method, setting), control)
    asks = [matrix_asks(design, method, per_value, questions) for per_value in treatments]
    return asks[0], asks[1]


def _read(lab: Laboratory, asks: MatrixAsks) -> MatrixFound:
    base = lab.outcomes(asks.base)
    steered = {value: lab.outcomes(ask) for value, ask in asks.steered.items()}
    delta, system = deltas(Matrix(base, steered, base, ()), lab.how), lab.system
    groups = group_leakage(delta, {value: system.groups(value) for value in delta.values}).to_dict()
    circular = bool(system.circle) and set(delta.values) <= set(system.circle)
    test = neighbour_test(delta, system.distance, seed=lab.spec.seed).to_dict() if circular else None
    return MatrixFound(
        values=delta.values,
        delta=DeltaFound.model_validate(delta.to_dict()),
        leakage=RatiosFound.model_validate(value_leakage(delta).to_dict()),
        group_leakage=GroupsFound.model_validate({**groups, "matrix": groups["nglr"]}),
        circle=CircleFound.model_validate(circle_leakage(delta, system.distance).to_dict())
        if circular
        else None,
        test=NeighbourFound.model_validate(test) if test else None,
    )
