"""`kill -9` in every stage of a real process, then the same command again: the same result but for the seconds."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from run_samples import dilemma_spec, pairs_spec, report_files, save_tiny_model, summary_bytes, write_conva

import valuescope.files
from valuescope.run import read_spec, run

POINTS = {  # stage -> (file, whether it is renamed into place before the process dies, at which such file)
    "start": ("run.json", False, 1),
    "data": ("data/material.json", False, 1),
    "data, written": ("data/material.json", True, 1),
    "activations, first part": ("activations/residuals-0000.json", True, 1),
    "activations, later": ("activations/counters-0002.safetensors", True, 1),
    "activations, total replaced": ("activations/counters-0002.json", True, 1),
    "locate": ("locate/neva-*.safetensors", True, 1),
    "locate, written": ("locate/neva-*.json", True, 1),
    "asks, first batch": ("asks/*/000000.json", False, 1),
    "asks, second batch": ("asks/*/000004.json", True, 1),
    "asks, third": ("asks/*/*.json", True, 8),
    "asks, half": ("asks/*/*.json", False, 12),
    "asks, later": ("asks/*/*.json", True, 16),
    "report": ("figures/*.svg", True, 1),
    "report, written": ("report.html", True, 1),
    "summary": ("summary.json", False, 1),
}


def run_until_killed(spec: str, out: str, pattern: str, written: bool, times: int) -> None:
    """The run in this process, which dies by SIGKILL as soon as a file of the run is due, or is there."""
    replace, left = os.replace, times

    def replace_or_die(source: Any, target: Any) -> None:
        nonlocal left
        left -= fnmatch(str(Path(target).relative_to(out)), pattern)
        if written or left > 0:
            replace(source, target)
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    valuescope.files.os.replace = replace_or_die  # type: ignore[attr-defined]
    run_whole(spec, out)


def run_whole(spec: str, out: str) -> None:
    """The run in a process of its own."""
    run(read_spec(Path(spec)), Path(out))


@pytest.fixture(scope="module")
def start() -> Callable[..., Any]:
    """Starts a function in a fresh process of a server that has imported the package once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["valuescope.run", "test_run_kill"])

    def started(function: Callable[..., Any], *arguments: Any) -> Any:
        process = context.Process(target=function, args=arguments)
        process.start()
        return process

    return started


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Specification files."""
    place = tmp_path_factory.mktemp("material")
    model, folder = save_tiny_model(place / "model"), write_conva(place / "conva")
    found = {}
    for name, content in (("pairs", pairs_spec(model, folder)), ("dilemma", dilemma_spec(model))):
        found[name] = place / f"{name}.yaml"
        found[name].write_text(yaml.safe_dump(content), encoding="utf-8")
    return found


def finished(process: Any) -> int:
    process.join(timeout=120)
    assert process.exitcode is not None, "the run hangs"
    return int(process.exitcode)


@pytest.fixture(scope="module")
def references(
    files: dict[str, Path], start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Uninterrupted runs in processes of their own."""
    found = {name: tmp_path_factory.mktemp("reference") / name for name in files}
    for name, out in found.items():
        assert finished(start(run_whole, str(files[name]), str(out))) == 0
    return found


def same(out: Path, reference: Path) -> None:
    assert summary_bytes(out) == summary_bytes(reference)
    assert report_files(out) == report_files(reference)


@pytest.mark.slow
@pytest.mark.parametrize("stage", POINTS)
def test_killed_in_a_stage_the_same_command_goes_on(
    files: dict[str, Path], references: dict[str, Path], start: Callable[..., Any], stage: str, tmp_path: Path
) -> None:
    out, where = tmp_path / "out", (str(files["pairs"]), str(tmp_path / "out"))
    assert finished(start(run_until_killed, *where, *POINTS[stage])) == -signal.SIGKILL
    assert not (out / "summary.json").exists()
    assert finished(start(run_whole, *where)) == 0
    same(out, references["pairs"])


@pytest.mark.slow
def test_killed_in_stage_after_stage_it_arrives(
    files: dict[str, Path], references: dict[str, Path], start: Callable[..., Any], tmp_path: Path
) -> None:
    out, where = tmp_path / "out", (str(files["pairs"]), str(tmp_path / "out"))
    for pattern, written, _ in POINTS.values():
        assert finished(start(run_until_killed, *where, pattern, written, 1)) == -signal.SIGKILL
    assert finished(start(run_whole, *where)) == 0
    same(out, references["pairs"])


@pytest.mark.slow
def test_the_real_command_survives_a_kill_from_outside(
    files: dict[str, Path], references: dict[str, Path], tmp_path: Path
) -> None:
    """As a user meets it: a process of the command line, killed while it answers, then run again."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "valuescope", "run", str(files["dilemma"]), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while not (out / "asks").is_dir() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert process.poll() is None
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (out / "summary.json").exists()
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 0, again.stderr
    assert "report.html" in again.stdout
    assert "Traceback" not in again.stderr
    same(out, references["dilemma"])
