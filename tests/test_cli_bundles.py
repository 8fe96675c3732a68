"""edits show, verify and convert, and the commands that write bundles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from edit_samples import some_neurons
from run_samples import save_tiny_model
from steering_samples import some_vectors

from valuescope.cli import main
from valuescope.edit import AddVector, Evidence, Measurement, Modulate, load_bundle, load_edit
from valuescope.models import NeuronModel, load_model

SIZES = ["--source", "organism", "-d", "texts=2", "-d", "descriptions=2", "-d", "pairs=8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder: Path) -> NeuronModel:
    return load_model(str(folder), device="cpu")


def test_convert_there_and_back(
    model: NeuronModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Modulate(some_neurons(model, 1), strength=0.5).save(tmp_path / "care.json")
    bundle, back = tmp_path / "care.vsedit", tmp_path / "back.json"
    measured = tmp_path / "measured.json"
    effect = {"mean": 0.5, "ci": [0.25, 0.75], "n": 8, "missing": 1, "interval": "bootstrap"}
    measured.write_text(json.dumps({"measure": "support", "effect": effect, "fluency": None}))
    convert = ["edits", "convert", str(source), "--to", str(bundle)]
    assert main([*convert, "--licence", "MIT", "--evidence", str(measured)]) == 0
    saved = load_bundle(bundle)
    assert saved.evidence == Evidence("support", effect=Measurement(0.5, 0.25, 0.75, 8, 1))
    assert saved.licence == "MIT"
    again = tmp_path / "again.vsedit"
    assert main(["edits", "convert", str(bundle), "--to", str(again)]) == 0
    assert again.read_bytes() == bundle.read_bytes()
    capsys.readouterr()
    assert main(["edits", "convert", str(bundle), "--to", str(back)]) == 0
    assert "without the evidence and the licence" in capsys.readouterr().out
    assert load_edit(back).hash == load_edit(source).hash
    assert main(["edits", "show", str(source), str(bundle)]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    table = {line[0]: [cell.strip() for cell in line[1:] if cell.strip()] for line in lines}
    assert table["strength"] == ["0.5", "0.5"]
    assert table["acts on"] == ["43 of 144 neurons"] * 2
    assert table["effect"] == ["-", "+0.500 [+0.250, +0.750]", "n = 8, 1 missing"]
    assert table["fluency"] == ["-", "-"]
    assert table["licence"] == ["-", "MIT"]
    assert table["fingerprint"] == [model.identity.fingerprint] * 2


def test_verify_says_what_differs(
    folder: Path, model: NeuronModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Modulate(some_neurons(model, 1)).save(tmp_path / "edits" / "care.json")
    AddVector(some_vectors(model, 1)).save(tmp_path / "edits" / "vector.json")
    asked = ["edits", "verify", str(tmp_path / "edits"), "--model"]
    assert main([*asked, str(folder)]) == 0
    assert capsys.readouterr().out.count(f"fits {folder}") == 2
    other = save_tiny_model(tmp_path / "other", seed=1)
    assert main([*asked, str(other)]) == 1
    told = capsys.readouterr().out
    assert told.count(f"does not fit {other}") == 2
    rows = {" ".join(line.split()[:-3]): line.split()[-1] for line in told.splitlines() if line}
    assert rows["fingerprint"] == "differs"
    assert rows["layers"] == rows["neurons in a layer"] == rows["width of the residual stream"] == "equal"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "EDIT"], "give --model MODEL"),
        (["convert", "EDIT"], "convert takes one FILE and --to FILE"),
        (["convert", "EDIT", "--to", "care.txt"], "ends in .vsedit (one file) or .json (three)"),
        (["convert", "EDIT", "--to", "other.json", "--licence", "MIT"], "a .json holds no licence"),
        (["convert", "EDIT", "--to", "care.vsedit", "--evidence", "EDIT"], "give an object of measure"),
        (["show", "nosuch.vsedit"], "nosuch.vsedit: no such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str],
    said: str,
    model: NeuronModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Modulate(some_neurons(model, 1)).save(tmp_path / "care.json")
    before = sorted(tmp_path.iterdir())
    assert main(["edits", *(argument.replace("EDIT", "care.json") for argument in arguments)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert sorted(tmp_path.iterdir()) == before


def test_locate_writes_bundles_and_evaluate_puts_its_numbers_in(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--method", "neva", "-p", "accuracy=0", "--only", "power", *SIZES]
    assert main(["locate", str(folder), *common, "--out", str(tmp_path / "three")]) == 0
    assert main(["locate", str(folder), *common, "--bundle", "--out", str(tmp_path / "one")]) == 0
    bundle = tmp_path / "one" / "power.vsedit"
    assert not (tmp_path / "one" / "power.json").exists()
    assert load_edit(bundle).hash == load_edit(tmp_path / "three" / "power.json").hash
    assert str(tmp_path).encode() not in bundle.read_bytes()
    capsys.readouterr()
    asked = ["evaluate", str(folder), "--edit", str(bundle), "--source", "organism", "-d", "questions=3"]
    assert main([*asked, "--max-new-tokens", "3", "--bundles", str(tmp_path / "shared")]) == 0
    told = capsys.readouterr().out
    shared = load_bundle(tmp_path / "shared" / "power.vsedit")
    assert shared.edit.hash == load_edit(bundle).hash
    assert shared.evidence is not None
    assert "judged by oracle" in str(shared.evidence.measure)
    assert shared.evidence.null_share is None
    for name, measured in (
        ("effect  ", shared.evidence.effect),
        ("fluency, edited", shared.evidence.fluency),
    ):
        (line,) = [line for line in told.splitlines() if line.strip().startswith(name)]
        assert (measured is None) == ("missing (n = 0" in line)
        assert measured is None or f"{measured.mean:+.3f}" in line
    twice = ["--edit", str(tmp_path / "three" / "power.json"), "--bundles", str(tmp_path / "x")]
    assert main([*asked, *twice]) == 1
    assert "two of the edits have one name" in capsys.readouterr().err
