"""`valuescope ability` and `valuescope questionnaire`, on a small saved model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from ability_samples import tiny_model_with
from edit_samples import some_neurons
from tiny_models import WORDS

from valuescope.cli import main
from valuescope.edit import Deactivate
from valuescope.models import load_model

SUBJECTS = ("old_nature", "power")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved tiny model, an edit of it, a text, MMLU files and a questionnaire."""
    folder = tmp_path_factory.mktemp("ability")
    made = tiny_model_with("llama", "A", "B", "C", "D", "1", "2", "3")
    made.model.save_pretrained(folder / "model")
    made.tokenizer.save_pretrained(folder / "model")
    model = load_model(str(folder / "model"), device="cpu", dtype=torch.float32)
    Deactivate(some_neurons(model, 1)).save(folder / "edit.json")
    (folder / "text.txt").write_text("I help my friend\n\nwe share the old\nstory\n\n\n", encoding="utf-8")
    for split, rows in (("dev", 2), ("test", 6)):
        (folder / "mmlu" / split).mkdir(parents=True)
        for subject in SUBJECTS:
            with (folder / "mmlu" / split / f"{subject}_{split}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["question", "choice0", "choice1", "choice2", "choice3", "answer"])
                for number in range(rows):
                    writer.writerow([f"what {WORDS[number]}", *WORDS[number : number + 4], number % 4])
    content = {
        "name": "small",
        "scale": ["no", "so", "yes"],
        "key": {"care": [1, 2]},
        "items": {"1": "I care", "2": "we help"},
    }
    (folder / "asked.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def run(folder: Path, command: str, *more: str) -> int:
    return main(
        [command, str(folder / "model"), *more, "--device", "cpu", "--edit", str(folder / "edit.json")]
    )


def test_ability_tells_and_writes_both(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, out = ["--text", str(folder / "text.txt")], folder / "ability.json"
    questions = ["--mmlu", str(folder / "mmlu"), "--questions", "8", "--shots", "1"]
    assert run(folder, "ability", *text, *questions, "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "perplexity, text.txt, " in said
    assert "MMLU, 1-shot, 8 questions, seed 0" in said
    assert said.count("  base ") == 2
    assert said.count("change ") == 2
    content = json.loads(out.read_text(encoding="utf-8"))
    assert [one["accuracy"]["n"] for one in content["mmlu"]] == [8, 8]
    assert [len(one["by_text"]) for one in content["perplexity text.txt"]] == [2, 2]


def test_a_questionnaire_is_asked_both_ways(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked, out = [str(folder / "asked.json"), "--prompt", "agreement"], folder / "asked-out.json"
    assert run(folder, "questionnaire", *asked, "--minimum-mass", "0", "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "small, 2 items, scale 1..3, by log-probabilities" in said
    assert "base: 2 items rated, missing: none, least probability on the scale" in said
    base, edited = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert 1 <= base["scales"]["care"]["raw"] <= 3
    assert base["ratings"] != edited["ratings"]
    assert run(folder, "questionnaire", *asked, "--by", "text") == 0
    assert "by text" in capsys.readouterr().out


def test_what_cannot_be_measured_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "ability", "--mmlu", str(folder / "mmlu"), "--questions", "99") == 1
    assert "number is 99; there are 12 questions" in capsys.readouterr().err
    assert run(folder, "questionnaire", str(folder / "absent.json")) == 1
    assert "absent.json: no such file" in capsys.readouterr().err
