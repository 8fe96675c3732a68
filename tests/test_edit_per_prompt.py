"""One shift per prompt, as ConVA was published: against one prompt at a time, layer by layer, without cache or batch."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pytest
import torch
from edit_samples import PROMPTS, forward, hooks_on, logits_of, part, some_neurons
from steering_samples import some_probes, some_vectors
from tiny_models import FAMILIES, tiny_model
from torch import Tensor

from valuescope.edit import AddVector, Edit, EditError, Modulate, ProbeShift, edited, load_edit
from valuescope.generate import (
    Engine,
    Request,
    Sampling,
    ScoreRequest,
    generate,
    log_likelihood,
    score_continuations,
)
from valuescope.models import Encoded, NeuronModel, encode, left_pad, site_hooks

GREEDY = Sampling(max_new_tokens=10, temperature=0.0)
ANSWERS = (" and follow the rule", " never win", " will win the money today", " be calm")
SOME = ("llama", "gpt2", "gemma3", "qwen2")
CLOSE = 5e-5


@cache
def loaded(family: str) -> NeuronModel:
    return tiny_model(family)


def shift(model: NeuronModel, seed: int = 3, **more: object) -> ProbeShift:
    return ProbeShift(some_probes(model, seed, (0, 2)), p0=0.9, per="prompt", **more)  # type: ignore[arg-type]


def ids_of(model: NeuronModel, text: str) -> tuple[int, ...]:
    return encode(model, [text])[0].input_ids


def alone(
    model: NeuronModel, ids: tuple[int, ...], shifts: dict[int, Tensor]
) -> tuple[Tensor, dict[int, Tensor]]:
    """Logits [seq, vocabulary] of one text with a constant added after each layer, and its residuals before that."""
    seen: dict[int, Tensor] = {}

    def add(layer: int, h: Tensor) -> Tensor:
        seen[layer] = h[0].double()
        return (h.double() + shifts[layer]).to(h.dtype) if layer in shifts else h

    with site_hooks(model, residual=add):
        return logits_of(model, left_pad(model, [Encoded(ids, len(ids))]))[0], seen


def shifts_of(model: NeuronModel, edit: ProbeShift, prompt: tuple[int, ...]) -> dict[int, Tensor]:
    """The constants of a prompt: a pass for each layer, with what the layers below it are moved by."""
    shifts: dict[int, Tensor] = {}
    sign = 1.0 if edit.direction == "positive" else -1.0
    for row, layer in enumerate(edit.probes.layers.tolist()):
        last = alone(model, prompt, shifts)[1][layer][-1]
        w, b = sign * edit.probes.weights[row].double(), sign * float(edit.probes.bias[row])
        gap = (math.log(edit.p0 / (1 - edit.p0)) - b - float(w @ last)) / float(w.norm())
        shifts[layer] = edit.strength * max(0.0, gap) * w / w.norm()
    return shifts


def greedily(model: NeuronModel, prompt: tuple[int, ...], shifts: dict[int, Tensor]) -> tuple[int, ...]:
    """An answer, every token by a pass over the whole text."""
    ids = prompt
    while len(ids) < len(prompt) + GREEDY.max_new_tokens:
        token = int(alone(model, ids, shifts)[0][-1].argmax())
        if token == model.tokenizer.eos_token_id:
            break
        ids = (*ids, token)
    return ids[len(prompt) :]


def rows_of(model: NeuronModel) -> list[Edit | None]:
    """One row each: per prompt, none, neurons, per prompt against the value."""
    return [
        shift(model, strength=3.0),
        None,
        Modulate(some_neurons(model, 3)),
        shift(model, 4, direction="negative", strength=0.7),
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_token_of_the_prompt_moves_prompt_and_answer(family: str) -> None:
    """In a padded batch, with answers behind the prompts, in one pass and in three through the cache."""
    model = loaded(family)
    batch, edit = left_pad(model, encode(model, PROMPTS, ANSWERS)), shift(model)
    with edited(model, edit) as session:
        session.response_mask = batch.response_mask
        whole = logits_of(model, batch)
    length, first = batch.input_ids.shape[1], int((~batch.response_mask).nonzero()[:, 1].max()) + 1
    past, pieces = None, []
    with edited(model, edit) as session:
        for start, stop in ((0, first), (first, first + 1), (first + 1, length)):
            piece = part(batch, slice(start, stop))
            session.response_mask = piece.response_mask
            output = forward(model, piece, past_key_values=past, use_cache=True)
            past = output.past_key_values
            pieces.append(output.logits)
    moved = 0
    for row, (prompt, answer) in enumerate(zip(PROMPTS, ANSWERS, strict=True)):
        text = encode(model, [prompt], [answer])[0]
        shifts = shifts_of(model, edit, text.input_ids[: text.prompt_length])
        moved += sum(bool(constant.any()) for constant in shifts.values())
        expected = alone(model, text.input_ids, shifts)[0]
        real = batch.attention_mask[row].bool()
        assert float((whole[row][real] - expected).abs().max()) <= CLOSE
        assert float((torch.cat(pieces, dim=1)[row][real] - expected).abs().max()) <= CLOSE
    assert moved
    assert hooks_on(model) == []


@pytest.mark.parametrize("family", SOME)
def test_batched_cached_and_engine_answers_equal_those_of_the_slow_reference(family: str) -> None:
    model = loaded(family)
    rows = rows_of(model)
    expected = {
        row: greedily(
            model, ids_of(model, PROMPTS[row]), shifts_of(model, rows[row], ids_of(model, PROMPTS[row]))
        )  # type: ignore[arg-type]
        for row in (0, 3)
    }
    together = generate(model, PROMPTS, edits=rows, sampling=GREEDY)
    uncached = generate(
        model, PROMPTS, edits=rows, sampling=Sampling(max_new_tokens=10, temperature=0.0, use_cache=False)
    )
    single = [
        generate(model, [prompt], edits=edit, sampling=GREEDY)[0]
        for prompt, edit in zip(PROMPTS, rows, strict=True)
    ]
    with Engine(model, max_rows=3) as engine:  # rows join and leave while others are on their way
        requests = [
            Request(prompt, edit, GREEDY, str(key))
            for key, (prompt, edit) in enumerate(zip(PROMPTS, rows, strict=True))
        ]
        asked = engine.run([*requests, *reversed(requests)])
    for row, edit in enumerate(rows):
        tokens = {answers[row].tokens for answers in (together, uncached, single, asked, asked[::-1])}
        assert tokens == {expected.get(row, together[row].tokens)}, edit
    per_token = [
        ProbeShift(edit.probes, p0=edit.p0, direction=edit.direction, strength=edit.strength)
        for edit in (rows[0], rows[3])
    ]  # type: ignore[union-attr]
    base = generate(model, PROMPTS, sampling=GREEDY)
    assert any(together[row].tokens != base[row].tokens for row in (0, 3))
    others = generate(model, [PROMPTS[0], PROMPTS[3]], edits=per_token, sampling=GREEDY)
    if family == "llama":  # the two forms are not the same edit
        assert [answer.tokens for answer in others] != [together[row].tokens for row in (0, 3)]


@pytest.mark.parametrize("on", ["prompt", "response"])
def test_a_scope_leaves_the_other_tokens_alone_and_the_gap_is_still_that_of_the_prompt(on: str) -> None:
    model, edit = loaded("llama"), shift(loaded("llama"), strength=1.5)
    prompt = ids_of(model, PROMPTS[1])
    ids = (*prompt, *ids_of(model, "never win")[1:])
    chosen = torch.zeros(len(ids), 1, dtype=torch.bool)
    chosen[slice(None, len(prompt)) if on == "prompt" else slice(len(prompt), None)] = True
    shifts: dict[int, Tensor] = {}

    def add(layer: int, h: Tensor) -> Tensor:
        if layer in edit.probes.layers.tolist():
            row = edit.probes.layers.tolist().index(layer)
            w, b = edit.probes.weights[row].double(), float(edit.probes.bias[row])
            gap = (math.log(0.9 / 0.1) - b - float(w @ h[0, len(prompt) - 1].double())) / float(w.norm())
            shifts[layer] = 1.5 * max(0.0, gap) * w / w.norm()
            return torch.where(chosen, (h.double() + shifts[layer]).to(h.dtype), h)
        return h

    batch = left_pad(model, [Encoded(ids, len(prompt))])
    with site_hooks(model, residual=add):
        expected = logits_of(model, batch)
    with edited(model, edit, on=on) as session:  # type: ignore[arg-type]
        session.response_mask = batch.response_mask
        assert float((logits_of(model, batch) - expected).abs().max()) <= CLOSE


def slow_scores(model: NeuronModel, edit: Edit | None, row: Encoded) -> list[float]:
    prompt, behind = row.input_ids[: row.prompt_length], row.input_ids[row.prompt_length :]
    shifts = shifts_of(model, edit, prompt) if isinstance(edit, ProbeShift) else {}
    likely = alone(model, row.input_ids, shifts)[0].log_softmax(dim=-1)
    return [float(likely[row.prompt_length - 1 + place, token]) for place, token in enumerate(behind)]


def test_scored_continuations_take_the_shift_of_the_prompt_before_them() -> None:
    """Also where many rows begin alike and a shared beginning would be read apart, before the prompt has ended."""
    model, edits = loaded("llama"), [None, shift(loaded("llama"))]
    shared = ids_of(model, " ".join(["we share the old story"] * 8))
    prompts = [(*shared, *ids_of(model, text)[1:]) for text in ("I help my friend", "peace and money")]
    rows = [
        Encoded((*prompt, *ids_of(model, end)[1:]), len(prompt))
        for prompt in prompts
        for end in ("never", "always", "and follow")
    ]
    scores = score_continuations(model, rows, edits, groups=[0] * len(rows))
    for edit, of_rows in zip(edits, scores, strict=True):
        for row, tokens in zip(rows, of_rows, strict=True):
            assert list(tokens) == pytest.approx(slow_scores(model, edit, row), abs=1e-4)
    behind = tuple(row.input_ids[len(prompts[0]) :] for row in rows[:3])
    with Engine(model) as engine:
        asked = engine.submit(ScoreRequest(prompts[0], behind, edits[1])).result()
    for tokens, logprobs in zip(scores[1][:3], asked.continuations, strict=True):
        assert [token.logprob for token in logprobs] == pytest.approx(list(tokens), abs=1e-4)


def test_the_likelihood_of_an_answer_and_of_a_bare_text() -> None:
    """A bare text is given by its first token, and so is its shift."""
    model, edit = loaded("llama"), shift(loaded("llama"))
    rows = encode(model, PROMPTS, ANSWERS)
    for row, score in zip(rows, log_likelihood(model, PROMPTS, ANSWERS, edits=edit), strict=True):
        tokens = slow_scores(model, edit, row)
        assert score == pytest.approx(sum(tokens) / len(tokens), abs=1e-4)
    for text, score in zip(PROMPTS, log_likelihood(model, PROMPTS, edits=edit), strict=True):
        tokens = slow_scores(model, edit, Encoded(ids_of(model, text), 1))
        assert score == pytest.approx(sum(tokens) / len(tokens), abs=1e-4)


def test_a_pass_that_does_not_say_where_the_prompt_ends_is_refused() -> None:
    model = loaded("llama")
    batch, edit = left_pad(model, encode(model, PROMPTS, ANSWERS)), shift(model)
    with (
        edited(model, edit),
        pytest.raises(EditError, match=r"per='prompt' need to know.*response_mask.*per='token'"),
    ):
        logits_of(model, batch)
    with edited(model, edit) as session:
        session.response_mask = torch.ones_like(batch.response_mask)
        with pytest.raises(EditError, match=r"has to see the prompt.*all of it"):
            logits_of(model, batch)
    with edited(model, [AddVector(some_vectors(model, 1)), *[None] * 3]):
        logits_of(model, batch)  # no edit of these reads prompts


def test_files_of_before_and_files_that_say_per_prompt(tmp_path: Path) -> None:
    model = loaded("llama")
    token, prompt = ProbeShift(some_probes(model, 3)), shift(model)
    assert "per" not in token.parameters
    assert prompt.parameters["per"] == "prompt"
    assert token.hash != ProbeShift(some_probes(model, 3), per="prompt").hash
    for edit in (token, prompt):
        assert load_edit(edit.save(tmp_path / f"{edit.reads_prompt}.json")).hash == edit.hash
    with pytest.raises(EditError, match=r"per must be 'token' or 'prompt', it is 'text'"):
        ProbeShift(some_probes(model, 3), per="text")  # type: ignore[arg-type]
