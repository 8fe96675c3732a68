"""Recorded runs for the tests of comparisons: two tiny models under one specification of each kind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from run_samples import dilemma_spec, save_tiny_model

from valuescope.run import make_spec, run

NAMES = ("left", "right")


def methods_spec(model: Path) -> dict[str, Any]:
    """Two methods, one of them both ways, with everything that a comparison shows."""
    spec = dilemma_spec(model)
    valuelocate = {
        "locator": "valuelocate",
        "edit": "amplify",
        "directions": ["up", "down"],
        "default": {"edit": {"gamma": 2.0}, "top": 5},
        "dose": {"parameter": "gamma", "values": [1, 2], "questions": 1},
    }
    return {
        **spec,
        "methods": {"valuelocate": valuelocate, "neva": spec["methods"]["neva"]},
        "controls": {"draws": 1, "matched": True},
        "leakage": {"method": "neva", "questions": 1},
        "instrument": {"questions": 2},
        "rates": {},
        "runs": 2,
        "ability": {"perplexity": True},
        "bootstrap": {"resamples": 20},
    }


def exploration_spec(model: Path) -> dict[str, Any]:
    """The deactivation of two values' neurons, by the choice between two letters."""
    return {
        "name": "tiny-exploration",
        "experiment": "valueexploration",
        "model": {"id": str(model), "dtype": "float32", "device": "cpu"},
        "values": {"system": "chinese-social", "only": ["justice", "freedom"]},
        "languages": ["en"],
        "data": {"source": "organism-social", "parameters": {"activation": 4, "evaluation": 2}},
        "selections": {"vape": {"parameters": {"bar": 0.5}, "rate": {"en": 0.2}}},
        "support": {
            "measures": ["percentages", "log-probabilities"],
            "brief": True,
            "max_new_tokens": 4,
            "minimum_mass": 0.0,
            "batch_size": 16,
        },
        "instrument": {"dilemmas": 1},
        "permutations": 100,
        "bootstrap": {"resamples": 20},
    }


def record(folder: Path, spec: Callable[[Path], dict[str, Any]]) -> list[Path]:
    """A finished run of each of two models."""
    for seed, name in enumerate(NAMES):
        model = save_tiny_model(folder / "models" / name, seed)
        run(make_spec(spec(model), "test"), folder / name)
    return [folder / name for name in NAMES]


def changed(
    run_folder: Path, folder: Path, *, spec: dict[str, Any] | None = None, summary: Any = None
) -> Path:
    """A copy of what a comparison reads of a run: with other settings (by dotted key), and a summary that a function changed."""
    folder.mkdir(parents=True)
    shutil.copytree(run_folder / "data", folder / "data")
    settings = yaml.safe_load((run_folder / "spec.yaml").read_text(encoding="utf-8"))
    for key, value in (spec or {}).items():
        *above, last = key.split(".")
        place = settings
        for name in above:
            place = place[name]
        place[last] = value
    (folder / "spec.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    content = json.loads((run_folder / "summary.json").read_text(encoding="utf-8"))
    if summary is not None:
        summary(content)
    (folder / "summary.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
