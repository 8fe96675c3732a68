"""The pairs that a profile is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from valuescope.data import ContrastPair
from valuescope.lab.material import draw_material
from valuescope.lab.spec import DataSpec
from valuescope.values import load_value_system

PLAIN = {"tier": "plain", "held_out": 0.99, "kinds": ["pairs"]}
"""Parameters of the starter set: pairs of its plain tier, nearly all of them to be measured on."""


def profile_pairs(
    system: str, source: str, parameters: Mapping[str, Any], count: int, seed: int
) -> tuple[ContrastPair, ...]:
    """The first `count` pairs of every value of a system that a source has pairs for."""
    chosen = {**(PLAIN if source == "starter" else {}), **parameters}
    known = load_value_system(system)
    values = known.circle or known.at_level("value")
    material = draw_material(DataSpec(source=source, parameters=chosen, evaluation=count), values, seed)
    return material.pairs
