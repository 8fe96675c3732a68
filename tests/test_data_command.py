"""`valuescope data`: what it prints for a reader and for a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import shared
from damaged_files import CHOICE, lines
from run_samples import write_csv

from valuescope.cli.main import run_command
from valuescope.data import DataError


def run(*arguments: str) -> None:
    assert run_command(["data", *arguments]) == 0


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rows = [
        [f"I take the {word} instead.", f"I leave the {word} here."]
        for word in ["teapots", "umbrella", "violin", "candle", "ladder"]
    ]
    rows += [["I take the teapots instead.", "I leave the teapots here."], ["", "x"]]
    return write_csv(tmp_path / "power.csv", ["question_1", "question_2"], rows)


def test_counts_repeats_wording_sample_and_problems(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(str(pairs), "--sample", "2")
    said = capsys.readouterr().out
    assert said.startswith(f"{pairs}: 6 records read as conva (en 6)\n")
    rows = [line.split() for line in said.splitlines()]
    assert [
        "contrast",
        "pairs",
        "power",
        "en",
        "6",
        "1",
        "2",
        "texts,",
        "1",
        "pairs",
        "5",
        "10-10,",
        "mean",
        "10",
    ] in rows
    assert "positive/negative  6      5/5      1.00      here 0:6, instead 6:0, leave 0:6, take 6:0" in said
    assert said.count("contrast pairs, ") == 2
    assert "1 problems; rows that cannot be read are left out:" in said
    assert f"{pairs}: line 8: field 'question_1': is empty" in said


def test_json_holds_the_same(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(str(pairs), "--json", "--sample", "1")
    found = json.loads(capsys.readouterr().out)
    (group,) = found["groups"]
    assert (found["records"], found["format"], group["effective"], group["pairs"]) == (6, "conva", 5, 1)
    assert group["sides"]["accuracy"] == 1.0
    assert len(found["problems"]) == len(found["sample"]) == 1
    assert set(found["sample"][0]["record"]) == {"key", "value", "positive", "negative", "language", "kind"}


def test_the_sample_depends_on_the_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lines(*({**CHOICE, "question": f"Number {number}?"} for number in range(30)))(tmp_path / "a.jsonl")
    shown = []
    for seed in ("0", "0", "1"):
        run(str(path), "--seed", seed)
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] != shown[2]
    assert "topics (1): counting 30" in shown[0]


def test_strict_and_a_negative_sample_are_refused(pairs: Path) -> None:
    with pytest.raises(DataError, match="line 8: field 'question_1': is empty"):
        run(str(pairs), "--strict")
    with pytest.raises(DataError, match="--sample is -1"):
        run(str(pairs), "--sample", "-1")


def test_the_starter_set_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    run("starter", "--sample", "0")
    assert "records read as valuescope" in capsys.readouterr().out


def test_published_faults_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    run(str(shared("data/conva/eval/test_power_new.csv")), "--json", "--sample", "0")
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert (group["pairs"], group["near"], group["effective"]) == (44, 28, 79)
