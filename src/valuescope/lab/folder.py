"""The folder of a run: one place per stage, whole files only, and a guard against mixing runs."""

from __future__ import annotations

import json
import logging
import platform
import resource
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch
import yaml

from valuescope.files import file_name, remove_parts, write_json_atomic, write_text_atomic
from valuescope.lab.spec import RunSpec
from valuescope.lock import SUFFIX
from valuescope.models import fingerprint_difference

LAYOUT = 2
"""Of a run's folder: since 2 answers stand in `asks/`, under the hash of what was asked."""
PACKAGES = ("valuescope", "torch", "transformers", "safetensors", "numpy")


BEGINNING = ("run.json", "spec.yaml", "given.json", "seconds.json", "data")
"""What a run has in its folder before it has made anything."""
logger = logging.getLogger(__name__)


REMAKE = "delete this file, and the run makes it again"
Content = TypeVar("Content")


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
        remove_parts(self.path)
        recorded = self.facts
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
            if there == now:
                continue
            if made := self.made():
                why = fingerprint_difference(str(there), str(now)) if name == "fingerprint" else ""
                raise RunError(
                    f"{self.path} holds a run with another {what} ({name}: {there} there, {now} now){why} and what it made "
                    f"({', '.join(made)}); choose another --out, go on with {self.path / 'spec.yaml'}, or delete the folder to "
                    "start over"
                )
            logger.warning(
                "%s: a run with another %s began here and made nothing yet; this one takes the folder",
                self.path,
                what,
            )
            shutil.rmtree(self.path / "data", ignore_errors=True)
            (self.path / "seconds.json").unlink(missing_ok=True)
            write_text_atomic(self.path / "spec.yaml", spec.to_yaml())
            write_json_atomic(self.path / "run.json", facts)
            return
        if not (self.path / "spec.yaml").is_file():
            write_text_atomic(self.path / "spec.yaml", spec.to_yaml())

    def made(self) -> list[str]:
        """What the run in the folder has made that took work or money: all but what drawing its data anew gives again."""
        made = list[str]()
        for path in sorted(self.path.iterdir()) if self.path.is_dir() else ():
            files = (file for file in (path, *path.rglob("*")) if file.is_file() and file.suffix != SUFFIX)
            if path.name not in BEGINNING and any(file.stat().st_size for file in files):
                made.append(path.name)
        return made

    @property
    def facts(self) -> dict[str, Any] | None:
        """What `run.json` says of the run in this folder; None where there is no run."""
        return self.read("run.json", _mapping, "choose another --out, or delete the folder to start over")

    @property
    def first_day(self) -> str | None:
        """The date that the prompts of the run in this folder carry; None where they carry none, or there is no run."""
        path = self.path / "spec.yaml"
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
            day: str | None = content.get("model", {}).get("chat", {}).get("date")
        except (yaml.YAMLError, UnicodeDecodeError, AttributeError, RecursionError) as error:
            problem = " ".join(str(error).split())
            raise RunError(
                f"{path}: is not what a run writes ({problem}); put the run's specification back, or delete the folder to "
                "start over"
            ) from error
        return day

    def read(self, name: str, decode: Callable[[Any], Content], fix: str = REMAKE) -> Content | None:
        """What `decode` makes of a JSON file of the run; None where it is not there yet.

        Raises:
            RunError: naming the file, where it is damaged or holds something else.
        """
        content = self.read_json(name)
        if content is None:
            return None
        with self.decoding(name, fix):
            return decode(content)

    @contextmanager
    def decoding(self, name: str, fix: str = REMAKE) -> Iterator[None]:
        """Have what goes wrong with the content of a file of the run name the file, and what to do (`fix`)."""
        try:
            yield
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise RunError(
                f"{self.path / name}: is not what a run writes ({type(error).__name__}: {error}); {fix}"
            ) from error

    def read_json(self, name: str) -> Any:
        """The content of a JSON file of the run, or None where it is not there yet."""
        path = self.path / _inside(name)
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise RunError(f"{path}: not JSON ({error}); {REMAKE}") from error

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file of the run, whole; what is read back has its keys in the same order."""
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        write_text_atomic(self.path / _inside(name), text + "\n")

    def add_seconds(self, stage: str, seconds: float) -> None:
        """Add to the time spent in a stage, over all the sittings of the run."""
        spent = self.seconds()
        spent[stage] = round(spent.get(stage, 0.0) + seconds, 2)
        self.write_json("seconds.json", spent)

    def seconds(self) -> dict[str, float]:
        """Seconds spent per stage so far."""
        return (
            self.read("seconds.json", lambda spent: {str(name): float(spent[name]) for name in spent}) or {}
        )


def _mapping(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise TypeError(f"it holds a {type(content).__name__}, and no mapping")
    return content


def _inside(name: str) -> str:
    """The name of a file of the run, below its folder."""
    for part in name.split("/"):
        file_name(part)
    return name


def versions() -> Mapping[str, str]:
    """Versions that a result may depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def peak_memory() -> int:
    """The largest memory of the process so far in bytes: of the GPU where there is one, else resident."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
