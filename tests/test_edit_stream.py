"""Edits of the residual stream on a running model: right numbers in the right places, nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import torch
from edit_samples import PROMPTS, by_the_papers, forward, hooks_on, logits_of, part, some_neurons
from steering_samples import some_probes, some_vectors, written_out
from tiny_models import FAMILIES, tiny_model
from torch import Tensor

from valuescope.edit import AddVector, Edit, EditError, Modulate, ProbeShift, edited, weights_edited
from valuescope.generate import Engine, Request, Sampling
from valuescope.generate.decoding import generate
from valuescope.generate.likelihood import log_likelihood
from valuescope.locate import SteeringError
from valuescope.models import Batch, NeuronModel, encode, left_pad, site_hooks

TOLERANCE = {torch.float32: 5e-5, torch.bfloat16: 2e-1}
ANSWERS = (" and follow the rule", " never", " will win the money today", " be calm")
SOME = ("llama", "gpt2", "gemma3", "bloom")


@cache
def loaded(family: str, dtype: torch.dtype = torch.float32) -> NeuronModel:
    return tiny_model(family, dtype)


@pytest.fixture(params=SOME)
def model(request: pytest.FixtureRequest) -> Iterator[NeuronModel]:
    model = loaded(request.param)
    yield model
    assert hooks_on(model) == []


def padded(model: NeuronModel) -> Batch:
    return left_pad(model, encode(model, PROMPTS, ANSWERS))


def stream_edits(model: NeuronModel) -> list[Edit]:
    return [
        AddVector(some_vectors(model, 1), coefficient=0.7),
        AddVector(some_vectors(model, 2, (1,)), direction="negative", strength=0.5),
        ProbeShift(some_probes(model, 3), p0=0.9),
        ProbeShift(some_probes(model, 4, (0, 2)), p0=0.97, direction="negative", strength=0.5),
    ]


def mixed_rows(model: NeuronModel) -> list[Edit | None]:
    """One row each: a constant, none, neurons, a probe."""
    edits = stream_edits(model)
    return [edits[0], None, Modulate(some_neurons(model, 3)), edits[2]]


def largest(difference: Tensor, batch: Batch) -> float:
    return float(difference[batch.attention_mask.bool()].abs().max())


@pytest.mark.parametrize(
    ("family", "dtype"), [*((f, torch.float32) for f in FAMILIES), *((f, torch.bfloat16) for f in SOME)]
)
def test_the_hook_does_what_the_formula_says(family: str, dtype: torch.dtype) -> None:
    model = loaded(family, dtype)
    batch = padded(model)
    base = logits_of(model, batch)
    for edit in stream_edits(model):
        with edited(model, edit):
            ours = logits_of(model, batch)
        with site_hooks(model, residual=lambda layer, h, edit=edit: written_out(edit, h, layer)):
            reference = logits_of(model, batch)
        assert largest(ours - reference, batch) <= TOLERANCE[dtype]
        assert largest(ours - base, batch) > 0.3, "the edit must matter for this test to mean anything"
    assert hooks_on(model) == []
    assert torch.equal(logits_of(model, batch), base)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("family", SOME)
def test_rows_with_edits_of_both_kinds_equal_each_alone(family: str, dtype: torch.dtype) -> None:
    model = loaded(family, dtype)
    batch, rows = padded(model), mixed_rows(loaded(family, dtype))
    with edited(model, rows) as session:
        assert session.layers == (0, 1, 2)
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
    batch, rows = padded(model), mixed_rows(model)
    answer = batch.response_mask
    chosen = {"both": torch.ones_like(answer), "prompt": ~answer, "response": answer}[on]

    def at_site(site: str):
        def reference(layer: int, tensor: Tensor) -> Tensor:
            result = tensor.clone()
            for row, edit in enumerate(rows):
                if edit is None or (edit.kind == "modulate") != (site == "product"):
                    continue
                change = by_the_papers if site == "product" else written_out
                changed = change(edit, tensor[row], layer)
                result[row] = torch.where(chosen[row][:, None], changed, tensor[row])
            return result

        return reference

    with site_hooks(model, product=at_site("product"), residual=at_site("residual")):
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


@pytest.mark.parametrize("direction", ["positive", "negative"])
def test_after_a_shift_the_probe_reads_p0(model: NeuronModel, direction: str) -> None:
    batch, probes = padded(model), some_probes(model, 3)
    edit = ProbeShift(probes, p0=0.93, direction=direction)  # type: ignore[arg-type]
    before: dict[int, Tensor] = {}
    after: dict[int, Tensor] = {}

    def keep(store: dict[int, Tensor]):
        def watch(layer: int, h: Tensor) -> None:
            store[layer] = h.clone()

        return watch

    with (
        site_hooks(model, residual=keep(before)),
        edited(model, edit),
        site_hooks(model, residual=keep(after)),
    ):
        logits_of(model, batch)
    moved = 0
    for layer in probes.layers.tolist():
        real = batch.attention_mask.bool()
        was, reads = (probes.read(layer, store[layer][real]) for store in (before, after))
        if direction == "negative":
            was, reads = 1 - was, 1 - reads
        short = was < 0.93
        assert short.any()
        moved += int((~short).sum())
        assert float((reads[short] - 0.93).abs().max()) < 1e-4
        assert torch.equal(after[layer][real][~short], before[layer][real][~short])
    assert moved, "some tokens must have been left alone"


def test_generation_and_scores_row_by_row_equal_each_alone() -> None:
    model = loaded("llama")
    rows = [*mixed_rows(model), stream_edits(model)[3], AddVector(some_vectors(model, 8), strength=0.3)]
    prompts = [*PROMPTS, PROMPTS[0], PROMPTS[3]]
    greedy = Sampling(max_new_tokens=12, temperature=0.0)
    for on in ("both", "prompt", "response"):
        together = generate(model, prompts, edits=rows, sampling=greedy, on=on)  # type: ignore[arg-type]
        uncached = generate(
            model,
            prompts,
            edits=rows,
            sampling=Sampling(max_new_tokens=12, temperature=0.0, use_cache=False),
            on=on,  # type: ignore[arg-type]
        )
        alone = [
            generate(model, [prompt], edits=edit, sampling=greedy, on=on)[0]  # type: ignore[arg-type]
            for prompt, edit in zip(prompts, rows, strict=True)
        ]
        assert [a.tokens for a in together] == [a.tokens for a in alone]
        assert [a.tokens for a in together] == [a.tokens for a in uncached]
    both = generate(model, prompts, edits=rows, sampling=greedy)
    with Engine(model, max_rows=3) as engine:  # rows join and leave
        requests = [
            Request(prompt, edit, greedy, str(key))
            for key, (prompt, edit) in enumerate(zip(prompts, rows, strict=True))
        ]
        assert [a.tokens for a in engine.run(requests)] == [a.tokens for a in both]
    base = generate(model, prompts, sampling=greedy)
    assert sum(a.tokens != b.tokens for a, b in zip(base, both, strict=True)) >= 3
    scores = log_likelihood(model, prompts, edits=rows)
    for prompt, edit, score in zip(prompts, rows, scores, strict=True):
        assert log_likelihood(model, [prompt], edits=edit)[0] == pytest.approx(score, abs=1e-4)


def test_nothing_to_do_is_not_done() -> None:
    model = loaded("llama")
    idle = [
        AddVector(some_vectors(model, 1), coefficient=0),
        AddVector(some_vectors(model, 1), strength=0),
        ProbeShift(some_probes(model, 1), strength=0),
        AddVector(some_vectors(model, 1).at([])),
    ]
    for edit in idle:
        with edited(model, edit) as session:
            assert session.layers == ()
            assert hooks_on(model) == []
    with edited(model, [AddVector(some_vectors(model, 1, (2,))), None]):
        assert all(name.startswith(model.sites[2].decoder) for name in hooks_on(model))


def test_gradients_pass_through_a_shift_first_met_without_them() -> None:
    model = loaded("llama", torch.bfloat16)
    batch = padded(model)
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    with edited(model, mixed_rows(model)):
        with torch.inference_mode():
            model.model(**inputs)
        model.model(**inputs).logits.sum().backward()
    weight = next(model.model.parameters())
    assert weight.grad is not None
    assert bool(weight.grad.isfinite().all())
    model.model.zero_grad()


def test_weights_refuse_them_and_say_why() -> None:
    model = loaded("llama")
    for edit, reason in (
        (AddVector(some_vectors(model, 1)), r"add-vector 2 layers of 'care'.*which is a bias"),
        (ProbeShift(some_probes(model, 1)), r"what a probe reads at each token"),
    ):
        with pytest.raises(EditError, match=reason), weights_edited(model, edit):
            pass


def test_another_models_directions_are_refused_unless_forced() -> None:
    model, other = loaded("llama"), loaded("gpt_neox")
    batch = padded(model)
    for make, some in ((AddVector, some_vectors), (ProbeShift, some_probes)):
        stranger, mine = make(some(other, 1)), make(some(model, 1))  # type: ignore[operator]
        with pytest.raises(SteeringError, match=r"tiny-gpt_neox.*tiny-llama"), edited(model, stranger):
            pass
        with edited(model, mine):
            expected = logits_of(model, batch)
        with edited(model, stranger, force=True):
            assert torch.equal(logits_of(model, batch), expected)
