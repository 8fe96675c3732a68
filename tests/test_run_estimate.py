"""What a run will cost, said before it starts."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARED
from cost_samples import SteadyEstimator
from run_samples import dilemma_spec, pairs_spec, rows_in, save_tiny_model, write_conva
from transformers import AutoTokenizer

from valuescope.files import sha256_of
from valuescope.lab.model_spec import ModelSpec
from valuescope.run import Estimator, Spec, SpecError, estimate, estimator, read_spec, run
from valuescope.run.estimate import Cost
from valuescope.run.model_size import weights_are_here
from valuescope.run.pace import NOTHING, Range
from valuescope.run.plan import EXPERIMENTS, plan_of, planned_asks
from valuescope.run.price import ask_seconds, batches_of, reading_batches, text_lengths
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
def test_without_weights_there_is_no_time(
    specs: dict[str, Spec], model: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = model / "model.safetensors"
    hidden = weights.rename(model / "hidden")
    try:
        cost = estimate(specs[name])
    finally:
        hidden.rename(weights)
    assert cost.model_bytes > 0
    assert cost.answers > 0
    assert cost.seconds is None
    assert cost.lines()[-1].endswith("not told: it is timed on the loaded model, whose weights are not here")


def test_weights_larger_than_the_memory_are_not_loaded(
    specs: dict[str, Spec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimator, "free_bytes", lambda device: 1000)
    assert estimate(specs["pairs"]).seconds is None


def test_weights_are_found_where_they_are(model: Path, tmp_path: Path) -> None:
    assert weights_are_here(ModelSpec(id=str(model)))
    assert weights_are_here(ModelSpec(id="organism"))
    (tmp_path / "config.json").write_text((model / "config.json").read_text())
    assert not weights_are_here(ModelSpec(id=str(tmp_path)))
    assert not weights_are_here(ModelSpec(id="nobody/has-this-model"))


def padded(rows: list[Any]) -> tuple[int, int]:
    return len(rows), max(len(row.input_ids) for row in rows)


@pytest.mark.parametrize("name", ["plain", "pairs"])
def test_the_priced_batches_are_those_of_the_run(
    specs: dict[str, Spec], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every batch that the run puts through the model, noted where it is padded, is one that the price counts."""
    ran: dict[str, list[tuple[int, int]]] = {
        "generate.batch": [],
        "generate.readings": [],
        "activations.collect": [],
    }
    for place, seen in ran.items():
        module = import_module(f"valuescope.{place}")
        monkeypatch.setattr(
            module,
            "left_pad",
            lambda m, rows, seen=seen, pad=module.left_pad: seen.append(padded(rows)) or pad(m, rows),
        )
    run(specs[name], tmp_path)
    plan, tokens = plan_of(specs[name]), Estimator(specs[name]).tokens
    asks = [ask for _, ask, _ in plan.distinct()]
    answered = [
        (batch.rows, batch.longest) for ask in asks if not ask.pairs for batch in batches_of(ask, tokens)
    ]
    assert sorted(answered) == sorted(ran["generate.batch"])
    scored = [
        (batch.rows, batch.longest - 1) for ask in asks if ask.pairs for batch in batches_of(ask, tokens)
    ]
    noted = Counter(ran["generate.readings"])  # of answers too, where their likelihood is the judge
    assert not Counter(scored) - noted
    assert len(ran["generate.readings"]) == len(scored) + (len(answered) if name == "pairs" else 0)
    how = specs[name].activations
    lengths = text_lengths(plan.reading.texts, tokens.lengths)
    parts = [lengths[start : start + how.part] for start in range(0, len(lengths), how.part)]
    read = [(batch.rows, batch.longest) for part in parts for batch in reading_batches(part, how.rows)]
    assert read == ran["activations.collect"]


def test_the_price_is_the_sum_over_batches_and_steps(specs: dict[str, Spec]) -> None:
    """The same by hand: a millisecond per padded token, and per row in each decoding step."""
    pricing = SteadyEstimator(specs["dilemma"])
    plan = plan_of(specs["dilemma"])
    pace, tokens = pricing.pace(plan), pricing.tokens
    size = specs["dilemma"].generate.rows
    for _, ask, _ in plan.distinct():
        low = middle = high = 0.0
        for start in range(0, len(ask.items), size):
            rows = ask.items[start : start + size]
            padding = max(tokens[item][0] for item in rows) * len(rows) * 0.001
            # of answers that end at 3 or 6 the longest of r is 3 in one case of 2 ** r, and of three with one more at 6
            thirds = 6 - 3 * (1 / 3) ** len(rows)
            for place, steps in enumerate((3.0, 6 - 3 * 0.5 ** len(rows), thirds)):
                seconds = padding + (steps - 1) * len(rows) * 0.001
                low, middle, high = (
                    low + seconds * (place == 0),
                    middle + seconds * (place == 1),
                    high + seconds * (place == 2),
                )
        found = ask_seconds(ask, tokens, pace, scored=False)
        assert (found.low, found.middle, found.high) == pytest.approx((low, middle, high))


def test_parts_cost_what_they_ask_first(specs: dict[str, Spec]) -> None:
    cost = SteadyEstimator(specs["plain"]).cost(specs["plain"])
    assert {"activations", "locate", "adapters", "effects", "leakage"} <= set(cost.parts)
    assert cost.parts["adapters"].high == 0
    assert cost.seconds is not None
    assert cost.seconds.middle == pytest.approx(sum(part.middle for part in cost.parts.values()))
    assert all(part.low <= part.middle <= part.high for part in cost.parts.values())
    searching = SteadyEstimator(specs["dilemma"]).cost(specs["dilemma"])
    assert searching.parts["effects"].low < searching.parts["effects"].middle


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
    parts = {"effects": Range(3000, 4000, 6000), "leakage": Range(900, 1000, 2000), "adapters": NOTHING}
    cost = Cost(
        1_195_849, 120, 4_800, 16_000_000_000, 8_000_000, 52_000, "cuda", parts, 12.0, uncounted=("ability",)
    )
    lines = cost.lines()
    assert [line.split()[0] for line in lines] == [
        "texts",
        "answers",
        "memory",
        "time",
        "effects",
        "leakage",
        "not",
    ]
    assert "1,195,849 tokens" in lines[0]
    assert "120 (up to 4,800 tokens)" in lines[1]
    assert "16.0 GB (weights 16.0 GB, counters 8 MB, largest batch 52 KB)" in lines[2]
    assert lines[3].endswith("83 min (65 min to 2.2 h) on cuda, timed in 12 s")
    assert lines[4].endswith("67 min (50 min to 1.7 h)")
    assert lines[6] == "  not in the time: what ability do beside asking"


@pytest.mark.skipif(not (SHARED / "data/conva").is_dir(), reason="reference data data/conva is not present")
def test_the_shipped_specification_can_be_estimated(model: Path) -> None:
    path = Path(__file__).resolve().parents[1] / "specs" / "neva-conva.yaml"
    spec = read_spec(path, **{"model.id": str(model), "data.parameters.folder": str(SHARED / "data/conva")})
    cost = estimate(spec)
    assert cost.read_tokens > 100_000
    assert cost.answers > 0
