"""Batch sizes that are left open: the fastest that fits is taken, and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from cost_samples import SteadyEstimator
from run_samples import dilemma_spec, save_tiny_model, summary_bytes

from valuescope.lab.spec import AUTO, UNTIMED
from valuescope.run import SpecError, estimator, make_spec, read_spec, run
from valuescope.run.batch_size import fastest, with_batch_sizes
from valuescope.run.estimator import SIZES
from valuescope.run.pace import Curve
from valuescope.run.plan import plan_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def content(model: Path) -> dict[str, Any]:
    left_open = dilemma_spec(model)
    left_open["activations"]["batch_size"] = left_open["generate"]["batch_size"] = AUTO
    left_open["data"]["parameters"]["questions"] = 40
    return left_open


class WastefulAbove32(SteadyEstimator):
    """A step costs the same up to 32 rows, and far more with more of them."""

    step = Curve(((1, 0.01), (32, 0.01), (64, 1.0), (128, 10.0)))


def test_the_fastest_is_taken(content: dict[str, Any]) -> None:
    spec, notes = with_batch_sizes(make_spec(content, "t"), WastefulAbove32(make_spec(content, "t")))
    assert spec.generate.batch_size == 32
    assert spec.activations.batch_size in SIZES
    assert notes[1].startswith("generate.batch_size: 32 (the run would take 8: ")


def test_of_like_times_the_smaller_size() -> None:
    assert fastest([8, 16, 32], [10.0, 9.9, 9.85]) == 8
    assert fastest([8, 16, 32], [10.0, 9.0, 8.95]) == 16


def test_what_does_not_fit_is_not_timed(content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = make_spec(content, "t")
    free = SteadyEstimator(spec)
    assert free.asking_sizes(plan_of(spec)) == list(SIZES)
    monkeypatch.setattr(estimator, "free_bytes", lambda device: 1_000_000)
    tight = SteadyEstimator(spec)
    assert tight.asking_sizes(plan_of(spec)) == [8, 16]
    monkeypatch.setattr(estimator, "free_bytes", lambda device: 10)
    assert SteadyEstimator(spec).asking_sizes(plan_of(spec)) == [1]


def test_numbers_stay(model: Path) -> None:
    spec = make_spec(dilemma_spec(model), "t")
    assert with_batch_sizes(spec, SteadyEstimator(spec)) == (spec, [])


@pytest.mark.parametrize("size", [0, -1, "many", 2.5, True, None])
def test_what_is_no_batch_size(model: Path, size: Any) -> None:
    wrong = dilemma_spec(model)
    wrong["generate"]["batch_size"] = size
    with pytest.raises(
        SpecError,
        match=r"generate\.batch_size: give a whole number from 1 to 2147483647, or auto \(given: .*\)",
    ):
        make_spec(wrong, "t")


def test_without_a_model_it_is_planned_with_a_number(content: dict[str, Any]) -> None:
    spec = make_spec(content, "t")
    assert {ask.batch_size for _, ask, _ in plan_of(spec).distinct()} == {UNTIMED}


def test_a_run_settles_it_once(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec(content, "t")
    run(spec, tmp_path)
    resolved = yaml.safe_load((tmp_path / "spec.yaml").read_text())
    sizes = resolved["activations"]["batch_size"], resolved["generate"]["batch_size"]
    assert all(isinstance(size, int) for size in sizes)
    before = summary_bytes(tmp_path)
    for path in sorted((tmp_path / "asks").glob("*/000000.json"))[:5]:
        path.unlink()
    (tmp_path / "summary.json").unlink()

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("timed again")

    monkeypatch.setattr(estimator, "measure_pace", refuse)
    run(spec, tmp_path)
    assert summary_bytes(tmp_path) == before
    assert read_spec(tmp_path / "spec.yaml").generate.batch_size == sizes[1]  # type: ignore[attr-defined]
