"""The folder of a run: one place per stage, whole files only, and a guard against mixing runs."""

from __future__ import annotations

import json
import platform
import resource
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml

from valuescope.files import write_json_atomic, write_text_atomic
from valuescope.lab.spec import RunSpec
from valuescope.models import fingerprint_difference

LAYOUT = 2
"""Of a run's folder: since 2 answers stand in `asks/`, under the hash of what was asked."""
PACKAGES = ("valuescope", "torch", "transformers", "safetensors", "numpy")


class RunError(RuntimeError):
    """A run that cannot go on in its folder."""


class RunFolder:
    """`<out>/spec.yaml, run.json, data/, activations/, locate/, asks/, arms.json, seconds.json, summary.json,
    report.html`. A file that exists is complete, so a run that was killed goes on with what is missing."""

    def __init__(self, path: Path):
        self.path = Path(path)

    def open(self, spec: RunSpec, fingerprint: str, dtype: torch.dtype | None = None) -> None:
        """Start or resume: write the resolved specification, or check that the folder holds this very run.

        dtype: what the model is loaded in, which its fingerprint does not say and its answers depend on.

        Raises:
            RunError: where the folder holds a run with another specification, model, number type or versions, or of
                another layout.
        """
        facts = {
            "layout": LAYOUT,
            "spec_hash": spec.hash,
            "fingerprint": fingerprint,
            "dtype": None if dtype is None else str(dtype).removeprefix("torch."),
            "versions": versions(),
        }
        recorded = self.read_json("run.json")
        if recorded is None:
            write_text_atomic(self.path / "spec.yaml", spec.to_yaml())
            write_json_atomic(self.path / "run.json", facts)
            return
        if recorded.get("layout") != LAYOUT:
            raise RunError(
                f"{self.path} holds a run of another version's layout (layout: {recorded.get('layout', 1)} there, {LAYOUT} "
                "now); choose another --out, or delete the folder to start over"
            )
        for name, what in (
            ("spec_hash", "specification"),
            ("fingerprint", "model"),
            ("dtype", "number type"),
            ("versions", "library versions"),
        ):
            there, now = recorded.get(name), facts[name]
            if there != now:
                why = fingerprint_difference(str(there), str(now)) if name == "fingerprint" else ""
                raise RunError(
                    f"{self.path} holds a run with another {what} ({name}: {there} there, {now} now){why}; choose "
                    "another --out, or delete the folder to start over"
                )

    @property
    def first_day(self) -> str | None:
        """The date that the prompts of the run in this folder carry; None where they carry none, or there is no run."""
        path = self.path / "spec.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
        day: str | None = content.get("model", {}).get("chat", {}).get("date")
        return day

    def read_json(self, name: str) -> Any:
        """The content of a JSON file of the run, or None where it is not there yet."""
        path = self.path / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file of the run, whole; what is read back has its keys in the same order."""
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        write_text_atomic(self.path / name, text + "\n")

    def add_seconds(self, stage: str, seconds: float) -> None:
        """Add to the time spent in a stage, over all the sittings of the run."""
        spent = self.seconds()
        spent[stage] = round(spent.get(stage, 0.0) + seconds, 2)
        self.write_json("seconds.json", spent)

    def seconds(self) -> dict[str, float]:
        """Seconds spent per stage so far."""
        return dict(self.read_json("seconds.json") or {})


def versions() -> Mapping[str, str]:
    """Versions that a result may depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def peak_memory() -> int:
    """The largest memory of the process so far in bytes: of the GPU where there is one, else resident."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
