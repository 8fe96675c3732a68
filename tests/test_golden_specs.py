"""The golden specifications are valid, and hold every part of both experiments between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from golden_specs import golden_specs, write_inputs

from valuescope.run import make_spec

PARTS = {
    *("leakage", "scores", "compare", "questionnaires", "sensitivity", "pareto", "profiles", "ability"),
    *("turns", "decoded", "runs"),
    *("generating", "sizes", "replacement"),
}
INTERVENTIONS = {"caa", "conva", "random-vector", "system-prompt", "sft"}
LOCATORS = {"vape", "valuelocate", "neva", "neva-exclusive", "lpip", "qrnca", "cgvst", "random"}
NAMES = ["methods", "interventions", "judged", "sampled", "pairs", "exploration", "exploration-plain"]


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    inputs: Path = tmp_path_factory.mktemp("golden")
    write_inputs(inputs)
    return golden_specs(inputs)


@pytest.mark.parametrize("name", NAMES)
def test_each_golden_specification_is_valid(specs: dict[str, dict[str, Any]], name: str) -> None:
    assert make_spec(specs[name], name).name == f"golden-{name}"


def test_the_golden_specifications_hold_every_part(specs: dict[str, dict[str, Any]]) -> None:
    assert list(specs) == NAMES
    assert {part for content in specs.values() for part, setting in content.items() if setting} >= PARTS
    methods = [method for content in specs.values() for method in content.get("methods", {}).values()]
    assert {method.get("intervention") for method in methods} >= INTERVENTIONS
    assert {method.get("locator") for method in methods} >= LOCATORS
    assert {method.get("asked", "dilemma") for method in methods} == {"dilemma", "described", "pairs"}
    assert all(
        any(part in method for method in methods) for part in ("search", "automatic", "dose", "directions")
    )
