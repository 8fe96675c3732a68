"""Both directions of an edit under all measures of its answers, as ValueLocate lays them out (tables 1 to 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean, variance

from valuescope.lab.ask import Ask, Outcomes, run_of
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory, Measure, Trial
from valuescope.lab.method import MethodSpec, Way
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import Setting
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Found, FoundRoot, Measured
from valuescope.metrics import Estimate
from valuescope.parts.score_tables import scores_section
from valuescope.report.blocks import Section

SCALES: Mapping[Measure, str] = {
    "success": "share",
    "relevance": "1 to 5",
    "quality": "1 to 5",
    "fluent": "share",
}
"""The measures of an answer, and their units."""


class Scored(Found):
    """A mean with its interval, and how far the means of the runs vary (None for one run)."""

    mean: float | None = None
    ci: tuple[float, float] | None = None
    n: int = 0
    missing: int = 0
    interval: str = "bootstrap"
    runs: int | None = None
    variance: float | None = None

    @property
    def estimate(self) -> Estimate:
        """The mean without the runs."""
        low, high = self.ci or (None, None)
        return Estimate(self.mean, low, high, self.n, self.missing, self.interval)


class ScoredArms(Found):
    """The means of base, edited and random answers, and the changes."""

    base: Scored
    edited: Scored
    random: Scored
    effect: Measured | None = None
    random_effect: Measured | None = None
    matched_effect: Measured | None = None


class MeasureArms(ScoredArms):
    """One measure, over all values and by value."""

    unit: str = ""
    by_value: dict[str, ScoredArms] = {}


class WaysFound(FoundRoot[dict[Way, dict[Measure, MeasureArms]]]):
    """By direction and measure."""


class Ways(Part[None]):
    """Every method that is measured both ways, or rated, at its headline setting."""

    place, order, Found = "methods.*.ways", 50, WaysFound

    def asks(self, design: Design) -> Iterator[Ask]:
        """Every direction in full."""
        for name, method in _measured(design.spec).items():
            for setting in turned_settings(method, design.settings[name]).values():
                yield from design.trial(method, setting)

    def measure(self, lab: Laboratory) -> Mapping[str, WaysFound]:
        """Each method's directions."""
        found = {}
        for name, method in _measured(lab.spec).items():
            trials = {
                way: lab.trial_of(method, setting, lab.trial(method, setting))
                for way, setting in turned_settings(method, lab.settings[name]).items()
            }
            found[name] = ways_found(lab, trials)
        return found

    @classmethod
    def view(cls, found: Mapping[str, WaysFound], result: Result) -> Section:
        """A table for each set of questions and direction."""
        return scores_section(found, result)


def _measured(spec: ComparisonSpec) -> dict[str, MethodSpec]:
    """The methods of which more than the intended direction's success is measured."""
    return {name: method for name, method in spec.methods.items() if method.directions or spec.scores}


def turned_settings(method: MethodSpec, setting: Setting) -> dict[Way, Setting]:
    """For each direction the setting that leads there; the intended one as it is."""
    return {way: setting if way == method.direction else method.turned(setting, way) for way in method.ways}


def measures_of(spec: ComparisonSpec) -> tuple[Measure, ...]:
    """The measures that a run has, the first one first."""
    if spec.asks_pairs:
        return ("success",)
    scored: tuple[Measure, ...] = () if spec.scores is None else ("relevance",)
    scored += ("quality",) if spec.scores is not None and spec.scores.quality else ()
    return ("success", *scored, "fluent")


def ways_found(lab: Laboratory, trials: Mapping[Way, Trial]) -> WaysFound:
    """All measures of trials, over all values and by value."""
    return WaysFound(
        {
            way: {
                measure: MeasureArms(
                    unit=SCALES[measure],
                    **dict(_arms(lab, trial, measure, None)),
                    by_value={value: _arms(lab, trial, measure, value) for value in lab.values},
                )
                for measure in measures_of(lab.spec)
            }
            for way, trial in trials.items()
        }
    )


def _arms(lab: Laboratory, trial: Trial, measure: Measure, value: str | None) -> ScoredArms:
    def change(*arms: Outcomes) -> Estimate | None:
        return lab.effect(trial.base, *arms, value=value, measure=measure) if arms else None

    return ScoredArms(
        base=_scored(lab, (trial.base,), measure, value),
        edited=_scored(lab, (trial.edited,), measure, value),
        random=_scored(lab, trial.random, measure, value),
        effect=change(trial.edited),
        random_effect=change(*trial.random),
        matched_effect=change(*trial.matched),
    )


def _scored(lab: Laboratory, arms: tuple[Outcomes, ...], measure: Measure, value: str | None) -> Scored:
    by_run: dict[int, list[float]] = {}
    for outcome in (outcome for arm in arms for outcome in arm if value in (None, outcome.value)):
        if getattr(outcome, measure) is not None:
            by_run.setdefault(run_of(outcome.key), []).append(float(getattr(outcome, measure)))
    means = [fmean(numbers) for numbers in by_run.values()]
    mean = lab.mean(*arms, measure=measure, value=value)
    spread = variance(means) if len(means) > 1 else None
    return Scored(**mean.to_dict(), runs=len(means), variance=spread)
