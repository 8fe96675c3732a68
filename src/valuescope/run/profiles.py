"""Target profiles of several values as one edit, beside the plain sum of single edits (beyond the papers)."""

from __future__ import annotations

from typing import Any

from valuescope.edit import Edit, profile
from valuescope.metrics import Bootstrap
from valuescope.run.spec import Setting
from valuescope.run.stages import neuron_sets
from valuescope.run.trial import Laboratory, Outcomes

ARMS = ("profile", "sum", "random")
"""The solved profile; all neurons of the targets with their nets, whoever shares them; as many random neurons."""


def profiles_block(laboratory: Laboratory, settings: dict[str, Setting]) -> dict[str, Any] | None:
    """Every profile's effect on every value; None where none is asked for."""
    wanted = laboratory.spec.profiles
    if wanted is None:
        return None
    method, setting = laboratory.spec.methods[wanted.method], settings[wanted.method]
    sets = neuron_sets(laboratory.locations.of(method, setting), setting)
    found = {value: neurons for value, neurons in sets.items() if len(neurons)}
    beta = float(setting.edit.get("beta", 0.9))
    items = laboratory.items(method.asked, wanted.questions)
    base = laboratory.base(f"{method.asked}-first-{wanted.questions}", items)
    blocks = {}
    for name, targets in wanted.targets.items():
        solved = profile(targets, found, overlap_budget=wanted.overlap_budget, beta=beta)
        edits: dict[str, Edit] = {
            "profile": solved,
            "sum": profile(targets, found, overlap_budget=1.0, beta=beta),
            "random": solved.control(laboratory.locations.model, seed=laboratory.spec.seed),
        }
        arms, spoken = dict[str, Outcomes](), dict[str, Outcomes]()
        for arm in ARMS:
            place = f"profiles/{name}/{arm}"
            arms[arm] = laboratory.steered(place, items, edits[arm])
            everywhere = dict.fromkeys(laboratory.material.values, edits[arm])
            _, spoken[arm] = laboratory.spoken(place, method, base, arms[arm], everywhere)
        blocks[name] = {
            "targets": targets,
            "neurons": {arm: len(one.subject) for arm, one in edits.items()},
            "parameters": dict(solved.neurons.parameters),
            "arms": {
                arm: {
                    "by_value": {
                        value: laboratory.effect(base, outcomes, value=value).to_dict()
                        for value in laboratory.material.values
                    },
                    "towards": _towards(laboratory, base, outcomes, targets).to_dict(),
                    "others": _others(laboratory, base, outcomes, targets),
                    "fluency": laboratory.fluency(spoken[arm]).to_dict(),
                }
                for arm, outcomes in arms.items()
            },
            "against_sum": {
                "towards": _towards(laboratory, arms["sum"], arms["profile"], targets).to_dict(),
                "others": _others(laboratory, arms["sum"], arms["profile"], targets),
            },
        }
    return {
        "method": wanted.method,
        "beta": beta,
        "overlap_budget": wanted.overlap_budget,
        "questions": wanted.questions,
        "order": list(blocks),
        "profiles": blocks,
    }


def _towards(laboratory: Laboratory, before: Outcomes, after: Outcomes, targets: dict[str, float]) -> Any:
    """Mean change of the targeted values in their wanted directions, weighted by the size of their weights."""
    total = sum(map(abs, targets.values())) / len(targets)
    pairs = [(one, other) for one, other in zip(before, after, strict=True) if one.value in targets]
    factor = [targets[one.value] / total for one, _ in pairs]
    how = laboratory.spec.bootstrap
    return Bootstrap(how.resamples, how.confidence, laboratory.spec.seed).difference(
        [None if one.success is None else w * one.success for (one, _), w in zip(pairs, factor, strict=True)],
        [
            None if other.success is None else w * other.success
            for (_, other), w in zip(pairs, factor, strict=True)
        ],
    )


def _others(
    laboratory: Laboratory, before: Outcomes, after: Outcomes, targets: dict[str, float]
) -> dict[str, Any] | None:
    """Mean change of the values without a target; None where every value has one."""
    kept = [place for place, one in enumerate(before) if one.value not in targets]
    if not kept:
        return None
    return laboratory.effect([before[i] for i in kept], [after[i] for i in kept]).to_dict()
