"""Both directions of an edit, all measures of its answers, and sweeps over its strength."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, variance
from typing import Any

from valuescope.edit import EDITS
from valuescope.metrics import Estimate
from valuescope.run.spec import DoseSpec, MethodSpec, Setting, Spec
from valuescope.run.spec_valuelocate import Way
from valuescope.run.treatments import control_treatments, edit_kind, sizes, treatments
from valuescope.run.trial import Laboratory, Measure, Outcomes, Trial, run_of

SCALES: Mapping[Measure, str] = {
    "success": "share",
    "relevance": "1 to 5",
    "quality": "1 to 5",
    "fluent": "share",
}
"""The measures of an answer, and their units."""


def measures_of(spec: Spec) -> tuple[Measure, ...]:
    """The measures that a run has, the first one first."""
    if spec.asks_pairs:
        return ("success",)
    scored: tuple[Measure, ...] = () if spec.scores is None else ("relevance",)
    scored += ("quality",) if spec.scores is not None and spec.scores.quality else ()
    return ("success", *scored, "fluent")


def trials_by_way(
    laboratory: Laboratory, name: str, method: MethodSpec, setting: Setting, intended: Trial
) -> dict[Way, Trial]:
    """The trial of the intended direction, and one of the other where both are measured."""
    others = method.ways[1:]
    return {
        method.direction: intended,
        **{way: laboratory.trial(name, method, method.turned(setting, way)) for way in others},
    }


def ways_block(laboratory: Laboratory, trials: Mapping[Way, Trial]) -> dict[str, Any]:
    """For each direction and measure: the means of base, edited and random, and the changes; over all and by value."""
    values, spec = laboratory.material.values, laboratory.spec
    return {
        way: {
            measure: {
                "unit": SCALES[measure],
                **_arms(laboratory, trial, measure, None),
                "by_value": {value: _arms(laboratory, trial, measure, value) for value in values},
            }
            for measure in measures_of(spec)
        }
        for way, trial in trials.items()
    }


def _arms(laboratory: Laboratory, trial: Trial, measure: Measure, value: str | None) -> dict[str, Any]:
    def change(*arms: Outcomes) -> dict[str, Any] | None:
        return laboratory.effect(trial.base, *arms, value=value, measure=measure).to_dict() if arms else None

    return {
        "base": scored(laboratory, (trial.base,), measure, value),
        "edited": scored(laboratory, (trial.edited,), measure, value),
        "random": scored(laboratory, trial.random, measure, value),
        "effect": change(trial.edited),
        "random_effect": change(*trial.random),
        "matched_effect": change(*trial.matched),
    }


def scored(
    laboratory: Laboratory, arms: tuple[Outcomes, ...], measure: Measure, value: str | None
) -> dict[str, Any]:
    """The mean with its interval, and how far the means of the runs vary (None for one run)."""
    by_run: dict[int, list[float]] = {}
    for one in (one for arm in arms for one in arm if value in (None, one.value)):
        if getattr(one, measure) is not None:
            by_run.setdefault(run_of(one.key), []).append(float(getattr(one, measure)))
    means = [fmean(found) for found in by_run.values()]
    mean = laboratory.mean(*arms, measure=measure, value=value).to_dict()
    return {**mean, "runs": len(means), "variance": variance(means) if len(means) > 1 else None}


# Sweeps ---------------------------------------------------------------------------------------------------


def sweeps(laboratory: Laboratory, name: str, method: MethodSpec, setting: Setting) -> list[dict[str, Any]]:
    """Every measure over each sweep's strengths in every direction, with one random control each."""
    return [_sweep(laboratory, name, method, setting, dose) for dose in method.doses]


def _sweep(
    laboratory: Laboratory, name: str, method: MethodSpec, setting: Setting, dose: DoseSpec
) -> dict[str, Any]:
    items = laboratory.items(method.asked, dose.questions)
    base = laboratory.base(f"{method.asked}-first-{dose.questions}", items)
    points = []
    for strength in dose.values:
        dosed = with_strength(setting, dose.parameter, strength, of_locator=is_of_locator(method, dose))
        place = f"{name}/dose/{dose.parameter}-{strength:g}"
        point: dict[str, Any] = {"strength": strength, "ways": {}}
        for way in method.ways:
            turned, where = (
                (dosed, place) if way == method.direction else (method.turned(dosed, way), f"{place}/{way}")
            )
            per_value = treatments(laboratory.locations, method, turned)
            edited = laboratory.edited(f"{where}/edited", items, per_value)
            control = control_treatments(laboratory.locations, "random", method, turned, 0)
            assert control is not None
            random = laboratory.edited(f"{where}/random", items, control[0])
            if way == method.direction:
                _, answers = laboratory.spoken(where, method, base, edited, per_value)
                estimates: dict[str, Estimate] = {
                    "effect": laboratory.effect(base, edited),
                    "random": laboratory.effect(base, random),
                    "fluency": laboratory.fluency(answers),
                }
                point |= {what: one.to_dict() for what, one in estimates.items()}
            point["ways"][way] = {
                measure: {
                    "edited": laboratory.mean(edited, measure=measure).to_dict(),
                    "random": laboratory.mean(random, measure=measure).to_dict(),
                    "by_value": {
                        value: {
                            "edited": laboratory.mean(edited, measure=measure, value=value).to_dict(),
                            "random": laboratory.mean(random, measure=measure, value=value).to_dict(),
                        }
                        for value in laboratory.material.values
                    },
                }
                for measure in measures_of(laboratory.spec)
            }
        points.append({**point, "neurons": fmean(sizes(laboratory.locations, method, dosed).values())})
    return {
        "name": dose.parameter,
        "base": {
            measure: laboratory.mean(base, measure=measure).to_dict()
            for measure in measures_of(laboratory.spec)
        },
        "points": points,
    }


def dose_block(found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first sweep in the intended direction: effect, random control and fluency by strength."""
    if not found:
        return None
    kept = ("strength", "effect", "random", "fluency")
    return {
        "name": found[0]["name"],
        "points": [{name: point[name] for name in kept} for point in found[0]["points"]],
    }


def is_of_locator(method: MethodSpec, dose: DoseSpec) -> bool:
    """Whether a sweep changes which neurons are located."""
    kind = edit_kind(method)
    return dose.parameter not in ("top", "strength", *(EDITS[kind].parameter_defaults() if kind else ()))


def with_strength(setting: Setting, parameter: str, strength: float, *, of_locator: bool = False) -> Setting:
    """The setting with one strength changed: an edit's parameter, `top`, or a locator's, which then takes all neurons
    that it selects."""
    if parameter == "top":
        return setting.model_copy(update={"top": int(strength)})
    if of_locator:
        return setting.model_copy(update={"locator": {**setting.locator, parameter: strength}, "top": None})
    return setting.with_edit(parameter, strength)
