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
from valuescope.cli import main

POINTS = {  # stage -> (file, whether it is renamed into place before the process dies)
    "start": ("run.json", False),
    "data": ("data/material.json", False),
    "data, written": ("data/material.json", True),
    "activations, first part": ("activations/residuals-0000.json", True),
    "activations, later": ("activations/counters-0002.safetensors", True),
    "activations, total replaced": ("activations/counters-0002.json", True),
    "locate": ("locate/neva-*.safetensors", True),
    "locate, written": ("locate/neva-*.json", True),
    "answers, base": ("answers/base/*/000000.json", False),
    "answers": ("answers/neva/*/edited/000004.json", True),
    "answers, controls": ("answers/neva/*/random-matched-0/*.json", True),
    "dose": ("answers/neva/dose/*/edited/*.json", False),
    "leakage": ("answers/leakage/*/*/000000.json", True),
    "report": ("figures/*.svg", True),
    "report, written": ("report.html", True),
    "summary": ("summary.json", False),
}


def main_until_killed(arguments: list[str], out: str, pattern: str, written: bool) -> None:
    """The command in this process, which dies by SIGKILL as soon as a file of the run is due, or is there."""
    replace = os.replace

    def replace_or_die(source: Any, target: Any) -> None:
        due = fnmatch(str(Path(target).relative_to(out)), pattern)
        if written or not due:
            replace(source, target)
        if due:
            os.kill(os.getpid(), signal.SIGKILL)

    valuescope.files.os.replace = replace_or_die  # type: ignore[attr-defined]
    main_in_process(arguments)


def main_in_process(arguments: list[str]) -> None:
    """The command as a process of its own, with its exit code."""
    sys.exit(main(arguments))


@pytest.fixture(scope="module")
def start() -> Callable[..., Any]:
    """Starts a function in a fresh process of a server that has imported the package once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["valuescope.cli", "test_run_kill"])

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
        assert finished(start(main_in_process, ["run", str(files[name]), "--out", str(out)])) == 0
    return found


def same(out: Path, reference: Path) -> None:
    assert summary_bytes(out) == summary_bytes(reference)
    assert report_files(out) == report_files(reference)


@pytest.mark.slow
@pytest.mark.parametrize("stage", POINTS)
def test_killed_in_a_stage_the_same_command_goes_on(
    files: dict[str, Path], references: dict[str, Path], start: Callable[..., Any], stage: str, tmp_path: Path
) -> None:
    out, (pattern, written) = tmp_path / "out", POINTS[stage]
    command = ["run", str(files["pairs"]), "--out", str(out)]
    assert finished(start(main_until_killed, command, str(out), pattern, written)) == -signal.SIGKILL
    assert not (out / "summary.json").exists()
    assert finished(start(main_in_process, command)) == 0
    same(out, references["pairs"])


@pytest.mark.slow
def test_killed_in_stage_after_stage_it_arrives(
    files: dict[str, Path], references: dict[str, Path], start: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["run", str(files["pairs"]), "--out", str(out)]
    for pattern, written in POINTS.values():
        assert finished(start(main_until_killed, command, str(out), pattern, written)) == -signal.SIGKILL
    assert finished(start(main_in_process, command)) == 0
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
    while not (out / "answers").is_dir() and process.poll() is None and time.monotonic() < deadline:
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
