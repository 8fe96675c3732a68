"""The worked example of docs/add-a-part.md: it runs, its numbers are right, and the page of the docs shows the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from run_samples import dilemma_spec, pairs_spec, save_tiny_model, write_conva

from valuescope.data.checks.words import words
from valuescope.lab.laboratory import Laboratory
from valuescope.parts.answer_length import AnswerLength, AnswerLengthSpec
from valuescope.run import make_spec, read_result, run
from valuescope.run.plan import EXPERIMENTS, planned_asks
from valuescope.run.registry import asked_parts

ROOT = Path(__file__).resolve().parents[1]
METHODS = ("vape", "valuelocate", "neva")


def spec_of(**changes: Any) -> Any:
    content = {**dilemma_spec("organism"), "leakage": None, "answer_length": {}, **changes}
    for method in content["methods"].values():
        for costly in ("dose", "search"):
            method.pop(costly, None)
    return make_spec(content, "test")


def test_asks_nothing_that_a_run_does_not_ask_anyway() -> None:
    with_it, without = spec_of(), spec_of(answer_length=None)
    asks = [
        {ask.hash for ask in planned_asks(asked_parts(spec), EXPERIMENTS["methods"].plan(spec))}
        for spec in (with_it, without)
    ]
    assert asks[0] == asks[1]
    assert AnswerLength not in [type(part) for part in asked_parts(without)]


def test_the_lengths_are_those_of_the_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laboratories = []
    close = Laboratory.close
    monkeypatch.setattr(Laboratory, "close", lambda lab: (laboratories.append(lab), close(lab))[1])
    spec = spec_of(
        model={"id": str(save_tiny_model(tmp_path / "model")), "dtype": "float32", "device": "cpu"}
    )
    result = run(spec, tmp_path / "run")
    found, lab = result.of(AnswerLength), laboratories[0]
    assert tuple(found.methods) == METHODS
    for name, method in lab.spec.methods.items():
        trial = lab.trial(method, lab.settings[name])
        before, after = (
            [len(words(row["text"])) for row in lab.bench.answers.of(ask, lambda rows: None)]
            for ask in (trial.base_answers, trial.answers)
        )
        lengths = found.methods[name]
        assert lengths.base.mean == pytest.approx(sum(before) / len(before))
        assert lengths.edited.mean == pytest.approx(sum(after) / len(after))
        assert lengths.change.mean == pytest.approx(lengths.edited.mean - lengths.base.mean)
        assert lengths.change.n == len(before)
    assert read_result(tmp_path / "run").of(AnswerLength) == found
    rows = (tmp_path / "run" / "tables" / "answer_length.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("method,base_mean,base_low,base_high,base_n,base_missing,edited_mean")
    assert [row.partition(",")[0] for row in rows[1:]] == list(METHODS)
    assert "Length of answers" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "run" / "figures" / "answer_length.svg").is_file()


def test_where_pairs_are_asked_the_answers_beside_them_are_counted(tmp_path: Path) -> None:
    content = pairs_spec("organism", write_conva(tmp_path / "conva"), answer_length={})
    design = EXPERIMENTS["methods"].plan(make_spec(content, "test"))
    asks = list(AnswerLength(AnswerLengthSpec()).asks(design))
    assert asks
    assert all(ask.pairs == 0 for ask in asks)


def test_the_docs_show_the_file_as_it_is() -> None:
    text = (ROOT / "docs" / "add-a-part.md").read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    source = (ROOT / "src" / "valuescope" / "parts" / "answer_length.py").read_text(encoding="utf-8")
    assert source in shown
