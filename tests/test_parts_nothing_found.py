"""Selections of nothing and of nearly everything: what is asked, what is said, and what is not 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from run_samples import TWO, dilemma_spec, save_tiny_model

from valuescope.cli import main
from valuescope.lab.answers import Answers
from valuescope.lab.ask import Ask
from valuescope.parts.method import methods_of, selection_fault, verdict
from valuescope.run import make_spec, read_result, run, terminal_text

IMPOSSIBLE = {"control": "false-discovery", "q": 1e-300}


def content(folder: Path, **methods: Any) -> dict[str, Any]:
    base = dilemma_spec(save_tiny_model(folder / "model"), leakage={"method": "main", "questions": 2})
    return {**base, "methods": methods}


def method(**locator: Any) -> dict[str, Any]:
    return {"locator": "valuelocate", "edit": "amplify", "default": {"locator": locator}}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[Ask]:
    """Every batch that the model was asked."""
    batches, asked = [], Answers._asked
    monkeypatch.setattr(Answers, "_asked", lambda self, batch: (batches.append(batch), asked(self, batch))[1])
    return batches


def test_nothing_found_costs_nothing_and_has_no_effect(tmp_path: Path, answered: list[Ask]) -> None:
    dose = {"parameter": "gamma", "values": [1.0, 3.0], "questions": 2}
    spec = content(tmp_path, main={**method(**IMPOSSIBLE), "dose": dose})
    run(make_spec(spec, "t"), tmp_path / "run")
    assert answered
    assert all(treatment is None for batch in answered for treatment in batch.treatments)
    result = read_result(tmp_path / "run")
    found = methods_of(result)["main"]
    assert found.effect is found.random is found.random_matched is None
    assert all(value.effect is None and value.base is not None for value in found.by_value.values())
    assert found.fluency == found.base_fluency
    assert verdict(found, found.settings[0], result).words == "found nothing"
    assert verdict(found, found.settings[0], result).clear is False
    assert "ValueLocate" not in terminal_text(result)
    assert "main (paper's default) found nothing" in terminal_text(result)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "0 of 1 method moved" in page
    assert "main (found nothing)" in page


def test_rows_of_a_value_without_neurons_are_the_bases(tmp_path: Path, answered: list[Ask]) -> None:
    spec = content(tmp_path, main={**method(threshold=0.03), "default": {"locator": {"threshold": 0.03}}})
    spec["generate"] = {"max_new_tokens": 4, "batch_size": 3}
    whole = make_spec(spec, "t")
    run(whole, tmp_path / "whole")
    asked = sum(len(batch.items) for batch in answered)
    answered.clear()
    with pytest.MonkeyPatch.context() as patch:
        from valuescope.lab import locations

        edits = locations.edits

        def some(*args: Any) -> Any:
            return {**edits(*args), TWO[0]: None}

        patch.setattr("valuescope.lab.treatments.edits", some)
        run(whole, tmp_path / "part")
    assert sum(len(batch.items) for batch in answered) < asked
    mixed = [batch for batch in answered if None in batch.treatments and any(batch.treatments)]
    assert not mixed
    edited = [batch for batch in answered if any(batch.treatments)]
    assert edited


def test_a_selection_of_nearly_everything_gets_no_green_badge(tmp_path: Path) -> None:
    run(make_spec(content(tmp_path, main=method(threshold=0.001)), "t"), tmp_path / "run")
    result = read_result(tmp_path / "run")
    found = methods_of(result)["main"]
    said = verdict(found, found.settings[0], result)
    share = sum(found.settings[0].neurons.values()) / len(TWO) / 144
    assert share > 0.1
    assert said.clear is False
    assert said.words == f"selects {share:.0%} of all neurons: not a selection"
    assert f"main (paper's default) {said.words}" in terminal_text(result)


def test_what_is_a_selection() -> None:
    assert selection_fault({}, 100) == ""
    assert selection_fault({"a": 0, "b": 0}, 100) == "found nothing"
    assert selection_fault({"a": 0, "b": 4}, 100) == ""
    assert selection_fault({"a": 10, "b": 10}, 100) == ""
    assert selection_fault({"a": 50, "b": 40}, 100) == "selects 45% of all neurons: not a selection"
    assert selection_fault({"a": 50}, None) == ""


def test_locate_says_it_and_the_interval_of_the_best_probe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(save_tiny_model(tmp_path / "model"))
    few = ["--source", "organism", "-d", "descriptions=6", "-d", "pairs=8", "-d", "texts=6", "--only", *TWO]
    main(
        [
            "locate",
            model,
            "--method",
            "valuelocate",
            "-p",
            "threshold=0.001",
            *few,
            "--out",
            str(tmp_path / "all"),
        ]
    )
    assert "of all neurons: not a selection" in capsys.readouterr().out
    neva = ["--method", "neva", "-p", "accuracy=0.0"]
    main(["locate", model, *neva, *few, "--out", str(tmp_path / "neva")])
    out = capsys.readouterr().out
    assert f"{TWO[0]}: best probe " in out
    assert "] of 4 texts, layers kept: 1, 2, 3" in out
