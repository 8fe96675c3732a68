"""summary.json: every number of a run, put together from trials, locations and the truth."""

from __future__ import annotations

from collections import Counter
from typing import Any

from valuescope.data import Question
from valuescope.edit import Edit
from valuescope.metrics import (
    Bootstrap,
    DeltaMatrix,
    circle_leakage,
    delta_matrix,
    group_leakage,
    value_leakage,
)
from valuescope.models import NeuronModel
from valuescope.organism import Truth
from valuescope.run.arms import Outcome
from valuescope.run.facts import grouped_values, run_facts
from valuescope.run.folder import RunFolder
from valuescope.run.search import Search
from valuescope.run.spec import MethodSpec, Setting, Spec
from valuescope.run.spec_neva import INTERVENTIONS
from valuescope.run.stages import neuron_sets
from valuescope.run.treatments import sizes, treatments
from valuescope.run.trial import Laboratory, Outcomes, Trial
from valuescope.run.truth import chance_precision, precision_of_ranking, selection_against
from valuescope.values import ValueSystem

EXPLANATIONS = {
    "control success": "share of answers biased towards the value; an answer that weighs both sides is not",
    "preference": "mean log-probability per token of a pair's positive text minus that of its negative text",
}


def method_block(
    laboratory: Laboratory,
    method: MethodSpec,
    trials: dict[str, tuple[Setting, Trial]],
    search: Search | None,
    dose: dict[str, Any] | None,
    truth: Truth | None,
) -> dict[str, Any]:
    """Everything about one method. `trials` maps "default" and, after a search, "found" to a setting's outcomes."""
    headline = "found" if "found" in trials else "default"
    setting, trial = trials[headline]
    location = None if method.intervention else laboratory.locations.of(method, setting)
    sets = {} if location is None else neuron_sets(location, setting)
    settings = [
        setting_block(laboratory, method, name, one, outcomes, truth)
        for name, (one, outcomes) in trials.items()
    ]
    shown = next(block for block in settings if block["name"] == headline)
    precision = shown["average_precision"]
    return {
        "locator": method.locator or INTERVENTIONS[str(method.intervention)].directions,
        "edit": method.edit or INTERVENTIONS[str(method.intervention)].edit or method.intervention,
        "intervention": method.intervention,
        "asked": method.asked,
        "direction": 1 if method.direction == "up" else -1,
        "setting": headline,
        "average_precision": mean_present(precision),
        "chance_precision": None
        if truth is None or location is None
        else chance_precision(truth, location.values),
        "effect": shown["effect"],
        "random": shown["random"],
        "random_matched": shown["random_matched"],
        "fluency": shown["fluency"]["mean"],
        "base_fluency": shown["base_fluency"]["mean"],
        "settings": settings,
        "by_value": {
            value: {
                "base": laboratory.success(trial.base, value).to_dict(),
                "edited": laboratory.success(trial.edited, value).to_dict(),
                "effect": laboratory.effect(trial.base, trial.edited, value=value).to_dict(),
                "random": laboratory.effect(trial.base, *trial.random, value=value).to_dict(),
            }
            for value in laboratory.material.values
        },
        "neurons_per_layer": {
            value: neurons.layers.bincount(minlength=neurons.model.layers).tolist()
            for value, neurons in sets.items()
        },
        "dose": dose,
        "search": None if search is None else search_block(search),
    }


def setting_block(
    laboratory: Laboratory, method: MethodSpec, name: str, setting: Setting, trial: Trial, truth: Truth | None
) -> dict[str, Any]:
    """One setting's neurons, effect, controls, fluency and quality against the truth."""
    location = None if method.intervention else laboratory.locations.of(method, setting)
    facts: dict[str, Any] = {"average_precision": None, "recall": None, "precision": None, "roles": None}
    if truth is not None and location is not None:
        facts = {
            "average_precision": precision_of_ranking(truth, location),
            **selection_against(truth, neuron_sets(location, setting)),
        }
    return {
        "name": name,
        "locator_parameters": setting.locator if location is None else dict(location.parameters),
        "edit_parameters": edit_parameters(laboratory, method, setting),
        "neurons": {} if location is None else sizes(laboratory.locations, method, setting),
        "effect": laboratory.effect(trial.base, trial.edited).to_dict(),
        "random": laboratory.effect(trial.base, *trial.random).to_dict(),
        "random_matched": laboratory.effect(trial.base, *trial.matched).to_dict() if trial.matched else None,
        "fluency": laboratory.fluency(trial.answers).to_dict(),
        "base_fluency": laboratory.fluency(trial.base_answers).to_dict(),
        **facts,
        "warnings": [
            *(nothing_found(laboratory, method, setting) if location is None else location.warnings),
            *trial.control_warnings,
        ],
        "diagnostics": {} if location is None else dict(location.diagnostics),
    }


def edit_parameters(laboratory: Laboratory, method: MethodSpec, setting: Setting) -> dict[str, Any]:
    """The edit's parameters with their defaults, and `top` where it is set."""
    made = treatments(laboratory.locations, method, setting).values()
    resolved = next((one.parameters for one in made if isinstance(one, Edit)), dict(setting.edit))
    by_value = {"by_value": setting.by_value} if setting.by_value else {}
    return {**resolved, **({} if setting.top is None else {"top": setting.top}), **by_value}


def nothing_found(laboratory: Laboratory, method: MethodSpec, setting: Setting) -> list[str]:
    """A warning for every value that an intervention does nothing for."""
    made = treatments(laboratory.locations, method, setting)
    return [
        f"{value}: no layer has a probe of the accuracy asked for, so nothing is done"
        for value, one in made.items()
        if one is None
    ]


def search_block(search: Search) -> dict[str, Any]:
    """The settings tried and the one chosen."""
    return {
        "questions": search.questions,
        "rule": search.rule,
        "tried": [
            {
                "locator_parameters": one.setting.locator,
                "edit_parameters": {
                    **one.setting.edit,
                    **({} if one.setting.top is None else {"top": one.setting.top}),
                },
                "effect": one.effect.to_dict(),
                "fluency": one.fluency.to_dict(),
                "leakage": None if one.leakage is None else one.leakage.to_dict(),
                "chosen": one.setting == search.chosen,
            }
            for one in search.tried
        ],
    }


def leakage_block(
    spec: Spec,
    system: ValueSystem,
    base: Outcomes,
    steered: dict[str, Outcomes],
    random: dict[str, Outcomes],
    setting: str,
) -> dict[str, Any]:
    """The leakage matrix: rows steered, columns evaluated; and what follows from it (NeVA, section 2).

    `random` holds the outcomes under as many random neurons, whose matrix and NLR stand beside it.
    """
    assert spec.leakage is not None
    values = tuple(steered)

    def by_value(outcomes: Outcomes) -> dict[str, list[float | None]]:
        return {value: [one.success for one in outcomes if one.value == value] for value in values}

    how = Bootstrap(spec.bootstrap.resamples, spec.bootstrap.confidence, spec.seed)
    before = by_value(base)

    def matrix(arms: dict[str, Outcomes]) -> DeltaMatrix:
        return delta_matrix(before, {value: by_value(outcomes) for value, outcomes in arms.items()}, how=how)

    delta, control = matrix(steered), matrix(random)
    leakage, groups = (
        value_leakage(delta),
        group_leakage(delta, {value: system.groups(value) for value in values}),
    )
    table, ratio, shares = delta.to_dict(), leakage.to_dict(), groups.to_dict()
    circle = (
        circle_leakage(delta, system.distance)
        if system.circle and set(values) <= set(system.circle)
        else None
    )
    return {
        "method": spec.leakage.method,
        "setting": setting,
        "values": list(values),
        "n": min(len(outcomes) for outcomes in before.values()),
        "base": [how.mean(before[value]).mean for value in values],
        "delta": table["mean"],
        "delta_low": table["low"],
        "delta_high": table["high"],
        "nlr": ratio["nlr"],
        "nlr_mean": leakage.nlr_mean.mean,
        "nlr_mean_ci": None if leakage.nlr_mean.ci is None else list(leakage.nlr_mean.ci),
        "nlr_median": leakage.nlr_median.mean,
        "undefined": list(leakage.at_floor),
        "gain_floor": leakage.gain_floor,
        "group_leakage": {
            "groups": shares["groups"],
            "matrix": shares["nglr"],
            "rows": shares["rows"],
            "empty": list(groups.empty),
        },
        "by_distance": []
        if circle is None
        else [
            {"distance": distance, "mean": estimate.to_dict()}
            for distance, estimate in zip(circle.distances, circle.delta, strict=True)
        ],
        "random": {
            "delta": control.to_dict()["mean"],
            "leak_mean": value_leakage(control).leak_mean.to_dict(),
        },
        "leak_mean": leakage.leak_mean.to_dict(),
    }


def probes_block(laboratory: Laboratory, spec: Spec) -> dict[str, Any] | None:
    """Probe accuracies with their baselines, from the first method that trains probes."""
    for method in spec.methods.values():
        if method.intervention:
            continue
        facts = laboratory.locations.of(method, method.default).diagnostics
        if "validation_accuracy" in facts:
            accuracy = facts["validation_accuracy"]
            return {
                "layers": list(range(1, len(next(iter(accuracy.values()))) + 1)),
                "accuracy": accuracy,
                "kept": {
                    value: [layer + 1 for layer in layers] for value, layers in facts["kept_layers"].items()
                },
                "bag_of_words": facts["bag_of_words_accuracy"],
                "shuffled": {value: sum(row) / len(row) for value, row in facts["shuffled_accuracy"].items()},
                "n_train": min(facts["train_texts"].values()),
                "n_validation": min(facts["validation_texts"].values()),
            }
    return None


def head_block(
    spec: Spec, model: NeuronModel, system: ValueSystem, laboratory: Laboratory, truth: Truth | None
) -> dict[str, Any]:
    """What was run on what."""
    material = laboratory.material
    measure = "preference" if spec.asks_pairs else "control success"
    groups = grouped_values(system, material.values)
    return {
        "format": 1,
        **run_facts(spec, model),
        "bundled_organism": truth is not None,
        "values": list(material.values),
        "value_names": {value: system[value].names["en"] for value in material.values},
        "groups": groups,
        "group_order": list(groups),
        "method_order": list(spec.methods),
        "group_names": {group: system[group].names["en"] for group in groups},
        "data": {
            "source": material.source,
            "hash": material.hash,
            "counts": material.counts(),
            "questions": len(material.questions),
            "pairs": len(material.pairs),
            "notes": list(material.notes),
        },
        "measure": {
            "name": measure,
            "unit": "nats per token" if spec.asks_pairs else "share",
            "judge": "none (log-probabilities)" if spec.asks_pairs else spec.judge_name,
            "explanation": EXPLANATIONS[measure],
        },
    }


def example_blocks(
    spec: Spec, questions: tuple[Question, ...], arms: dict[str, dict[str, Outcomes]]
) -> list[dict[str, Any]]:
    """The first questions of each value in each setting with every arm's answer; never picked by outcome.

    `arms` maps a setting to arm names to outcomes.
    """
    blocks = []
    for setting, outcomes in arms.items():
        found = {arm: {one.key: one for one in answers} for arm, answers in outcomes.items()}
        shown = Counter[str]()
        for question in questions:
            if question.setting != setting or shown[question.value] >= spec.examples:
                continue
            if any(question.key not in answers for answers in found.values()):
                continue
            shown[question.value] += 1
            blocks.append(
                {
                    "value": question.value,
                    "question": question.question,
                    "system": question.system,
                    "answers": [_answer(arm, answers[question.key]) for arm, answers in found.items()],
                }
            )
    return blocks


def _answer(arm: str, outcome: Outcome) -> dict[str, Any]:
    success = None if outcome.success is None else bool(outcome.success)
    return {"arm": arm, "text": outcome.text, "success": success, "fluent": outcome.fluent}


def missing_block(outcomes: list[Outcomes]) -> dict[str, Any]:
    """How many answers have no judgement, by kind."""
    every = [one for arm in outcomes for one in arm]
    kinds = Counter(one.missing or "unjudged" for one in every if one.success is None)
    return {"answers": len(every), "unjudged": sum(kinds.values()), "by_kind": dict(sorted(kinds.items()))}


def mean_present(by_value: dict[str, float | None] | None) -> float | None:
    """The mean over values that have one."""
    present = [number for number in (by_value or {}).values() if number is not None]
    return sum(present) / len(present) if present else None


def seconds_block(folder: RunFolder) -> dict[str, Any]:
    """Seconds over all sittings of the run: in all, and per stage."""
    spent = folder.seconds()
    return {"seconds": round(sum(spent.values()), 2), "seconds_by_stage": spent}
