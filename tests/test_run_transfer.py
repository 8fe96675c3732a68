"""Located on one source and measured on another: what is drawn, what is refused, and a run that says both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from run_samples import TWO, pairs_spec, read_summary, save_tiny_model, summary_bytes, summary_of, write_conva

from valuescope.data import SOURCES, DataError
from valuescope.lab.material import draw_material
from valuescope.lab.spec import DataSpec
from valuescope.lab.strict import SpecError
from valuescope.run import make_spec, read_result, run, write_report

VALUES = ("power", "security")


def starter(tier: str, **parameters: Any) -> dict[str, Any]:
    return {"source": "starter", "parameters": {"tier": tier, **parameters}}


def data(read: dict[str, Any], asked: dict[str, Any] | None) -> DataSpec:
    return DataSpec.model_validate({**read, "measured_on": asked})


def test_texts_are_of_the_one_and_questions_and_pairs_of_the_other() -> None:
    material = draw_material(data(starter("plain"), starter("hard", held_out=0.99)), VALUES, 0)
    alone = draw_material(data(starter("plain"), None), VALUES, 0)
    other = SOURCES["starter"](VALUES, held_out=0.99)
    assert material.texts == alone.texts
    assert (material.pairs, material.questions, material.tuning) == (
        other.pairs,
        other.questions,
        other.tuning,
    )
    assert len(material.pairs) == 2 * 39
    assert material.notes == (*alone.notes, f"evaluation, starter: {other.notes[0]}")


def test_what_is_read_cannot_be_asked() -> None:
    with pytest.raises(
        DataError, match=r"\d+ texts of the evaluation's source starter are read to locate neurons"
    ):
        draw_material(data(starter("plain"), starter("plain", held_out=0.9)), VALUES, 0)
    same = draw_material(data(starter("plain"), starter("plain")), VALUES, 0)
    assert same.pairs == draw_material(data(starter("plain"), None), VALUES, 0).pairs


def test_a_situation_inside_a_text_that_is_read_is_found() -> None:
    read = {"source": "starter", "parameters": {"kinds": ["descriptions"], "questions_of": "situations"}}
    asked = {"source": "starter", "parameters": {**read["parameters"], "held_out": 0.9}}
    with pytest.raises(DataError, match="are read to locate neurons"):
        draw_material(data(read, asked), ("power",), 0)


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        ({"source": "startre"}, "did you mean 'starter'"),
        ({"parameters": {"tier": "hard"}}, "data.measured_on.source"),
        (starter("hard", tiers=1), "did you mean 'tier'"),
    ],
)
def test_a_wrong_source_of_the_evaluation_is_named(
    evaluation: dict[str, Any], message: str, tmp_path: Path
) -> None:
    content = pairs_spec("organism", tmp_path)
    content["data"]["measured_on"] = evaluation
    with pytest.raises(SpecError, match=re.escape(message)):
        make_spec(content, "t")


def test_a_run_measures_on_the_other_source_says_so_and_resumes(tmp_path: Path) -> None:
    model, folder = save_tiny_model(tmp_path / "model"), write_conva(tmp_path / "conva")
    content = pairs_spec(model, folder)
    organism = {"source": "organism", "parameters": {"texts": 1, "descriptions": 1, "pairs": 8}}
    content["data"] = {**organism, "measured_on": content["data"]}
    summary = summary_of(content, tmp_path / "run")
    found = summary["data"]
    assert (found["source"], found["measured_on"]["source"]) == ("organism", "conva")
    assert found["counts"]["positive"] == 16
    assert found["pairs"] == summary["methods"]["neva"]["effect"]["n"] == len(TWO) * 5
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Evaluated on" in page
    assert "held_out 0.4" in page
    before = summary_bytes(tmp_path / "run")
    run(make_spec(content, "t"), tmp_path / "run")
    assert summary_bytes(tmp_path / "run") == before
    write_report(read_result(tmp_path / "run"), tmp_path / "again")
    assert "Evaluated on" in (tmp_path / "again" / "report.html").read_text(encoding="utf-8")


def test_a_run_on_one_source_says_nothing_of_another(tmp_path: Path) -> None:
    model, folder = save_tiny_model(tmp_path / "model"), write_conva(tmp_path / "conva")
    run(make_spec(pairs_spec(model, folder), "t"), tmp_path / "run")
    assert "measured_on" not in read_summary(tmp_path / "run")["data"]
    assert "Evaluated on" not in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
