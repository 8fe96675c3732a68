"""Edits in the weights: equal to the hook where weights can express them, refused where not, restored."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import torch
from edit_samples import PROMPTS, logits_of, some_neurons
from safetensors.torch import load_file
from tiny_models import FAMILIES, tiny_model

from valuescope.edit import (
    Amplify,
    Deactivate,
    EditError,
    Modulate,
    edited,
    export_edited,
    load_edit,
    weights_edited,
)
from valuescope.locate import NeuronSetError
from valuescope.models import Batch, NeuronModel, encode, left_pad, load_model

# Logits of size 4 after a constant factor of 1.2 to 2: m * c against v * c. Measured 4e-6 and 9e-2.
SCALED = {torch.float32: 2e-5, torch.bfloat16: 2e-1}


@cache
def loaded(family: str, dtype: torch.dtype) -> NeuronModel:
    return tiny_model(family, dtype)


def batch_of(model: NeuronModel) -> Batch:
    return left_pad(model, encode(model, PROMPTS))


def parameters_of(model: NeuronModel) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.model.state_dict().items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("family", FAMILIES)
def test_zeroing_by_hook_equals_zeroing_the_weights_exactly(family: str, dtype: torch.dtype) -> None:
    model = loaded(family, dtype)
    batch, edit = batch_of(model), Deactivate(some_neurons(model, 1))
    base = logits_of(model, batch)
    with edited(model, edit):
        hooked = logits_of(model, batch)
    with weights_edited(model, edit):
        assert torch.equal(logits_of(model, batch), hooked)
    assert float((hooked - base).abs().max()) > 0.5
    assert torch.equal(logits_of(model, batch), base)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_constant_factor_by_hook_equals_scaled_weights(family: str, dtype: torch.dtype) -> None:
    model = loaded(family, dtype)
    batch, neurons = batch_of(model), some_neurons(model, 2, sign=1)
    edit = Amplify(neurons, gamma=2.0)
    before, base = parameters_of(model), logits_of(model, batch)
    with edited(model, edit):
        hooked = logits_of(model, batch)
    with weights_edited(model, edit):
        assert float((logits_of(model, batch) - hooked).abs().max()) <= SCALED[dtype]
    assert float((hooked - base).abs().max()) > 0.5
    after = parameters_of(model)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_factor_of_two_is_exact_in_bfloat16(family: str) -> None:
    model = loaded(family, torch.bfloat16)
    batch, neurons = batch_of(model), some_neurons(model, 3, sign=1)
    neurons.scores.fill_(0.5)
    edit = Amplify(neurons, gamma=2.0)
    with edited(model, edit):
        hooked = logits_of(model, batch)
    with weights_edited(model, edit):
        assert torch.equal(logits_of(model, batch), hooked)


def test_a_factor_that_depends_on_the_sign_is_refused_with_the_reason(tmp_path: Path) -> None:
    model = loaded("llama", torch.float32)
    mixed, aligned = some_neurons(model, 1), some_neurons(model, 1, sign=1)
    before = parameters_of(model)
    for edit in (Modulate(aligned), Amplify(mixed), Amplify(aligned, direction="negative")):
        with (
            pytest.raises(EditError, match="factor that depends on the sign of m"),
            weights_edited(model, edit),
        ):
            pass
        with pytest.raises(EditError, match="depends on the sign"):
            export_edited(model, edit, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
    with weights_edited(model, Modulate(aligned, beta=0.0)):  # changes nothing, so there is nothing to refuse
        pass
    with (
        pytest.raises(NeuronSetError),
        weights_edited(model, Deactivate(some_neurons(loaded("gpt2", torch.float32), 1))),
    ):
        pass
    after = parameters_of(model)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_weights_are_restored_after_an_error_inside() -> None:
    model = loaded("gpt2", torch.float32)
    before = parameters_of(model)
    with pytest.raises(KeyError), weights_edited(model, Deactivate(some_neurons(model, 1))):
        raise KeyError
    after = parameters_of(model)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_weights_that_cannot_be_written_are_refused() -> None:
    model = tiny_model("llama")
    edit = Deactivate(some_neurons(model, 1))
    model.model.to("meta")
    with pytest.raises(EditError, match=r"mlp\.down_proj are offloaded"), weights_edited(model, edit):
        pass


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "opt"])
def test_an_exported_model_answers_like_the_edited_one(
    family: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    loaded(family, dtype).model.save_pretrained(tmp_path / "base")
    loaded(family, dtype).tokenizer.save_pretrained(tmp_path / "base")
    model = load_model(str(tmp_path / "base"), dtype=dtype)
    batch, edit = batch_of(model), Deactivate(some_neurons(model, 1))
    base = logits_of(model, batch)
    folder = export_edited(model, edit, tmp_path / "exported")
    assert torch.equal(logits_of(model, batch), base)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["base", "exported"]
    saved = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {dtype}
    exported = load_model(str(folder), dtype=dtype)
    with edited(model, edit):
        assert torch.equal(logits_of(exported, batch_of(exported)), logits_of(model, batch))
    note = json.loads((folder / "valuescope_edit.json").read_text())
    assert note["edit"] == edit.to_dict()
    assert note["base_model"] == model.identity.to_dict()
    assert note["description"] == edit.describe()
    with pytest.raises(NeuronSetError), edited(exported, edit):
        pass
    with pytest.raises(EditError, match="exists already"):
        export_edited(model, edit, folder)


def test_a_saved_edit_can_be_exported(tmp_path: Path) -> None:
    model = loaded("llama", torch.float32)
    Deactivate(some_neurons(model, 1)).save(tmp_path / "care.json")
    edit = load_edit(tmp_path / "care.json")
    assert (
        json.loads((export_edited(model, edit, tmp_path / "out") / "valuescope_edit.json").read_text())[
            "edit"
        ]["hash"]
        == edit.hash
    )
