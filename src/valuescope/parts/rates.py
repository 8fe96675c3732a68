"""Control success and fluency of every value under every method (NeVA, figures 3, 6 and 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from valuescope.lab.ask import Ask, Outcomes
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.parameters import require_known
from valuescope.lab.part import Part
from valuescope.lab.result import Head, Result
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Found, Measured, Strict
from valuescope.report.blocks import Section
from valuescope.report.names import method_name
from valuescope.report.numbers import SHARES, Numbers, sample
from valuescope.report.plots import HeatCell, HeatFacet, heat_maps
from valuescope.report.table import records

TITLES = {"success": "Control success (CSR)", "fluency": "Fluent answers (FR)"}
ByValue = dict[str, dict[str, Measured]]
"""By arm and value, the base first."""


class RatesSpec(Strict):
    """`asked`: the kind of questions whose methods stand side by side (none: the first method's)."""

    asked: str | None = None


class RatesFound(Found):
    """Success, fluency, and the change of success."""

    asked: str
    success: ByValue = {}
    fluency: ByValue = {}
    effect: ByValue = {}


class Rates(Part[RatesSpec]):
    """Rates of every value under its own edit; asked for by its own key, or with `pareto`, whose reference then says which
    questions."""

    key, Spec = "rates", RatesSpec
    place, order, Found = "rates", 40, RatesFound

    @classmethod
    def check(cls, spec: RatesSpec, run: ComparisonSpec) -> None:
        """Answers are asked, and some method is asked its kind of questions."""
        if run.asks_pairs:
            raise ValueError("rates are of answers, and pairs have none; drop rates")
        if spec.asked is not None:
            require_known("rates.asked", [spec.asked], {method.asked for method in run.methods.values()})

    @classmethod
    def of(cls, run: Any) -> Part[RatesSpec] | None:
        """Where it is asked for and answers are asked."""
        spec = run.rates or (run.pareto and RatesSpec(asked=run.methods[run.pareto.reference].asked))
        return cls(spec) if spec and not run.asks_pairs else None

    def asks(self, design: Design) -> Iterator[Ask]:
        """Base and edited answers of every method's headline setting."""
        for base, edited in self._asks(design).values():
            yield from (base, edited)

    def measure(self, lab: Laboratory) -> RatesFound:
        """The rates by arm and value."""
        arms = {
            name: (lab.outcomes(base), lab.outcomes(edited))
            for name, (base, edited) in self._asks(lab).items()
        }
        outcomes = {
            "base": next(iter(arms.values()))[0],
            **{name: edited for name, (_, edited) in arms.items()},
        }

        def about(answers: Outcomes, value: str) -> Outcomes:
            return [answer for answer in answers if answer.value == value]

        return RatesFound(
            asked=self._kind(lab),
            success={
                arm: {value: lab.success(about(answers, value)) for value in lab.values}
                for arm, answers in outcomes.items()
            },
            fluency={
                arm: {value: lab.fluency(about(answers, value)) for value in lab.values}
                for arm, answers in outcomes.items()
            },
            effect={
                name: {value: lab.effect(base, edited, value=value) for value in lab.values}
                for name, (base, edited) in arms.items()
            },
        )

    def _kind(self, design: Design) -> str:
        return self.spec.asked or next(iter(design.spec.methods.values())).asked

    def _asks(self, design: Design) -> dict[str, tuple[Ask, Ask]]:
        trials = {
            name: design.trial(method, design.settings[name])
            for name, method in design.spec.methods.items()
            if method.asked == self._kind(design)
        }
        return {name: (trial.base, trial.edited) for name, trial in trials.items()}

    @classmethod
    def view(cls, found: RatesFound, result: Result) -> Section:
        """Two heat maps, a row for each method."""
        facets = [rate_facet(found, rate, result.head) for rate in TITLES]
        figure = heat_maps(
            "rates",
            "Control success and fluency of each value under its own edit",
            "Every method at its headline setting, and the base model. Bold: the interval of the change from the base leaves 0 "
            "out.",
            facets,
            peak=1.0,
        )
        rows = [
            (arm, value, success, found.fluency[arm].get(value), found.effect.get(arm, {}).get(value))
            for arm, by_value in found.success.items()
            for value, success in by_value.items()
        ]
        title = "Control success and fluency by value"
        return Section(
            "rates",
            title,
            (figure, records("rates", "arm value success* fluency* effect*", rows)),
            link="By value",
        )


def rate_facet(found: RatesFound, rate: str, head: Head, model: str = "") -> HeatFacet:
    """A row for each arm, a column for each value; `model` stands before the title."""
    by_value, points = getattr(found, rate), Numbers(0)

    def cell(arm: str, value: str) -> HeatCell:
        estimate = by_value[arm].get(value)
        mean = estimate and estimate.mean
        effect = found.effect.get(arm, {}).get(value) if rate == "success" else None
        ends = effect and effect.ci
        hint = f"{method_name(arm)}, {head.value_name(value)}: {SHARES.full(estimate, signed=False)}"
        words = "?" if mean is None else points.plain(100 * mean)
        return HeatCell(
            mean, words, f"{hint} {sample(estimate)}", bool(ends and (ends[0] > 0 or ends[1] < 0))
        )

    values = head.values
    return HeatFacet(
        f"{model}: {TITLES[rate]}" if model else TITLES[rate],
        tuple(map(method_name, by_value)),
        tuple(map(head.value_name, values)),
        tuple(tuple(cell(arm, value) for value in values) for arm in by_value),
        column_title="in percent",
        colour="amount",
    )
