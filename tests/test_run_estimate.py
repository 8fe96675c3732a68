"""What a run will cost, said before it starts and without its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARED
from run_samples import dilemma_spec, pairs_spec, save_tiny_model, write_conva
from transformers import AutoModelForCausalLM, AutoTokenizer
from valuescope.run.experiments import estimate

from valuescope.run import Spec, SpecError, read_spec, run
from valuescope.run.estimate import Cost
from valuescope.run.model_size import matrix_speed


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def specs(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Spec]:
    folder = write_conva(tmp_path_factory.mktemp("conva"))
    contents: dict[str, dict[str, Any]] = {"dilemma": dilemma_spec(model), "pairs": pairs_spec(model, folder)}
    return {name: Spec.model_validate(content) for name, content in contents.items()}


def within(factor: float, found: float, real: float) -> bool:
    return real / factor <= found <= real * factor


@pytest.mark.parametrize("name", ["dilemma", "pairs"])
def test_tokens_and_answers_are_what_the_run_then_takes(
    specs: dict[str, Spec], model: Path, name: str, tmp_path: Path
) -> None:
    spec = specs[name]
    cost = estimate(spec)
    run(spec, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(str(model))
    material = json.loads((tmp_path / "data/material.json").read_text())
    read = sum(len(tokenizer(text["prompt"] + text["answer"])["input_ids"]) for text in material["texts"])
    lengths = {
        pair["key"]: len(tokenizer(pair["positive"])["input_ids"])
        + len(tokenizer(pair["negative"])["input_ids"])
        for pair in material["pairs"]
    }
    answers = written = scored = 0
    for path in (tmp_path / "answers").rglob("*.json"):
        for row in json.loads(path.read_text()):
            if "tokens" in row:
                answers, written = answers + 1, written + len(row["tokens"])
            else:
                scored += 1
                read += lengths[row["key"]]
    assert within(3, cost.read_tokens, read)
    assert within(3, cost.answers, answers)
    assert within(3, cost.written_tokens, written)
    assert cost.written_tokens == cost.answers * 6
    if name == "pairs":
        assert scored > 0
        assert within(1.1, cost.read_tokens, read)
        assert cost.answers == answers


@pytest.mark.parametrize("name", ["dilemma", "pairs"])
def test_no_weights_are_loaded(
    specs: dict[str, Spec], model: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("weights are loaded")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", refuse)
    weights = model / "model.safetensors"
    hidden = weights.rename(model / "hidden")
    try:
        assert estimate(specs[name]).model_bytes > 0
    finally:
        hidden.rename(weights)


def test_weights_weigh_what_they_weigh(specs: dict[str, Spec], model: Path) -> None:
    cost = estimate(specs["dilemma"])
    assert within(1.05, cost.model_bytes, (model / "model.safetensors").stat().st_size)
    half = specs["dilemma"].model_copy(
        update={"model": specs["dilemma"].model.model_copy(update={"dtype": "bfloat16"})}
    )
    assert estimate(half).model_bytes * 2 == cost.model_bytes


def test_more_work_costs_more(specs: dict[str, Spec]) -> None:
    spec = specs["dilemma"]
    cost = estimate(spec)
    longer = estimate(
        spec.model_copy(update={"generate": spec.generate.model_copy(update={"max_new_tokens": 60})})
    )
    assert longer.written_tokens == 10 * cost.written_tokens
    assert longer.seconds > cost.seconds
    draws = estimate(spec.model_copy(update={"controls": spec.controls.model_copy(update={"draws": 6})}))
    assert draws.answers > 1.5 * cost.answers
    wide = estimate(
        spec.model_copy(update={"generate": spec.generate.model_copy(update={"batch_size": 5000})})
    )
    assert wide.batch_bytes > 50 * cost.batch_bytes


def test_scoring_pairs_holds_the_probabilities_of_every_token(specs: dict[str, Spec]) -> None:
    spec = specs["pairs"]
    wide = spec.model_copy(update={"generate": spec.generate.model_copy(update={"batch_size": 1000})})
    vocabulary = 305  # about; times rows, tokens and four bytes
    assert estimate(wide).batch_bytes > 1000 * 10 * vocabulary * 4 / 2


def test_what_the_run_would_refuse_the_estimate_refuses(specs: dict[str, Spec]) -> None:
    content = specs["dilemma"].model_dump(mode="json")
    content["data"]["parameters"]["tuning"] = 0
    with pytest.raises(
        SpecError, match=r"methods\.valuelocate\.search: source organism yields no tuning questions"
    ):
        estimate(Spec.model_validate(content))


def test_said_for_people() -> None:
    cost = Cost(1_195_849, 120, 4_800, 16_000_000_000, 8_000_000, 52_000, 5_000.0, "cuda")
    lines = cost.lines()
    assert [line.split()[0] for line in lines] == ["texts", "answers", "memory", "time"]
    assert "1,195,849 tokens" in lines[0]
    assert "120 (up to 4,800 tokens)" in lines[1]
    assert "16.0 GB (weights 16.0 GB, counters 8 MB, largest batch 52 KB)" in lines[2]
    assert "83 min on cuda" in lines[3]


def test_speed_is_measured() -> None:
    import torch

    assert matrix_speed("cpu", torch.float32) > 1e8


@pytest.mark.skipif(not (SHARED / "data/conva").is_dir(), reason="reference data data/conva is not present")
def test_the_shipped_specification_can_be_estimated(model: Path) -> None:
    path = Path(__file__).resolve().parents[1] / "specs" / "neva-conva.yaml"
    spec = read_spec(path, **{"model.id": str(model), "data.parameters.folder": str(SHARED / "data/conva")})
    cost = estimate(spec)
    assert cost.read_tokens > 100_000
    assert cost.answers > 0
