"""Adapters of low rank: trained, saved, answered with, and taken off again."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import tiny_model

from valuescope.generate import Sampling, generate
from valuescope.models import NeuronModel, encode, forward_inputs, left_pad
from valuescope.tune import Adapter, LoraTraining, TrainingText, TuneError, applied, train_adapter

pytest.importorskip("peft")

TEXTS = [
    TrainingText("should we share the work", " we should help our family"),
    TrainingText("do they keep the rule", " they always obey the rule"),
    TrainingText("would you travel at night", " i would rest at home"),
    TrainingText("can she lead the people", " she should lead and be fair"),
    TrainingText("is money a duty", " money and power are not a duty"),
]
HOW = LoraTraining(rate=1e-2, epochs=6, batch_size=2, accumulate=2)


def logits_of(model: NeuronModel) -> torch.Tensor:
    batch = left_pad(model, encode(model, ["we share the work and rest", "they keep calm"]))
    with torch.no_grad():
        found: torch.Tensor = model.model(**forward_inputs(model, batch)).logits
    return found


def module_ids(model: NeuronModel) -> dict[str, int]:
    return {name: id(module) for name, module in model.model.named_modules()}


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return tiny_model("llama")


@pytest.fixture(scope="module")
def adapter(model: NeuronModel, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    return train_adapter(model, "power", TEXTS, tmp_path_factory.mktemp("tune") / "power", HOW, seed=3)


def test_training_lowers_the_loss_on_its_texts(adapter: Adapter) -> None:
    assert len(adapter.losses) == HOW.epochs
    assert adapter.losses[-1] < adapter.losses[0] - 0.5


def test_the_loss_is_that_of_the_answer_and_its_end(model: NeuronModel, tmp_path: Path) -> None:
    one = train_adapter(
        model, "power", TEXTS[:1], tmp_path / "one", LoraTraining(dropout=0.0, epochs=1), seed=0
    )
    whole = encode(model, [TEXTS[0].prompt], [TEXTS[0].answer])[0]
    ids = torch.tensor([[*whole.input_ids, model.tokenizer.eos_token_id]])
    with torch.no_grad():
        scores = model.model(ids).logits[0].log_softmax(-1)
    places = range(whole.prompt_length, ids.shape[1])
    expected = -sum(float(scores[place - 1, ids[0, place]]) for place in places) / len(places)
    assert one.losses[0] == pytest.approx(expected, rel=1e-5)  # a new adapter adds nothing yet


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt"])
def test_the_model_is_what_it_was_after_training_and_answering(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    before, modules, names = logits_of(model), module_ids(model), set(vars(model.model))
    weights = {name: one.clone() for name, one in model.model.state_dict().items()}
    marks = [one.requires_grad for one in model.model.parameters()]
    adapter = train_adapter(model, "power", TEXTS, tmp_path / "power", HOW)
    with applied(model, adapter):
        assert not torch.equal(logits_of(model), before)
    with pytest.raises(KeyError), applied(model, adapter):
        raise KeyError
    assert torch.equal(logits_of(model), before)
    assert module_ids(model) == modules
    assert set(vars(model.model)) == names
    assert [one.requires_grad for one in model.model.parameters()] == marks
    assert not model.model.training
    after = model.model.state_dict()
    assert after.keys() == weights.keys()
    assert all(torch.equal(after[name], one) for name, one in weights.items())


def test_the_same_seed_gives_the_same_adapter_and_leaves_chance_alone(
    model: NeuronModel, adapter: Adapter, tmp_path: Path
) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    again = train_adapter(model, "power", TEXTS, tmp_path / "again", HOW, seed=3)
    with applied(model, again):
        pass
    assert torch.equal(torch.rand(3), expected)
    other = train_adapter(model, "power", TEXTS, tmp_path / "other", HOW, seed=4)
    assert (again.hash, again.losses) == (adapter.hash, adapter.losses)
    assert other.hash != adapter.hash


def test_a_saved_adapter_gives_the_same_logits_in_another_copy_of_the_model(
    model: NeuronModel, adapter: Adapter
) -> None:
    with applied(model, adapter):
        found = logits_of(model)
    copy = tiny_model("llama")
    loaded = Adapter.load(adapter.folder)
    assert loaded == adapter
    with applied(copy, loaded):
        assert torch.equal(logits_of(copy), found)


def test_strength_scales_what_it_adds(model: NeuronModel, adapter: Adapter) -> None:
    base = logits_of(model)
    moved = []
    for strength in (0.0, 0.25, 1.0):
        with applied(model, adapter.with_strength(strength)):
            moved.append(float((logits_of(model) - base).abs().mean()))
    assert moved[0] == 0.0
    assert 0 < moved[1] < moved[2]
    with pytest.raises(TuneError, match="give 0 or more"):
        adapter.with_strength(-1.0)


def test_it_answers_as_it_was_taught(model: NeuronModel, tmp_path: Path) -> None:
    taught = train_adapter(
        model, "power", TEXTS[:2], tmp_path / "taught", LoraTraining(rate=2e-2, epochs=40, dropout=0.0)
    )
    prompts = [text.prompt for text in TEXTS[:2]]
    sampling = Sampling(10, 0.0)
    with applied(model, taught):
        answers = generate(model, prompts, sampling=sampling)
    assert [one.text.strip() for one in answers] == [text.answer.strip() for text in TEXTS[:2]]
    assert all(one.finished for one in answers)


def test_another_model_is_refused(adapter: Adapter) -> None:
    other = tiny_model("qwen2")
    before = module_ids(other)
    with pytest.raises(TuneError, match="was trained in"), applied(other, adapter):
        pass
    assert module_ids(other) == before


def test_damaged_files_are_refused(model: NeuronModel, tmp_path: Path) -> None:
    adapter = train_adapter(model, "power", TEXTS[:1], tmp_path / "a", LoraTraining(epochs=1))
    assert json.loads((tmp_path / "a" / "adapter.json").read_text())["training"]["texts"] == 1
    weights = adapter.folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(TuneError, match="not the weights"):
        Adapter.load(adapter.folder)
    with pytest.raises(TuneError, match="train it again"):
        Adapter.load(tmp_path / "nowhere")


def test_what_cannot_be_learnt_is_said(
    model: NeuronModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TuneError, match="0 texts to learn"):
        train_adapter(model, "power", [], tmp_path / "a")
    with pytest.raises(TuneError, match="epochs is 0"):
        LoraTraining(epochs=0)
    real = builtins.__import__

    def without(name: str, *more: Any, **also: Any) -> Any:
        if name == "peft":
            raise ImportError(name)
        return real(name, *more, **also)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TuneError, match=r'pip install "valuescope\[sft\]"'):
        train_adapter(model, "power", TEXTS, tmp_path / "a")
