"""run and report on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from cost_samples import SteadyEstimator
from run_samples import dilemma_spec, report_files, save_tiny_model, summary_bytes

import valuescope.run
from valuescope.cli import main
from valuescope.run import read_spec


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def spec_file(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "spec.yaml"
    path.write_text(yaml.safe_dump(dilemma_spec("organism")), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(model: Path, spec_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "out"
    assert main(["run", str(spec_file), "--model", str(model), "--out", str(out)]) == 0
    return out


def test_a_run_prints_its_table_and_where_everything_is(
    model: Path, spec_file: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(spec_file), "--model", str(model), "--out", str(finished)]) == 0
    said = capsys.readouterr().out
    for word in ("VAPE", "ValueLocate", "NeVA", "random neurons", "fluency"):
        assert word in said
    assert f"report: {finished / 'report.html'}" in said
    assert f"summary: {finished / 'summary.json'}" in said
    summary = json.loads((finished / "summary.json").read_text())
    assert f"seconds: {summary['seconds']}" in said
    assert summary["model"]["id"] == str(model)


def test_a_run_goes_into_runs_by_its_name(
    model: Path,
    spec_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    fewer = [
        "--set",
        "name=mine",
        "-s",
        "leakage=null",
        "--set",
        "controls.draws=1",
        "-s",
        "generate.on=response",
    ]
    assert main(["run", str(spec_file), "--model", str(model), *fewer]) == 0
    written = yaml.safe_load((tmp_path / "runs/mine/spec.yaml").read_text())
    assert (written["leakage"], written["controls"]["draws"], written["generate"]["on"]) == (
        None,
        1,
        "response",
    )
    assert json.loads((tmp_path / "runs/mine/summary.json").read_text())["leakage"] is None


def test_a_folder_of_another_run_is_refused(
    model: Path, spec_file: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = summary_bytes(finished)
    assert (
        main(["run", str(spec_file), "--model", str(model), "--out", str(finished), "--set", "seed=8"]) == 1
    )
    assert "holds a run with another specification" in capsys.readouterr().err
    assert summary_bytes(finished) == before


def test_a_dry_run_says_the_cost_and_writes_nothing(
    model: Path,
    spec_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(spec_file), "--model", str(model), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"tiny on {model} would cost, by estimate:"
    assert [line.split()[0] for line in lines[1:6]] == ["texts", "answers", "memory", "time", "effects"]
    assert not list(tmp_path.iterdir())


def test_a_budget_is_kept_to_and_remembered(
    model: Path,
    spec_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is cut to what fits; the same command again goes on with the same run, and another budget is refused."""
    monkeypatch.setattr(valuescope.run, "Estimator", SteadyEstimator)
    command = ["run", str(spec_file), "--model", str(model), "--out", str(tmp_path), "-s", "controls.draws=6"]
    assert main([*command, "--budget", "0.5"]) == 1
    assert "'0.5' is no time" in capsys.readouterr().err
    assert main([*command, "--budget", "0.1s"]) == 1
    assert "is too little: the least of this specification needs about" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    whole = SteadyEstimator(read_spec(spec_file, **{"model.id": str(model), "controls.draws": 6}))
    seconds = whole.cost(read_spec(spec_file, **{"model.id": str(model), "controls.draws": 6})).seconds
    assert seconds is not None
    budget = f"{0.7 * seconds.middle:.2f}s"
    assert main([*command, "--budget", budget]) == 0
    said = capsys.readouterr().err
    assert "cut for the budget: controls.draws: 6 -> " in said
    assert "smallest effect found with 80% power" in said
    resolved = read_spec(tmp_path / "spec.yaml")
    assert 1 <= resolved.controls.draws < 6
    before = summary_bytes(tmp_path)
    monkeypatch.setattr(valuescope.run, "Estimator", None)  # nothing is timed again
    assert main([*command, "--budget", budget]) == 0
    assert summary_bytes(tmp_path) == before
    monkeypatch.setattr(valuescope.run, "Estimator", SteadyEstimator)
    assert main([*command, "--budget", "1h"]) == 1
    assert "holds a run with another specification" in capsys.readouterr().err


def test_a_dry_run_that_cannot_be_is_an_error_and_nothing_else(
    model: Path, spec_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["run", str(spec_file), "--model", str(model), "--dry-run", "--set", "data.parameters.tuning=0"])
        == 1
    )
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "methods.valuelocate.search" in captured.err


def test_a_report_is_written_again_as_it_was(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = report_files(finished)
    (finished / "report.html").unlink()
    for path in (finished / "figures").iterdir():
        path.unlink()
    assert main(["report", str(finished)]) == 0
    assert capsys.readouterr().out == f"{finished / 'report.html'}\n"
    assert report_files(finished) == before


def test_a_damaged_summary_is_named(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads((finished / "summary.json").read_text())
    for damage, said in (({"format": 99}, "format is 99"), ({"methods": 3}, "methods")):
        (tmp_path / "summary.json").write_text(json.dumps({**content, **damage}))
        assert main(["report", str(tmp_path)]) == 1
        assert said in capsys.readouterr().err
