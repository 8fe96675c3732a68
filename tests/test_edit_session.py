"""Edits on a running model, on every family: right numbers in the right places, nothing left behind."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
import torch
from edit_samples import PROMPTS, by_the_papers, forward, hooks_on, logits_of, neuron_set, part, some_neurons
from tiny_models import FAMILIES, tiny_hf_model, tiny_model, tiny_tokenizer
from torch import Tensor

from valuescope.edit import Amplify, Deactivate, Edit, EditError, Modulate, edited, weights_edited
from valuescope.locate import NeuronSetError
from valuescope.models import Batch, NeuronModel, encode, left_pad, site_hooks, wrap_model

# Largest difference between logits (of size 4) that another batch shape, a cache or another order of the same
# arithmetic may make. Measured on a CPU: 6e-6 in float32, 7e-2 in bfloat16, whose steps at 4 are 3e-2 wide.
TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 1.5e-1}
DTYPES = tuple(TOLERANCE)
ANSWERS = (" and follow the rule", " never", " will win the money today", " be calm")


@cache
def loaded(family: str, dtype: torch.dtype = torch.float32) -> NeuronModel:
    return tiny_model(family, dtype)


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Iterator[NeuronModel]:
    model = loaded(request.param)
    yield model
    assert hooks_on(model) == []


def padded(model: NeuronModel) -> Batch:
    return left_pad(model, encode(model, PROMPTS, ANSWERS))


def four_edits(model: NeuronModel) -> list[Edit | None]:
    """One row each: every kind of edit, and none."""
    return [
        Deactivate(some_neurons(model, 1)),
        None,
        Amplify(some_neurons(model, 2)),
        Modulate(some_neurons(model, 3), direction="negative"),
    ]


def largest(difference: Tensor, batch: Batch) -> float:
    """Largest absolute difference over the tokens that are not padding."""
    return float(difference[batch.attention_mask.bool()].abs().max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_hook_does_what_the_papers_say(family: str, dtype: torch.dtype) -> None:
    model = loaded(family, dtype)
    batch = padded(model)
    base = logits_of(model, batch)
    for edit in four_edits(model):
        if edit is None:
            continue
        with edited(model, edit):
            ours = logits_of(model, batch)
        with site_hooks(model, product=lambda layer, m, edit=edit: by_the_papers(edit, m, layer)):
            reference = logits_of(model, batch)
        assert largest(ours - reference, batch) <= TOLERANCE[dtype]
        assert largest(ours - base, batch) > 0.5, "the edit must matter for this test to mean anything"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_restored_equals_never_touched(family: str, dtype: torch.dtype) -> None:
    model = loaded(family, dtype)
    batch = padded(model)
    base = logits_of(model, batch)
    for edits in (*four_edits(model), four_edits(model)):
        with edited(model, edits) as session:
            logits_of(model, batch)
            assert bool(hooks_on(model)) == bool(session.layers)
        assert hooks_on(model) == []
        assert torch.equal(logits_of(model, batch), base)
    with pytest.raises(KeyError), edited(model, four_edits(model)):
        raise KeyError
    with pytest.raises(EditError), edited(model, four_edits(model)[:3]):
        logits_of(model, batch)
    assert hooks_on(model) == []
    assert torch.equal(logits_of(model, batch), base)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_row_batched_equals_one_at_a_time_and_batched_equals_single(family: str, dtype: torch.dtype) -> None:
    model = loaded(family, dtype)
    batch = padded(model)
    rows = four_edits(model)
    with edited(model, rows):
        together = logits_of(model, batch)
    for row, edit in enumerate(rows):
        real = batch.attention_mask[row].bool()
        with edited(model, edit):
            same_shape = logits_of(model, batch)
            alone = logits_of(model, left_pad(model, encode(model, [PROMPTS[row]], [ANSWERS[row]])))
        assert torch.equal(together[row][real], same_shape[row][real]), "the neighbours' edits leak"
        assert float((together[row][real] - alone[0]).abs().max()) <= TOLERANCE[dtype]


@pytest.mark.parametrize("on", ["both", "prompt", "response"])
def test_scope_and_cache(model: NeuronModel, on: str) -> None:
    """A whole pass equals the masked formula, and the same text fed in three pieces through the KV cache."""
    batch = padded(model)
    rows = four_edits(model)

    def reference(layer: int, m: Tensor) -> Tensor:
        result = m.clone()
        for row, edit in enumerate(rows):
            if edit is not None:
                wanted = {
                    "both": torch.ones_like(batch.response_mask[row]),
                    "prompt": ~batch.response_mask[row],
                    "response": batch.response_mask[row],
                }[on]
                result[row] = torch.where(wanted[:, None], by_the_papers(edit, m[row], layer), m[row])
        return result

    with site_hooks(model, product=reference):
        expected = logits_of(model, batch)
    with edited(model, rows, on=on) as session:  # type: ignore[arg-type]
        session.response_mask = batch.response_mask
        whole = logits_of(model, batch)
        past, pieces = None, []
        length = batch.input_ids.shape[1]
        for start, stop in ((0, length - 4), (length - 4, length - 3), (length - 3, length)):
            piece = part(batch, slice(start, stop))
            session.response_mask = piece.response_mask
            output = forward(model, piece, past_key_values=past, use_cache=True)
            past = output.past_key_values
            pieces.append(output.logits)
    assert largest(whole - expected, batch) <= TOLERANCE[torch.float32]
    assert largest(torch.cat(pieces, dim=1) - expected, batch) <= TOLERANCE[torch.float32]
    if on != "both":
        with edited(model, rows):
            assert largest(logits_of(model, batch) - expected, batch) > 0.1


def test_only_touched_layers_get_hooks(model: NeuronModel) -> None:
    edit = Deactivate(neuron_set(model, [1, 1], [0, 5], scores=[1.0, 1.0], signs=[1, 1]))
    with edited(model, [edit, None]) as session:
        assert session.layers == (1,)
        touched = hooks_on(model)
        assert touched
        assert all(name.startswith(model.sites[1].decoder) for name in touched)
    with edited(model, None), edited(model, [None, None]):
        assert hooks_on(model) == []


def test_nested_blocks_apply_one_after_the_other() -> None:
    model = loaded("llama")
    batch = padded(model)
    first, second = Amplify(some_neurons(model, 1)), Modulate(some_neurons(model, 1))
    with site_hooks(
        model, product=lambda layer, m: by_the_papers(second, by_the_papers(first, m, layer), layer)
    ):
        expected = logits_of(model, batch)
    with edited(model, first), edited(model, second):
        both = logits_of(model, batch)
    assert largest(both - expected, batch) <= TOLERANCE[torch.float32]


def test_gradients_pass_through_an_edit_first_met_without_them() -> None:
    model = loaded("llama", torch.bfloat16)  # not the tables' own type: they are converted at first use
    batch = padded(model)
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    with edited(model, Modulate(some_neurons(model, 1))):
        with torch.inference_mode():
            model.model(**inputs)
        model.model(**inputs).logits.sum().backward()
    weight = next(model.model.parameters())
    assert weight.grad is not None
    assert bool(weight.grad.isfinite().all())
    model.model.zero_grad()


def test_another_models_neurons_are_refused_unless_forced() -> None:
    model, other = loaded("llama"), loaded("gpt_neox")
    stranger = Deactivate(some_neurons(other, 1))
    with pytest.raises(NeuronSetError, match=r"tiny-gpt_neox.*tiny-llama"), edited(model, stranger):
        pass
    with pytest.raises(NeuronSetError), edited(model, [None, stranger]):
        pass
    batch = padded(model)
    mine = Deactivate(
        neuron_set(
            model, *(getattr(stranger.neurons, name) for name in ("layers", "indices", "scores", "signs"))
        )
    )
    with edited(model, mine):
        expected = logits_of(model, batch)
    with edited(model, stranger, force=True):
        assert torch.equal(logits_of(model, batch), expected)


def test_calls_that_cannot_mean_anything_are_refused() -> None:
    model = loaded("llama")
    batch = padded(model)
    edit = Deactivate(some_neurons(model, 1))
    with edited(model, [edit, None]), pytest.raises(EditError, match=r"2 edits were.*batch has 4 rows"):
        logits_of(model, batch)
    with pytest.raises(EditError, match="an empty sequence of edits"), edited(model, []):
        pass
    with pytest.raises(EditError, match="is not an edit"), edited(model, [edit.neurons]):  # type: ignore[list-item]
        pass
    with (
        pytest.raises(EditError, match="both, prompt, response, it is 'answer'"),
        edited(model, edit, on="answer"),
    ):  # type: ignore[arg-type]
        pass
    for on in ("prompt", "response"):
        with pytest.raises(EditError, match=r"set session\.response_mask"), edited(model, edit, on=on):  # type: ignore[arg-type]
            logits_of(model, batch)
    for wrong in (batch.response_mask[:, :-1], batch.response_mask.long()):
        with edited(model, edit, on="response") as session:
            session.response_mask = wrong
            with pytest.raises(EditError, match="set it anew before each forward pass"):
                logits_of(model, batch)
    assert hooks_on(model) == []


def test_one_lock_per_model_however_it_is_wrapped() -> None:
    bare = tiny_hf_model("llama")
    first, second = (wrap_model(bare, tiny_tokenizer(), check=False) for _ in range(2))
    assert first.lock is second.lock is first.lock
    copied = copy.deepcopy(first)
    assert copied.lock is not first.lock
    seen = weakref.ref(bare)
    del bare, first, second
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("block", ["hooks", "edits", "weights"])
def test_other_threads_wait_for_the_end_of_a_block(block: str) -> None:
    model = loaded("llama")
    edit = Deactivate(some_neurons(model, 1))
    batch = padded(model)
    base = logits_of(model, batch)
    blocks = {
        "hooks": site_hooks(model),
        "edits": edited(model, edit),
        "weights": weights_edited(model, edit),
    }

    def in_a_block_of_its_own() -> Tensor:
        with edited(model, None):
            return logits_of(model, batch)

    with ThreadPoolExecutor(1) as pool:
        with blocks[block]:
            other = pool.submit(in_a_block_of_its_own)
            with pytest.raises(TimeoutError):
                other.result(0.05)
            with edited(model, edit):  # the same thread may nest them
                pass
        assert torch.equal(other.result(60), base)
