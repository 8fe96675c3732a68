"""The parts of ValueExploration's summary that describe what was run and which neurons were found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from valuescope.data.dilemma_set import DilemmaSet
from valuescope.locate import Location
from valuescope.metrics import neuron_overlap, neurons_by_layer
from valuescope.models import NeuronModel
from valuescope.organism import Truth
from valuescope.run.facts import grouped_values, run_facts
from valuescope.run.truth import chance_precision, precision_of_ranking, selection_against
from valuescope.run.valueexploration.spec import ValueExplorationSpec
from valuescope.values import ValueSystem

FORMAT = 1


def head_block(
    spec: ValueExplorationSpec, model: NeuronModel, system: ValueSystem, dilemmas: DilemmaSet
) -> dict[str, Any]:
    """What was run on what."""
    groups = grouped_values(system, dilemmas.values)
    return {
        "experiment": spec.experiment,
        "format": FORMAT,
        **run_facts(spec, model),
        "values": list(dilemmas.values),
        "value_names": {
            language: {value: system[value].names.get(language, value) for value in dilemmas.values}
            for language in ("en", "zh")
        },
        "groups": [
            {"id": group, "name": system[group].names["en"], "values": members}
            for group, members in groups.items()
        ],
        "language_order": list(spec.languages),
        "selection_order": list(spec.selections),
        "main": spec.main,
        "measures": list(spec.support.measures),
        "compared_by": spec.support.compared_by,
        "highlighted": spec.highlighted,
        "edit": {"name": spec.edit.name, "parameters": dict(spec.edit.parameters), "on": spec.edit.on},
        "data": {
            "source": dilemmas.source,
            "counts": dilemmas.counts(),
            "notes": list(dilemmas.notes),
        },
    }


def location_block(location: Location, truth: Truth | None, language: str) -> dict[str, Any]:
    """One location: its neurons, where they lie, and how they stand to the truth where that is known."""
    sets = {value: location.neuron_set(value) for value in location.values}
    return {
        "locator": location.method,
        "parameters": dict(location.parameters),
        "neurons": location.sizes(),
        "neurons_per_layer": {
            value: list(counts)
            for value, counts in neurons_by_layer(members(location), layers=location.model.layers).items()
        },
        "warnings": list(location.warnings),
        "diagnostics": dict(location.diagnostics),
        "truth": None
        if truth is None
        else {
            "average_precision": precision_of_ranking(truth, location, language),
            "chance": chance_precision(truth, location.values, language),
            **selection_against(truth, sets, language),
        },
    }


def overlap_block(location: Location) -> dict[str, Any]:
    """The overlaps of the values' neurons within one language.

    Chance is a draw from the kept neurons: VAPE gives each of them to every value above its bar, so that a draw from all
    neurons would be beaten by construction.
    """
    sets = members(location)
    return neuron_overlap(sets, neurons=max(1, len(set().union(*sets.values())))).to_dict()


def across_block(locations: Mapping[str, Location]) -> list[dict[str, Any]]:
    """The overlaps between the first language's neurons (rows) and each other's (columns)."""
    first, *others = locations
    return [
        {
            "rows_language": first,
            "columns_language": other,
            **neuron_overlap(
                members(locations[first]),
                members(locations[other]),
                neurons=locations[first].model.layers * locations[first].model.width,
            ).to_dict(),
        }
        for other in others
    ]


def members(location: Location) -> dict[str, set[tuple[int, int]]]:
    """The neurons of each value as (layer, index)."""
    return {
        value: {(layer, index) for layer, index in location.selected[row].nonzero().tolist()}
        for row, value in enumerate(location.values)
    }
