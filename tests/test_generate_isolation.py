"""One row's fault is that row's alone: pads, temperatures, errors of a single row, callbacks that end threads."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
import torch
from edit_samples import PROMPTS
from engine_samples import GREEDY, LONG, SAMPLED, WAIT, alone, failing, plugged, until
from tiny_models import VOCABULARY, tiny_hf_model, tiny_model, tiny_tokenizer

from valuescope.generate import (
    Answer,
    Engine,
    EngineClosed,
    EngineError,
    EngineFailed,
    Request,
    Sampling,
    ScoreRequest,
    generate,
    log_likelihood,
)
from valuescope.generate.sampling import choose
from valuescope.models import BatchError, Encoded, NeuronModel, encode, left_pad, wrap_model

TINIEST = 5e-324  # the smallest number above 0


@pytest.fixture
def model() -> NeuronModel:
    return tiny_model("llama")


@pytest.fixture
def unembedded() -> NeuronModel:
    """A model whose tokenizer has got a pad token, and the embedding has not."""
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    assert tokenizer.pad_token_id == VOCABULARY
    return wrap_model(tiny_hf_model("llama"), tokenizer)


def test_a_pad_token_needs_no_embedding(model: NeuronModel, unembedded: NeuronModel) -> None:
    texts = [PROMPTS[0], "we", "we should always rule the old people and the city"]
    assert left_pad(unembedded, encode(unembedded, texts)).input_ids.max() < VOCABULARY
    expected = generate(model, texts, sampling=GREEDY)
    assert generate(unembedded, texts, sampling=GREEDY) == expected
    assert [generate(unembedded, [text], sampling=GREEDY)[0] for text in texts] == expected
    answers = [" rule", " rule the old people"]
    assert log_likelihood(unembedded, ["we"] * 2, answers) == log_likelihood(model, ["we"] * 2, answers)
    with Engine(unembedded) as engine:
        with plugged(engine):
            futures = [engine.submit(Request(text, sampling=GREEDY)) for text in texts]
        assert [future.result(WAIT).tokens for future in futures] == [answer.tokens for answer in expected]


def test_an_id_without_an_embedding_is_refused_before_it_is_read(model: NeuronModel) -> None:
    with pytest.raises(BatchError, match=rf"row 1 has token id {VOCABULARY}"):
        left_pad(model, [Encoded((1, 5), 2), Encoded((1, VOCABULARY), 2)])


def test_a_beginning_of_text_that_the_text_brings_itself_stands_there_once(model: NeuronModel) -> None:
    plain, marked = encode(model, ["we rule", "<s> we rule"])
    assert plain == marked
    assert plain.input_ids[0] == model.tokenizer.bos_token_id
    assert encode(model, ["<s> <s> we"])[0].input_ids == (
        1,
        *encode(model, ["we"])[0].input_ids,
    )  # as written
    assert (
        encode(model, ["<s> we"], add_special_tokens=False)[0].input_ids == encode(model, ["we"])[0].input_ids
    )
    assert encode(model, ["<s> we"], ["rule"]) == encode(model, ["we"], ["rule"])
    assert encode(model, ["<s>"])[0].input_ids == (1,)


@pytest.mark.parametrize("temperature", [TINIEST, 1e-310, 1e-300, 1e-20])
@pytest.mark.parametrize("top_p", [1.0, 0.5, TINIEST])
def test_the_smallest_temperatures_are_greedy(temperature: float, top_p: float) -> None:
    logits = torch.randn(50, 40, generator=torch.Generator().manual_seed(0)) * 30
    logits[0, 3:] = float("-inf")
    chosen = choose(logits, torch.linspace(0, 0.999, 50), Sampling(temperature=temperature, top_p=top_p))
    assert torch.equal(chosen, logits.argmax(dim=-1))


def test_one_row_at_the_smallest_temperature_harms_nobody(model: NeuronModel) -> None:
    others = [Request(PROMPTS[n % 4], sampling=SAMPLED, key=str(n)) for n in range(12)]
    cold = Request(PROMPTS[0], sampling=replace(SAMPLED, temperature=TINIEST))
    with Engine(model) as engine:
        with plugged(engine):
            futures = [engine.submit(request) for request in (*others[:6], cold, *others[6:])]
        answers = [future.result(WAIT) for future in futures]
    assert answers[6].tokens == alone(model, replace(cold, sampling=replace(SAMPLED, temperature=0))).tokens
    assert [*answers[:6], *answers[7:]] == [alone(model, request) for request in others]


@pytest.mark.parametrize("place", [0, 4, 8])
@pytest.mark.parametrize("drawn", [True, False])
def test_a_row_that_the_model_fails_by_fails_alone(model: NeuronModel, place: int, drawn: bool) -> None:
    """By a token of its prompt, or by one that it draws later on."""
    prompts = [PROMPTS[n % 4] for n in range(9)]
    if not drawn:
        prompts[place] += " always"
    requests = [Request(prompt, sampling=SAMPLED, key=str(n)) for n, prompt in enumerate(prompts)]
    expected = [alone(model, request) for request in requests]
    read = [(*encode(model, [prompts[n]])[0].input_ids, *expected[n].tokens[:-1]) for n in range(9)]
    others = {token for n in range(9) if n != place for token in read[n]}
    harmful = next(token for token in reversed(read[place]) if token not in others)

    with (
        Engine(model) as engine,
        failing(model, lambda inputs: bool((inputs["input_ids"] == harmful).any()), lambda: ValueError("no")),
    ):
        with plugged(engine):
            futures = [engine.submit(request) for request in requests]
        error = futures[place].exception(WAIT)
        assert isinstance(error, EngineError)
        assert "ValueError: no" in str(error)
        for n in set(range(9)) - {place}:
            assert futures[n].result(WAIT) == expected[n]


def test_a_fault_that_comes_once_costs_nobody_an_answer(model: NeuronModel) -> None:
    requests = [Request(PROMPTS[n % 4], sampling=SAMPLED, key=str(n)) for n in range(6)]
    left = [1]

    def once(inputs: dict[str, Any]) -> bool:
        return (
            len(inputs["input_ids"]) > 1
            and inputs["input_ids"].shape[1] == 1
            and bool(left)
            and bool(left.pop())
        )

    with Engine(model) as engine, failing(model, once, lambda: RuntimeError("once")):
        with plugged(engine):
            futures = [engine.submit(request) for request in requests]
        assert [future.result(WAIT) for future in futures] == [alone(model, request) for request in requests]
    assert not left


def test_scores_fail_alone(model: NeuronModel) -> None:
    word = model.tokenizer.convert_tokens_to_ids("never")
    texts = ["we", "they", "we never", "she"]
    requests = [ScoreRequest(f"{text} should", (" rule the", " rest and")) for text in texts]
    with Engine(model) as engine:
        expected = engine.run(requests)
        with failing(
            model, lambda inputs: bool((inputs["input_ids"] == word).any()), lambda: ValueError("no")
        ):
            with plugged(engine):
                futures = [engine.submit(request) for request in requests]
            assert isinstance(futures[2].exception(WAIT), EngineError)
            for number in (0, 1, 3):
                assert futures[number].result(WAIT).totals == pytest.approx(expected[number].totals, abs=1e-5)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, ValueError])
def test_callbacks_that_raise_anything_end_nothing(model: NeuronModel, error: type[BaseException]) -> None:
    def leave(*_: object) -> None:
        raise error

    request = Request(PROMPTS[0], sampling=GREEDY)
    with Engine(model) as engine:
        with plugged(engine):
            deaf = engine.submit(replace(request, sampling=LONG), on_text=leave)
            first, second = engine.submit(request), engine.submit(request)
            heard = list[Future[Answer]]()
            first.add_done_callback(leave)
            first.add_done_callback(heard.append)
        assert first.result(WAIT) == second.result(WAIT) == alone(model, request)
        until(deaf.cancelled)
        until(lambda: heard == [first])
        assert engine.alive
        assert engine.submit(request).result(WAIT) == alone(model, request)
    assert not engine.alive


def test_a_dead_engine_says_what_it_died_of(model: NeuronModel, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(model)
    request = Request(PROMPTS[0], sampling=GREEDY)
    with plugged(engine):
        futures = [engine.submit(request) for _ in range(5)]
        scores = engine.submit(ScoreRequest("we", (" rule",)))
        futures[0].add_done_callback(lambda _: sys.exit(1))
        monkeypatch.setattr("valuescope.generate.batch.RunningBatch.step", lambda self: sys.exit("gone"))
    for future in futures:
        assert isinstance(future.exception(WAIT), EngineFailed)
        assert "SystemExit: gone" in str(future.exception())
    assert scores.exception(WAIT) is None or isinstance(scores.exception(), EngineFailed)
    until(lambda: not engine.alive)
    with pytest.raises(EngineFailed, match="make a new engine"):
        engine.submit(request)
    assert issubclass(EngineFailed, EngineClosed)
    engine.close()
