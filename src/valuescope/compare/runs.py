"""Finished runs as a comparison reads them: each with its specification, and a label that no other has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from valuescope.lab.result import Head, Result
from valuescope.lab.spec import RunSpec
from valuescope.report.numbers import listing
from valuescope.run import read_result, read_spec

SPEC, SUMMARY = "spec.yaml", "summary.json"
STAGES = ("data", "activations", "locate", "adapters", "asks")
"""Folders of a run in the order in which they appear."""


class CompareError(ValueError):
    """Runs that cannot be compared; the message names the run, the key and both values."""


@dataclass(frozen=True)
class ComparedRun:
    """One run; `label` stands for its model."""

    label: str
    folder: Path
    spec: RunSpec
    result: Result

    @property
    def head(self) -> Head:
        """What was run on what."""
        return self.result.head

    @property
    def fingerprint(self) -> str:
        """Of the model's weights; empty where the run does not state it."""
        return str(self.head.model.get("fingerprint") or "")


def read_runs(folders: Sequence[Path]) -> list[ComparedRun]:
    """Every run, labelled by its model, and by its folder too where that does not tell them apart.

    Raises:
        CompareError: fewer than two folders, one given twice, or one that holds no finished run.
        SpecError: a file of a run that cannot be read, named with its field.
    """
    if len(folders) < 2:
        raise CompareError("a comparison needs two runs or more; give the folders of finished runs")
    places = Counter(folder.resolve() for folder in folders)
    for folder in folders:
        if places[folder.resolve()] > 1:
            raise CompareError(f"{folder} is given twice; give every run once")
    runs = [_read(folder) for folder in folders]
    namings: list[Callable[[ComparedRun], str]] = [
        lambda run: run.label,
        lambda run: f"{run.label} ({run.folder.name})",
        lambda run: f"{run.label} ({run.folder})",
    ]
    for naming in namings:
        labels = [naming(run) for run in runs]
        if len(set(labels)) == len(labels):
            break
    return [replace(run, label=label) for run, label in zip(runs, labels, strict=True)]


def _read(folder: Path) -> ComparedRun:
    _require_finished(folder)
    result = read_result(folder)
    name = str(result.head.model.get("id") or "model not named").replace("\\", "/").rstrip("/")
    return ComparedRun(name.rpartition("/")[2] or name, folder, read_spec(folder / SPEC), result)


def _require_finished(folder: Path) -> None:
    """Raise CompareError where a folder is no finished run's, with what is missing and how to get it."""
    if not folder.is_dir():
        raise CompareError(f"{folder}: no such folder; give the folders of finished runs")
    spec, summary = ((folder / name).is_file() for name in (SPEC, SUMMARY))
    if not spec and not summary:
        raise CompareError(f"{folder} holds no run: it has neither {SPEC} nor {SUMMARY}")
    if not summary:
        reached = listing(stage for stage in STAGES if (folder / stage).exists()) or "no stage"
        raise CompareError(
            f"{folder}: the run is not finished: {SUMMARY} is missing (it has {reached}); resume it with "
            f"valuescope run {folder / SPEC} --out {folder}"
        )
    if not spec:
        raise CompareError(
            f"{folder}: {SPEC} is missing, and nothing else says what prompts and judge the run had; copy it from where the "
            "run was made"
        )
