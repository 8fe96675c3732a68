"""The strength of an edit: from nothing over all of it to more, on the line between m and the edited m."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import torch
from edit_samples import PROMPTS, hooks_on, logits_of, some_neurons
from tiny_models import tiny_model

from valuescope.edit import Amplify, Deactivate, Edit, EditBank, EditError, Modulate, edited, load_edit
from valuescope.edit.session import _KEPT_EDITS
from valuescope.locate import NeuronSet
from valuescope.models import ModelIdentity, NeuronModel, encode, left_pad

STRENGTHS = (0.0, 0.25, 0.5, 1.0, 1.5, 3.0)
RECORDED = "b9c94e1805ea4f8e8343136757ae3c7c752a402b7c304739095d617463d057cc"


@cache
def loaded(family: str = "llama", dtype: torch.dtype = torch.float32) -> NeuronModel:
    return tiny_model(family, dtype)


@pytest.fixture
def model() -> NeuronModel:
    return loaded()


def kinds(model: NeuronModel) -> list[Edit]:
    neurons = some_neurons(model, 1)
    return [
        Deactivate(neurons),
        Amplify(neurons),
        Amplify(neurons, gamma=0.7, direction="negative", delta_scale=10.0),
        Modulate(neurons),
        Modulate(neurons, beta=0.6, direction="negative"),
    ]


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("number", range(5))
def test_every_slope_moves_along_its_line(model: NeuronModel, number: int, strength: float) -> None:
    edit = kinds(model)[number]
    full, part = edit.slopes(), edit.scaled(strength).slopes()
    m = torch.randn(6, len(full), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(part.apply(m), m + strength * (full.apply(m) - m))
    assert torch.equal(part.layers, full.layers)
    if strength == 0:
        assert part.touched() == ()


@pytest.mark.parametrize("strength", STRENGTHS)
def test_strength_multiplies_beta_and_gamma(model: NeuronModel, strength: float) -> None:
    neurons, aligned = some_neurons(model, 1), some_neurons(model, 2, sign=1)
    for scaled, direct in (
        (Modulate(neurons, beta=0.9), Modulate(neurons, beta=0.9 * strength)),
        (Amplify(aligned, gamma=2.0), Amplify(aligned, gamma=2.0 * strength)),
    ):
        one, other = scaled.scaled(strength).slopes(), direct.slopes()
        torch.testing.assert_close(one.alpha, other.alpha)
        torch.testing.assert_close(one.beta, other.beta)
    torch.testing.assert_close(
        Deactivate(neurons, strength=strength).slopes().alpha,
        torch.full((len(neurons),), 1.0 - strength, dtype=torch.float64),
    )


def test_strength_is_set_and_not_multiplied(model: NeuronModel) -> None:
    edit = Modulate(some_neurons(model, 1))
    assert edit.strength == 1.0
    assert edit.scaled(0.5).scaled(0.5).strength == 0.5
    assert edit.scaled(0.5).scaled(1) == edit
    assert edit.scaled(0.5).neurons is edit.neurons
    assert edit == Modulate(edit.neurons, strength=1)
    for bad in (-0.1, float("nan"), float("inf"), "strong"):
        with pytest.raises(EditError, match="strength must be a finite number >= 0"):
            edit.scaled(bad)  # type: ignore[arg-type]


def test_hash_and_description_tell_strength_only_where_it_is_not_1(model: NeuronModel) -> None:
    for edit in kinds(model):
        assert edit.scaled(1).hash == edit.hash
        assert "strength" not in edit.parameters
        assert "strength" not in edit.describe()
        hashes = {edit.scaled(strength).hash for strength in STRENGTHS}
        assert len(hashes) == len(STRENGTHS)
        assert edit.scaled(0.5).describe().endswith("strength 0.5")


def test_hashes_from_before_edits_had_a_strength_still_hold() -> None:
    """Answers are kept under them."""
    identity = ModelIdentity("a-model", None, "0" * 32, layers=3, width=48)
    numbers = [torch.tensor(values) for values in ([0, 2], [3, 5], [0.5, -0.25], [1, -1])]
    neurons = NeuronSet("care", identity, "product", "test", {}, "none", 0, *numbers)
    assert Deactivate(neurons).hash == RECORDED


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 2.5])
def test_a_saved_strength_comes_back(model: NeuronModel, tmp_path: Path, strength: float) -> None:
    for edit in kinds(model):
        path = edit.scaled(strength).save(tmp_path / "care.json")
        content = json.loads(path.read_text())
        assert content["parameters"].get("strength", 1.0) == strength
        assert ("strength" in content["parameters"]) == (strength != 1)
        again = load_edit(path)
        assert (again.strength, again.hash) == (strength, edit.scaled(strength).hash)
    path.write_text(json.dumps({**content, "parameters": {**content["parameters"], "strength": 0.7}}))
    with pytest.raises(EditError, match="'hash'"):
        load_edit(path)


@pytest.mark.parametrize("family", ["llama", "gpt2", "bloom"])
def test_half_a_deactivation_is_half_the_weights(family: str) -> None:
    model = loaded(family)
    batch = left_pad(model, encode(model, PROMPTS))
    edit = Deactivate(some_neurons(model, 1))
    base = logits_of(model, batch)
    with edited(model, edit.scaled(0.5)):
        hooked = logits_of(model, batch)
    scale = {layer: edit.slopes().at(layer).indices for layer in range(model.layers)}
    originals = [model.value_vectors(layer).clone() for layer in scale]
    try:
        with torch.no_grad():
            for layer, indices in scale.items():
                model.value_vectors(layer)[indices] *= 0.5
        weights = logits_of(model, batch)
    finally:
        with torch.no_grad():
            for layer, original in enumerate(originals):
                model.value_vectors(layer).copy_(original)
    assert torch.equal(hooked, weights), "0.5 is a power of two: exact"
    assert float((hooked - base).abs().max()) > 0.1
    with edited(model, edit):
        assert not torch.equal(logits_of(model, batch), hooked)


def test_strength_0_is_the_base_model_without_a_hook(model: NeuronModel) -> None:
    batch = left_pad(model, encode(model, PROMPTS))
    base = logits_of(model, batch)
    nothing = [edit.scaled(0) for edit in kinds(model)]
    for edits in (nothing[0], nothing[:4]):
        with edited(model, edits) as session:
            assert session.layers == ()
            assert hooks_on(model) == []
            assert torch.equal(logits_of(model, batch), base)


def test_rows_may_have_the_same_edit_at_different_strengths(model: NeuronModel) -> None:
    batch = left_pad(model, encode(model, PROMPTS))
    rows = [Modulate(some_neurons(model, 1)).scaled(strength) for strength in (0.0, 0.5, 1.0, 2.0)]
    with edited(model, rows):
        together = logits_of(model, batch)
    for row, edit in enumerate(rows):
        with edited(model, edit):
            real = batch.attention_mask[row].bool()
            assert torch.equal(together[row][real], logits_of(model, batch)[row][real])


def test_a_bank_forgets_what_was_not_asked_for_in_a_long_time(model: NeuronModel) -> None:
    """A server is asked for any strength: tables of all of them would fill the memory."""
    neurons: NeuronSet = some_neurons(model, 1)
    batch = left_pad(model, encode(model, PROMPTS))
    bank = EditBank(model)
    first = Modulate(neurons, strength=0.3)
    with bank.session(first).active():
        expected = logits_of(model, batch)
    kept = bank.session([first, None, first, None])
    for number in range(3 * _KEPT_EDITS):
        bank.session([Modulate(neurons, strength=1 + number / 100), None])
        assert len(bank._tables) <= _KEPT_EDITS + 2
    assert first not in bank._tables
    with kept.active():
        assert torch.equal(logits_of(model, batch)[0], expected[0])
    with bank.session(first).active():
        assert torch.equal(logits_of(model, batch), expected)
    many: list[Edit | None] = [Modulate(neurons, strength=1 + n / 1000) for n in range(3 * _KEPT_EDITS)]
    assert bank.session(many).rows == len(many)


def test_only_the_layers_of_the_rows_own_edits_get_hooks(model: NeuronModel) -> None:
    """Not those of other edits that the bank knows: base rows cost nothing because somebody edits later."""
    bank = EditBank(model, kinds(model))
    for edit in kinds(model):
        bank.session([edit, None])
    assert bank.session([None, None]).layers == ()
    assert bank.session(None).layers == ()
    assert bank.session([kinds(model)[0].scaled(0), None]).layers == ()
    assert bank.session([None, kinds(model)[0]]).layers == (0, 1, 2)


def test_the_scope_of_a_row_without_an_edit_says_nothing(model: NeuronModel) -> None:
    batch = left_pad(model, encode(model, PROMPTS))
    edit = Modulate(some_neurons(model, 1))
    bank = EditBank(model)
    # No mask of answer tokens is needed where no edit asks for one.
    with bank.session([edit, None, edit, None], ["both", "response", "both", "prompt"]).active():
        mixed = logits_of(model, batch)
    with edited(model, [edit, None, edit, None]):
        assert torch.equal(mixed, logits_of(model, batch))
    with (
        bank.session([edit, None, edit, None], ["both", "both", "response", "both"]).active(),
        pytest.raises(EditError, match="on='response'"),
    ):
        logits_of(model, batch)
