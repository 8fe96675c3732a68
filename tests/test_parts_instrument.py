"""What a run's measure can see: told for and against, and no verdict where it sees nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_samples import dilemma_spec, save_tiny_model

from valuescope.lab.strict import SpecError
from valuescope.metrics import Estimate
from valuescope.parts.instrument import Instrument, InstrumentFound
from valuescope.parts.method import sees
from valuescope.run import Result, make_spec, read_result, run


def asked(model: Path | str, out: Path, **changes: Any) -> Result:
    spec = dilemma_spec(model, instrument={"questions": 2}, **changes)
    methods = {
        name: {"locator": "vape", "edit": "deactivate", "default": {"locator": {"rate": 0.1}}}
        for name in ("vape",)
    }
    return run(make_spec({**spec, "methods": methods, "leakage": None}, "tiny"), out)


@pytest.fixture(scope="module")
def organism(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("organism")
    return folder, asked("organism", folder, generate={"max_new_tokens": 24, "batch_size": 50})


def test_the_organism_follows_what_it_is_told_and_its_measure_sees_it(organism: tuple[Path, Result]) -> None:
    folder, result = organism
    found: InstrumentFound = result.of(Instrument)
    block = found.root["answers"]
    assert block.told_for.mean == 1.0  # the grammar's own descriptions decide its answers
    assert block.told_against.mean == 0.0
    assert block.for_minus_against.mean == 1.0
    assert block.for_minus_against.n == 4  # two questions of two values
    assert set(block.by_value) == {"power", "benevolence"}
    assert sees(block.for_minus_against) is True
    assert read_result(folder).of(Instrument) == found
    content = json.loads((folder / "summary.json").read_text())
    assert content["instrument"]["answers"]["for_minus_against"]["mean"] == 1.0
    assert content["methods"]["vape"]["ceiling_share"] is not None
    page = (folder / "report.html").read_text()
    assert "What the measures can see" in page
    assert "the measure can tell" in page
    assert (folder / "figures" / "instrument.svg").is_file()


def test_where_the_measure_sees_nothing_no_method_is_judged(tmp_path: Path) -> None:
    result = asked(save_tiny_model(tmp_path / "model"), tmp_path / "run")
    block = result.of(Instrument).root["answers"]
    assert block.for_minus_against.mean == 0.0  # a random model says nothing that could be judged as biased
    page = (tmp_path / "run" / "report.html").read_text()
    assert "no method is judged by it" in page
    assert "the measure cannot tell here" in page
    assert "clear of random</span>" not in page


@pytest.mark.parametrize(
    ("estimate", "seen"),
    [
        (None, None),
        (Estimate(0.2, None, None, 1), None),
        (Estimate(0.2, 0.01, 0.4, 9), True),
        (Estimate(0.2, 0.0, 0.4, 9), False),
        (Estimate(-0.5, -0.6, -0.4, 9), False),
    ],
)
def test_a_measure_sees_what_lies_above_nothing_with_its_whole_interval(
    estimate: Estimate | None, seen: bool | None
) -> None:
    assert sees(estimate) is seen


def test_its_questions_are_counted_from_one() -> None:
    with pytest.raises(SpecError, match=r"instrument\.questions"):
        make_spec(dilemma_spec("organism", instrument={"questions": 0}), "tiny")
