"""The rows of a run of methods, read off its typed result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from valuescope.compare.rows import DoseRow, LeakRow, MethodRow, ScoreRow, SweepRow, ValueRow, tells_of
from valuescope.compare.runs import ComparedRun
from valuescope.lab.result import Result
from valuescope.metrics import Estimate
from valuescope.parts.ability import AbilityFound, BeforeAfter
from valuescope.parts.leakage_found import (
    DeltaFound,
    LeakageFound,
    LeakagesFound,
    MatrixFound,
    MethodLeakage,
    RatiosFound,
)
from valuescope.parts.leakage_shown import at
from valuescope.parts.method import MethodFound, methods_of, verdict
from valuescope.parts.opening import headline
from valuescope.parts.provenance import MissingFound
from valuescope.parts.questionnaires import QuestionnairesFound
from valuescope.parts.rates import RatesFound
from valuescope.parts.sight import MEASURE_OF, sights_of
from valuescope.parts.ways import MeasureArms, Scored, WaysFound

RUN = "run"
"""The set of questions that are the run's own."""
ARMS = ("base", "edited", "random", "effect", "random_effect", "matched_effect")
OF_METHOD = ("asked", "direction", "setting", "effect", "random", "random_matched", "ceiling_share")
OF_SETTING = ("locator_parameters", "edit_parameters", "neurons", "fluency", "base_fluency")


def methods_result(result: Result) -> str:
    """How many methods did what they should, as the run's own page says it."""
    return headline(methods_of(result), result)


def answers_missing(result: Result) -> tuple[int | None, int | None]:
    """How many answers the run counted, and how many of them have no judgement."""
    found = result.found.get("missing")
    return (found.answers, found.unjudged) if isinstance(found, MissingFound) else (None, None)


def method_names(runs: Sequence[ComparedRun]) -> list[str]:
    """The methods of all runs, in their order."""
    return list(dict.fromkeys(name for run in runs for name in methods_of(run.result)))


def tells(run: ComparedRun, method: MethodFound) -> bool | None:
    """Whether the measure of a method's effect sees anything on the run's model; None where that was not asked."""
    return tells_of(sights_of(run.result).get(MEASURE_OF.get(method.asked, "")))


def method_row(run: ComparedRun, name: str) -> MethodRow:
    """One method; all is missing where the run has it not."""
    method = methods_of(run.result).get(name)
    if method is None:
        return MethodRow(model=run.label, method=name)
    chosen = method.chosen
    base, edited = _levels(run, name, method)
    fields: dict[str, Any] = {
        "base": base,
        "edited": edited,
        **{field: getattr(method, field) for field in OF_METHOD},
        **{field: getattr(chosen, field) for field in OF_SETTING if chosen},
        **_leaks(run.result, name),
        **_ability(run.result, name),
        "tells": tells(run, method),
        "verdict": verdict(method, chosen, run.result).words if chosen else "not measured",
    }
    return MethodRow(model=run.label, method=name, **fields)


def _levels(run: ComparedRun, name: str, method: MethodFound) -> tuple[Estimate | None, Estimate | None]:
    """The measure's level before and after: with its interval where both arms were summed up, else the mean over values."""
    way = "down" if method.direction == -1 else "up"
    ways = ways_of(run.result).get(name)
    arms = ways.root.get(way, {}).get("success") if ways else None  # type: ignore[call-overload]
    if arms is not None:
        return arms.base.estimate, arms.edited.estimate
    levels = [(effect.base, effect.edited) for effect in method.by_value.values()]
    return _mean([base for base, _ in levels]), _mean([edited for _, edited in levels])


def _mean(levels: Sequence[Estimate | None]) -> Estimate | None:
    """The mean over values, without an interval."""
    present = [level for level in levels if level is not None and level.mean is not None]
    if not present:
        return None
    mean = sum(level.mean or 0.0 for level in present) / len(present)
    n, missing = (sum(getattr(level, field) for level in levels if level) for field in ("n", "missing"))
    return Estimate(mean, None, None, n, missing, "none")


def _leaks(result: Result, name: str) -> dict[str, Any]:
    matrix = matrix_of(result, name)
    if matrix is None:
        return {}
    ratios = matrix.leakage
    return {
        "leak": ratios.leak_mean,
        "leak_random": matrix.random.leakage.leak_mean,
        "nlr": ratios.nlr_mean,
        "undefined_ratios": ratios.undefined,
    }


def matrix_of(result: Result, name: str) -> MethodLeakage | None:
    """The matrix of a method's leakage, in full or what `leakage` has of it; None where it was not measured."""
    found, short = result.found.get("leakages"), result.found.get("leakage")
    if isinstance(found, LeakagesFound) and name in found.root:
        return found.root[name]
    if not isinstance(short, LeakageFound) or short.method != name:
        return None
    values, random = short.values, short.random
    delta = DeltaFound(values=values, mean=short.delta, low=short.delta_low, high=short.delta_high)
    ratio = None
    if short.nlr_mean is not None:
        low, high = short.nlr_mean_ci or (None, None)
        ratio = Estimate(short.nlr_mean, low, high, short.n or 0)
    return MethodLeakage(
        values=values,
        delta=delta,
        leakage=RatiosFound(leak_mean=short.leak_mean, nlr_mean=ratio),
        group_leakage=short.group_leakage,
        random=MatrixFound(
            values=values,
            delta=DeltaFound(values=values, mean=random.delta),
            leakage=RatiosFound(leak_mean=random.leak_mean),
        ),
    )


def _ability(result: Result, name: str) -> dict[str, Any]:
    found = result.found.get("ability")
    ability = found.methods.get(name) if isinstance(found, AbilityFound) else None
    fields = dict[str, Any]()
    for measure in ("mmlu", "nats") if ability else ():
        block: BeforeAfter | None = getattr(ability, measure)
        if block is not None:
            fields |= {
                f"{measure}_base": block.base,
                measure: block.edited,
                f"{measure}_change": block.change,
            }
    return fields


def value_rows(run: ComparedRun) -> Iterator[ValueRow]:
    """Every value under its own edit by every method; fluency where the run has rates by value."""
    rates = run.result.found.get("rates")
    fluency = rates.fluency if isinstance(rates, RatesFound) else {}
    for name, method in methods_of(run.result).items():
        for value, found in method.by_value.items():
            yield ValueRow(
                model=run.label,
                method=name,
                value=value,
                base=found.base,
                edited=found.edited,
                effect=found.effect,
                random=found.random,
                fluency=fluency.get(name, {}).get(value),
                tells=tells(run, method),
            )


# Both directions ------------------------------------------------------------------------------------------


def ways_of(result: Result) -> Mapping[str, WaysFound]:
    """What was found of each method in both directions."""
    return result.found.get("methods.*.ways") or {}  # type: ignore[return-value]


def asked_sets(result: Result) -> dict[str, Mapping[str, WaysFound]]:
    """By set of questions, the run's own first, what was found of each method in both directions."""
    sets = {RUN: ways_of(result)} if ways_of(result) else {}
    questionnaires = result.found.get("questionnaires")
    for asked in questionnaires.root if isinstance(questionnaires, QuestionnairesFound) else ():
        if asked.prompts is not None:
            sets[asked.name] = asked.prompts.methods
    return sets


def score_rows(run: ComparedRun) -> Iterator[ScoreRow]:
    """Every arm's score by set of questions, method, direction, measure and value."""
    methods = methods_of(run.result)
    for questions, found in asked_sets(run.result).items():
        for name, ways in found.items():
            for way, measures in ways.root.items():
                for measure, block in measures.items():
                    place = (run.label, questions, name, way, measure)
                    yield from _arm_rows(block, place, tells(run, methods[name]) if name in methods else None)


def _arm_rows(
    block: MeasureArms, place: tuple[str, str, str, str, str], seen: bool | None
) -> Iterator[ScoreRow]:
    model, questions, method, way, measure = place
    for value, arms in (("all", block), *block.by_value.items()):
        for arm in ARMS:
            scored = getattr(arms, arm)
            if scored is not None:
                several = isinstance(scored, Scored)
                yield ScoreRow(
                    model=model,
                    questions=questions,
                    method=method,
                    direction=way,
                    measure=measure,
                    value=value,
                    arm=arm,
                    score=scored.estimate if several else scored,
                    runs=scored.runs if several else None,
                    variance=scored.variance if several else None,
                    tells=seen,
                )


def sweep_rows(run: ComparedRun) -> Iterator[SweepRow]:
    """Every point of the sweeps of methods that were measured both ways or rated."""
    found: Any = run.result.found.get("methods.*.sweeps") or {}
    for name, sweeps in found.items():
        for sweep in sweeps.root if name in ways_of(run.result) else ():
            for point in sweep.points:
                for way, measures in point.ways.items():
                    for measure, block in measures.items():
                        for value, arms in (("all", block), *block.by_value.items()):
                            yield SweepRow(
                                model=run.label,
                                method=name,
                                parameter=sweep.name,
                                strength=point.strength,
                                direction=way,
                                measure=measure,
                                value=value,
                                edited=arms.edited,
                                random=arms.random,
                            )


def dose_rows(run: ComparedRun) -> Iterator[DoseRow]:
    """Every strength of each method's first sweep."""
    found: Any = run.result.found.get("methods.*.dose") or {}
    for name, dose in found.items():
        for point in dose.points:
            yield DoseRow(
                model=run.label,
                method=name,
                parameter=dose.name,
                strength=point.strength,
                effect=point.effect,
                random=point.random,
                fluency=point.fluency,
            )


def leak_rows(run: ComparedRun) -> Iterator[LeakRow]:
    """Every cell of the matrices of leakage."""
    for name in methods_of(run.result):
        found = matrix_of(run.result, name)
        if found is None:
            continue
        for i, steered in enumerate(found.values):
            for j, evaluated in enumerate(found.values):
                change, low, high, random = (at(rows, i, j) for rows in _matrices(found, found.random))
                yield LeakRow(
                    model=run.label,
                    method=name,
                    steered=steered,
                    evaluated=evaluated,
                    change=change,
                    low=low,
                    high=high,
                    random=random,
                )


def _matrices(found: MatrixFound, random: MatrixFound) -> tuple[Any, ...]:
    return (found.delta.mean, found.delta.low, found.delta.high, random.delta.mean)
