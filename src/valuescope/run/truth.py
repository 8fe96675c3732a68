"""Locations against the known truth of an organism."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from valuescope.locate import Location, NeuronSet
from valuescope.metrics import average_precision
from valuescope.organism import Truth, load_truth
from valuescope.organism.truth import CAUSAL_ROLES, DECOY_ROLES


def known_truth(model_id: str) -> Truth | None:
    """The truth of the bundled organism, or of one trained by the same script; None for any other model."""
    if model_id == "organism":
        return load_truth()
    folder = Path(model_id).expanduser()
    return load_truth(folder) if (folder / "truth.json").is_file() else None


def precision_of_ranking(truth: Truth, location: Location) -> dict[str, float | None]:
    """Average precision of a location's ranking against the causal neurons, per value."""
    found = {}
    for row, value in enumerate(location.values):
        causal = np.zeros((truth.layers, truth.width), dtype=bool)
        for plant in truth.causal(value):
            causal[plant.layer, plant.index] = True
        found[value] = average_precision(location.scores[row].numpy(), causal)
    return found


def chance_precision(truth: Truth, values: tuple[str, ...]) -> float:
    """The share of causal neurons: what a random ranking gets."""
    return sum(len(truth.causal(value)) for value in values) / (len(values) * truth.layers * truth.width)


def selection_against(truth: Truth, sets: dict[str, NeuronSet]) -> dict[str, Any]:
    """Recall and precision per value, and how many planted neurons of each role the sets hold."""
    recall, precision = dict[str, float | None](), dict[str, float | None]()
    roles = {role: {"found": 0, "of": 0} for role in (*CAUSAL_ROLES, *DECOY_ROLES)}
    for value, neurons in sets.items():
        chosen = set(zip(neurons.layers.tolist(), neurons.indices.tolist(), strict=True))
        causal = {(plant.layer, plant.index) for plant in truth.causal(value)}
        recall[value] = len(chosen & causal) / len(causal) if causal else None
        precision[value] = len(chosen & causal) / len(chosen) if chosen else None
        for plant in (*truth.causal(value), *truth.decoys(value)):
            roles[plant.role]["of"] += 1
            roles[plant.role]["found"] += (plant.layer, plant.index) in chosen
    return {"recall": recall, "precision": precision, "roles": roles}
