"""The sdist holds the project and the wheel the package, whole; the wheel works away from the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from valuescope.version import __version__

ROOT = Path(__file__).parents[1]
FOLDERS = (
    *(".ci", ".github", "benchmarks", "docs", "examples", "specs", "src", "tests", "tools", "training"),
)
FILES = (
    *(".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "Makefile"),
    *("README.md", "SECURITY.md", "constraints.txt", "pyproject.toml"),
)
MADE = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache", ".hypothesis", "*.pyc")
BUILD = "from setuptools import build_meta; print(build_meta.build_{kind}({target!r}))"
USE = """
import sys
import valuescope
from valuescope.cli import main
print(valuescope.__file__)
for arguments in (["--version"], ["sites", "organism"]):
    assert main(arguments) == 0, arguments
"""


def build(kind: str, source: Path, target: Path) -> Path:
    """Build a distribution of the project in `source`, by its own build system and without the network."""
    code = BUILD.format(kind=kind, target=str(target))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return target / done.stdout.splitlines()[-1]


def files_of(folder: Path) -> set[str]:
    """Every file of a folder, by its path in it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project without what was made in it."""
    folder = tmp_path_factory.mktemp("project")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=MADE)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def source(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", project, folder)) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"valuescope-{__version__}"


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built of the sdist, unpacked."""
    folder, target = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(build("wheel", source, folder)) as archive:
        archive.extractall(target)
    return target


def test_the_sdist_holds_the_whole_project(source: Path) -> None:
    missing = set(FILES) - files_of(source)
    for name in FOLDERS:
        there = shutil.copytree(ROOT / name, source.parent / "there" / name, ignore=MADE)
        missing |= {f"{name}/{file}" for file in files_of(there) - files_of(source / name)}
    assert missing == set()


def test_the_wheel_holds_the_whole_package_and_nothing_else(project: Path, wheel: Path) -> None:
    package = {f"valuescope/{file}" for file in files_of(project / "src" / "valuescope")}
    beside = f"valuescope-{__version__}.dist-info/"
    packed = files_of(wheel)
    assert {file for file in packed if not file.startswith(beside)} == package
    suffixes = {Path(file).suffix for file in package}
    assert suffixes >= {".toml", ".jinja", ".css", ".js", ".html", ".safetensors", ".jsonl", ".json", ".yaml"}
    assert "valuescope/py.typed" in package
    assert f"{beside}licenses/LICENSE" in packed


@pytest.mark.slow
def test_the_wheel_works_in_another_folder(wheel: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(wheel / "valuescope" / "__init__.py")
    assert f"valuescope {__version__}" in done.stdout
    assert "Proven: in each layer" in done.stdout
