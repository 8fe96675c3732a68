"""The doctor: what is installed, what is not, what the machine can do, and nothing about the user."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from valuescope.cli import main
from valuescope.doctor import Diagnosis, diagnose, diagnosis, places
from valuescope.doctor import machine as machine_module
from valuescope.doctor.packages import Extra, packages_of
from valuescope.version import __version__

LINES = [
    "alpha>=2.0",
    "beta<3,>=1; python_version >= '3'",
    "elsewhere>=1; sys_platform == 'nowhere'",
    "gamma>=1; extra == 'paint'",
    "delta[fast]>=5; extra == 'draw'",
    "valuescope[draw,paint]; extra == 'all'",
    "alpha>=2.0; extra == 'all'",
]
INSTALLED = {"alpha": "2.0.1+cpu", "beta": "3.0", "gamma": "1.0rc1", "delta": "5.1"}


def test_packages_and_extras_are_read_off_the_metadata() -> None:
    required = packages_of(LINES, "", INSTALLED.get)
    assert [(package.name, package.version) for package in required] == [
        ("alpha", "2.0.1+cpu"),
        ("beta", "3.0"),
    ]
    assert required[0].fault is None
    assert required[1].fault == "beta is 3.0, but <3,>=1 is needed; pip install 'beta<3,>=1'"
    every = Extra("all", packages_of(LINES, "all", INSTALLED.get))
    assert [package.name for package in every.packages] == ["delta", "gamma", "alpha"]
    assert [package.name for package in every.lacking] == ["gamma"]  # a candidate of 1.0 comes before it
    assert every.install == 'pip install "valuescope[all]"'
    (absent,) = packages_of(["alpha>=2.0"], "", {}.get)
    assert absent.fault == "alpha is not installed; pip install 'alpha>=2.0'"


def test_paths_do_not_name_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places.getpass, "getuser", lambda: "al")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/al"))
    told = places.without_user("no /home/al/x, /home/alice/y, /data/al/z or /al: see /home/al")
    assert told == "no ~/x, /home/alice/y, /data/USER/z or /USER: see ~"
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert places.without_user("/opt/models") == "/opt/models"


def test_a_folder_is_measured_without_what_links_lead_to(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert places.examine_folder("a", cache).size is None
    (cache / "blobs").mkdir(parents=True)
    (cache / "blobs" / "weights").write_bytes(b"x" * 1000)
    (cache / "config").write_bytes(b"x" * 24)
    (cache / "snapshot").symlink_to(cache / "blobs" / "weights")
    (cache / "again").symlink_to(cache / "blobs")
    measured = places.examine_folder("a", cache)
    assert (measured.size, measured.files, measured.writable) == (1024, 2, True)


@pytest.mark.parametrize(("native", "automatic"), [(True, "bfloat16"), (False, "float32")])
def test_the_machine_says_what_auto_takes(
    native: bool, automatic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_module, "default_device", lambda: torch.device("cpu"))
    for module in ("valuescope.doctor.machine", "valuescope.models.load"):
        monkeypatch.setattr(f"{module}.native_bfloat16", lambda: native)
    monkeypatch.setattr(machine_module, "SECONDS", 0.01)
    seen = machine_module.examine_machine()
    assert (seen.default, seen.native_bfloat16, seen.automatic) == ("cpu", native, automatic)
    assert [speed.dtype for speed in seen.speeds] == ["float32", "bfloat16"]
    assert all(speed.gigaflops is not None and speed.gigaflops > 0 for speed in seen.speeds)
    assert seen.devices[0].name == "cpu"
    assert seen.threads == torch.get_num_threads()


def test_a_type_that_a_device_has_not_is_missing() -> None:
    assert machine_module.measure_speed(torch.bool, torch.device("cpu"), 0.0).gigaflops is None


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The home of a user of this name, in which the caches lie."""
    home = tmp_path / "home" / "fingal"
    monkeypatch.setattr(places.getpass, "getuser", lambda: "fingal")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("VALUESCOPE_CACHE", str(home / "kept"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(diagnosis, "hub_cache", lambda: home / "hub")
    return home


def test_the_command_in_words_and_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    words = capsys.readouterr().out
    assert words.startswith(f"valuescope {__version__}, Python ")
    assert words.endswith("nothing is broken\n")
    assert "~/kept" in words
    assert main(["doctor", "--json"]) == 0
    printed = capsys.readouterr().out
    told = json.loads(printed)
    assert told["faults"] == []
    assert {package["name"] for package in told["required"]} >= {"torch", "transformers"}
    assert [folder["path"] for folder in told["folders"]] == ["~/kept", "~/hub"]
    assert [model["name"] for model in told["models"]] == ["organism", "organism-social", "smollm2"]
    for output in (words, printed):
        assert "fingal" not in output
        assert "hf_secret" not in output


def test_a_missing_package_or_model_is_1(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(diagnosis, "declared", lambda: (["no-such-package>=7", "torch"], []))
    monkeypatch.setattr(places, "weights_path", lambda name: tmp_path / name)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "fault: no-such-package is not installed; pip install 'no-such-package>=7'\n" in said
    assert "fault: model organism lacks config.json, model.safetensors" in said
    assert "nothing is broken" not in said


WITHOUT_TRANSFORMERS = """
import sys
sys.modules["transformers"] = None
from valuescope.cli import main
sys.exit(main(["doctor"]))
"""


def test_a_package_that_cannot_be_imported_is_1_and_the_rest_is_told() -> None:
    command = [sys.executable, "-c", WITHOUT_TRANSFORMERS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "fault: models cannot be loaded. ModuleNotFoundError: " in done.stdout
    assert "\norganism         part of valuescope\n" in done.stdout
    assert "Traceback" not in done.stderr


def test_source_alone_on_the_path_has_no_versions_to_compare(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(diagnosis, "declared", lambda: None)
    assert isinstance(diagnose(), Diagnosis)
    assert main(["doctor"]) == 0
    assert "valuescope is not installed as a package" in capsys.readouterr().out
