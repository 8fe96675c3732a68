"""What a run will cost, said before it starts and without its weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARED
from run_samples import dilemma_spec, pairs_spec, rows_in, save_tiny_model, write_conva
from transformers import AutoModelForCausalLM, AutoTokenizer

from valuescope.files import sha256_of
from valuescope.run import Spec, SpecError, estimate, read_spec, run
from valuescope.run.estimate import Cost
from valuescope.run.model_size import matrix_speed
from valuescope.run.plan import EXPERIMENTS, planned_asks
from valuescope.run.registry import asked_parts


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


def plain_spec(model: Path) -> dict[str, Any]:
    """Leakage, curves and doses that share answers, and nothing that is asked only after other answers."""
    content = dilemma_spec(model, pareto={"questions": 2, "floors": [0.9]})
    content["methods"]["valuelocate"].pop("search")
    return content


@pytest.fixture(scope="module")
def specs(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Spec]:
    folder = write_conva(tmp_path_factory.mktemp("conva"))
    contents: dict[str, dict[str, Any]] = {
        "dilemma": dilemma_spec(model),
        "plain": plain_spec(model),
        "pairs": pairs_spec(model, folder),
    }
    return {name: Spec.model_validate(content) for name, content in contents.items()}


def within(factor: float, found: float, real: float) -> bool:
    return real / factor <= found <= real * factor


@pytest.mark.parametrize("name", ["dilemma", "plain", "pairs"])
def test_tokens_and_answers_are_what_the_run_then_takes(
    specs: dict[str, Spec], model: Path, name: str, tmp_path: Path
) -> None:
    cost = estimate(specs[name])
    run(specs[name], tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(str(model))

    def length(*texts: str) -> int:
        return sum(len(tokenizer(text)["input_ids"]) for text in texts)

    material = json.loads((tmp_path / "data/material.json").read_text())
    pairs = {pair["key"]: length(pair["positive"], pair["negative"]) for pair in material["pairs"]}
    rows = rows_in(tmp_path)
    answers = [row for row in rows if "tokens" in row]
    texts = (text["prompt"] + text["answer"] for text in material["texts"])
    read = length(*texts) + sum(pairs[row["key"]] for row in rows if "tokens" not in row)
    assert within(3, cost.read_tokens, read)
    assert within(3, cost.written_tokens, sum(len(row["tokens"]) for row in answers))
    assert cost.written_tokens == cost.answers * 6
    if name == "dilemma":  # a search may find the default, or what it tried
        assert len(answers) <= cost.answers <= 1.2 * len(answers)
    else:
        assert cost.answers == len(answers)
    if name == "pairs":
        assert len(rows) > len(answers)
        assert within(1.1, cost.read_tokens, read)


def test_equal_asks_are_answered_once(specs: dict[str, Spec], tmp_path: Path) -> None:
    """Leakage, curves, doses and the methods themselves share answers; no two asks on disk are of the same rows."""
    asks = planned_asks(asked_parts(specs["plain"]), EXPERIMENTS["methods"].plan(specs["plain"]))
    result = run(specs["plain"], tmp_path)
    assert result.asked is not None
    distinct = {ask.hash: ask for ask in asks}
    assert len(distinct) < len(asks)
    assert len({sha256_of(asdict(ask)) for ask in asks}) == len(distinct)
    folders = [path for path in (tmp_path / "asks").iterdir() if path.is_dir()]
    assert len(folders) == len(distinct)
    assert result.asked.planned == result.asked.asked == sum(len(ask.items) for ask in asks)
    assert result.asked.answered == len(rows_in(tmp_path)) == sum(len(ask.items) for ask in distinct.values())


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
    data = spec.data.model_copy(update={"parameters": {**spec.data.parameters, "questions": 120}})
    many = spec.model_copy(update={"data": data})
    assert batch_bytes(many, 5000) > 10 * batch_bytes(many, 5)
    assert batch_bytes(spec, 5000) == batch_bytes(spec, 50), "no batch has more rows than there are"


def batch_bytes(spec: Spec, size: int) -> int:
    generating = spec.generate.model_copy(update={"batch_size": size})
    return estimate(spec.model_copy(update={"generate": generating})).batch_bytes


def test_scoring_pairs_holds_the_probabilities_of_every_token(specs: dict[str, Spec]) -> None:
    rows, vocabulary = 10, 305  # about; times tokens and four bytes
    assert batch_bytes(specs["pairs"], 1000) > rows * 10 * vocabulary * 4 / 2
    assert batch_bytes(specs["pairs"], 1000) > 2 * batch_bytes(specs["pairs"], 1)


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
