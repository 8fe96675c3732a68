"""Facts about a run's model and values that every summary begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from valuescope.models import NeuronModel
from valuescope.run.folder import versions
from valuescope.run.spec_parts import RunSpec
from valuescope.values import ValueSystem
from valuescope.version import __version__


def run_facts(spec: RunSpec, model: NeuronModel) -> dict[str, Any]:
    """The specification, the versions and the model."""
    return {
        "name": spec.name,
        "spec_hash": spec.hash,
        "seed": spec.seed,
        "valuescope": __version__,
        "versions": dict(versions()),
        "model": {
            **model.identity.to_dict(),
            "neurons": model.neurons,
            "parameters": sum(parameter.numel() for parameter in model.model.parameters()),
        },
    }


def grouped_values(system: ValueSystem, values: Sequence[str]) -> dict[str, list[str]]:
    """The groups that the values belong to, in order of appearance, with their values."""
    groups: dict[str, list[str]] = {}
    for value in values:
        for group in system.groups(value):
            groups.setdefault(group, []).append(value)
    return groups
