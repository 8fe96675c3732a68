"""Control success and fluency of every value under every method (NeVA, figures 3, 6 and 7)."""

from __future__ import annotations

from typing import Any

from valuescope.run.trial import Laboratory, Outcomes, Trial


def rates_block(laboratory: Laboratory, trials: dict[str, Trial]) -> dict[str, Any] | None:
    """By arm and value, base first; `trials` are the headline ones. None where no curves are asked for."""
    spec = laboratory.spec
    if spec.pareto is None or spec.asks_pairs:
        return None
    kind = spec.methods[spec.pareto.reference].asked
    shown = {name: trial for name, trial in trials.items() if spec.methods[name].asked == kind}
    first = next(iter(shown.values()))
    arms = {"base": first.base, **{name: trial.edited for name, trial in shown.items()}}
    return {
        "asked": kind,
        "order": list(arms),
        "success": {name: _by_value(laboratory, one, "success") for name, one in arms.items()},
        "fluency": {name: _by_value(laboratory, one, "fluency") for name, one in arms.items()},
        "effect": {
            name: {
                value: laboratory.effect(trial.base, trial.edited, value=value).to_dict()
                for value in laboratory.material.values
            }
            for name, trial in shown.items()
        },
    }


def _by_value(laboratory: Laboratory, outcomes: Outcomes, what: str) -> dict[str, Any]:
    found = {}
    for value in laboratory.material.values:
        own = [one for one in outcomes if one.value == value]
        found[value] = (laboratory.success(own) if what == "success" else laboratory.fluency(own)).to_dict()
    return found
