"""Locations against the known truth of an organism."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from valuescope.locate import Location, NeuronSet
from valuescope.metrics import average_precision
from valuescope.organism import Truth, load_truth, weights_path
from valuescope.organism.truth import BUNDLED, ROLES


def known_truth(model_id: str) -> Truth | None:
    """The truth of a bundled organism, or of one trained by the same script; None for any other model."""
    if model_id in BUNDLED:
        return load_truth(weights_path(model_id))
    folder = Path(model_id).expanduser()
    return load_truth(folder) if (folder / "truth.json").is_file() else None


def precision_of_ranking(truth: Truth, location: Location, language: str = "") -> dict[str, float | None]:
    """Average precision of a location's ranking against the causal neurons (of one language, or all), per value."""
    found = {}
    for row, value in enumerate(location.values):
        causal = np.zeros((truth.layers, truth.width), dtype=bool)
        for plant in truth.causal(value, language):
            causal[plant.layer, plant.index] = True
        found[value] = average_precision(location.scores[row].numpy(), causal)
    return found


def chance_precision(truth: Truth, values: tuple[str, ...], language: str = "") -> float:
    """The share of causal neurons: what a random ranking gets."""
    return sum(len(truth.causal(value, language)) for value in values) / (
        len(values) * truth.layers * truth.width
    )


def selection_against(truth: Truth, sets: dict[str, NeuronSet], language: str = "") -> dict[str, Any]:
    """Recall and precision per value, and how many planted neurons of each role the sets hold.

    `language` leaves out what causes answers in another language only.
    """
    recall, precision = dict[str, float | None](), dict[str, float | None]()
    planted = {plant.role for plant in truth.plants}
    roles = {role: {"found": 0, "of": 0} for role in ROLES if role in planted}
    for value, neurons in sets.items():
        chosen = set(zip(neurons.layers.tolist(), neurons.indices.tolist(), strict=True))
        causal = {(plant.layer, plant.index) for plant in truth.causal(value, language)}
        recall[value] = len(chosen & causal) / len(causal) if causal else None
        precision[value] = len(chosen & causal) / len(chosen) if chosen else None
        for plant in (*truth.causal(value, language), *truth.decoys(value)):
            roles[plant.role]["of"] += 1
            roles[plant.role]["found"] += (plant.layer, plant.index) in chosen
    return {"recall": recall, "precision": precision, "roles": roles}
