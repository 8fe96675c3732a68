"""The engine answers what `generate` answers, whoever else asks, whenever and in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
import torch
from edit_samples import PROMPTS, hooks_on, some_neurons
from engine_samples import (
    GREEDY,
    LONG,
    SAMPLED,
    WAIT,
    alone,
    ask_from_threads,
    plugged,
    some_edits,
    some_requests,
)
from tiny_models import FAMILIES, tiny_hf_model, tiny_model, tiny_tokenizer

from valuescope.edit import Amplify
from valuescope.generate import (
    Answer,
    Engine,
    GenerationError,
    Request,
    Sampling,
    ScoreRequest,
)
from valuescope.models import NeuronModel, encode, wrap_model


@cache
def loaded(family: str, dtype: torch.dtype = torch.float32) -> NeuronModel:
    return tiny_model(family, dtype)


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param
    for dtype in (torch.float32, torch.float64):
        assert hooks_on(loaded(request.param, dtype)) == []


@pytest.fixture
def model() -> NeuronModel:
    return loaded("llama")


def test_answers_from_many_threads_equal_generate(family: str) -> None:
    """In float64: rows meet in batches of any shape, and float32 may round a draw on a border either way."""
    if family in ("gemma2", "bloom"):
        pytest.skip("its attention masks with a number that float32, in which it sums, turns into infinity")
    model = loaded(family, torch.float64)
    requests = some_requests(model, 24)
    expected = [alone(model, request) for request in requests]
    with Engine(model, max_rows=5) as engine:
        assert ask_from_threads(engine, requests) == expected
        stats = engine.stats
    assert (stats.answered, stats.failed, stats.cancelled, stats.queued, stats.running) == (24, 0, 0, 0, 0)
    assert stats.tokens == sum(len(answer.tokens) for answer in expected)
    assert 2 <= stats.largest_batch <= 5
    assert stats.memory_backoffs == 0
    assert len({answer.tokens for answer in expected}) > 12, "the rows must differ for this to mean anything"


def test_answers_in_float32_equal_generate(family: str) -> None:
    """All wait in the queue first, so that the batches are the same in every run of this test."""
    model = loaded(family)
    requests = some_requests(model, 24)
    with Engine(model, max_rows=6) as engine:
        with plugged(engine):
            futures = [engine.submit(request) for request in requests]
        answers = [future.result(WAIT) for future in futures]
        assert engine.stats.largest_batch == 6
    assert answers == [alone(model, request) for request in requests]


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3", "opt"])
def test_models_whose_rows_cannot_join_run_in_waves(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("valuescope.generate.batch.is_joinable", lambda *_: False)
    model = loaded(family, torch.float64)
    requests = some_requests(model, 24)
    score = ScoreRequest(PROMPTS[0], (" rule", " help"))
    with Engine(model, max_rows=5) as engine:
        with plugged(engine):
            futures = [engine.submit(request) for request in requests]
            scores = engine.submit(score)
        assert len(scores.result(WAIT).totals) == 2
        assert engine.stats.answered < 24, "scores must not wait for a whole wave"
        answers = [future.result(WAIT) for future in futures]
    assert answers == [alone(model, request) for request in requests]


def test_a_wave_does_not_run_out_of_learned_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is done stays in the batch, at the last position that it needed."""
    monkeypatch.setattr("valuescope.generate.batch.is_joinable", lambda *_: False)
    model = loaded("gpt2")
    full = " ".join(["we share the old story"] * 24)
    tokens = len(encode(model, [full])[0].input_ids)
    assert tokens > 100
    long = Request(full, sampling=Sampling(129 - tokens, temperature=0), key="long")
    short = Request(" ".join(["peace"] * 60), sampling=Sampling(60, temperature=0), key="short")
    with Engine(model) as engine:
        with plugged(engine):
            futures = [engine.submit(long), engine.submit(short)]
        answers = [future.result(WAIT) for future in futures]
    assert len(answers[0].tokens) == 129 - tokens
    assert tokens + len(answers[1].tokens) > 130
    assert answers == [alone(model, long), alone(model, short)]


def test_falcon_with_alibi_answers_alike() -> None:
    bare = tiny_hf_model(
        "falcon", torch.float64, alibi=True, new_decoder_architecture=False, multi_query=True
    )
    model = wrap_model(bare, tiny_tokenizer(), id="tiny-falcon-alibi")
    requests = some_requests(model, 12)
    with Engine(model, max_rows=4) as engine:
        assert ask_from_threads(engine, requests) == [alone(model, request) for request in requests]


def test_windows_longer_than_some_rows_and_shorter_than_others() -> None:
    """Rows of a window's length, shorter and longer ones join each other, and leave, in every order."""
    bare = tiny_hf_model("mistral", torch.float64, sliding_window=16)
    model = wrap_model(bare, tiny_tokenizer(), id="tiny-mistral-16")
    prompts = ["peace", *(" ".join(["we share the old story of nature"] * n) for n in (1, 2, 3, 6))]
    requests = [
        Request(prompts[n % 5], sampling=Sampling((2, 30, 9)[n % 3], temperature=0), key=str(n))
        for n in range(20)
    ]
    expected = [alone(model, request) for request in requests]
    for order in (range(20), range(19, -1, -1), [7 * n % 20 for n in range(20)]):
        with Engine(model, max_rows=4) as engine:
            answers = ask_from_threads(engine, [requests[n] for n in order], pause=0.001)
        assert answers == [expected[n] for n in order]


def test_prompts_may_be_token_ids(model: NeuronModel) -> None:
    ids = encode(model, [PROMPTS[0]])[0].input_ids
    with Engine(model) as engine:
        text, tokens = engine.run([Request(PROMPTS[0], sampling=GREEDY), Request(ids, sampling=GREEDY)])
        bare = engine.run([Request(PROMPTS[0], sampling=GREEDY, add_special_tokens=False)])[0]
    assert text == tokens
    assert isinstance(text, Answer)
    assert isinstance(bare, Answer)
    assert text.prompt_tokens == len(ids) == bare.prompt_tokens + 1


def test_the_same_seed_and_key_are_the_same_draw_beside_anybody(model: NeuronModel) -> None:
    mine = Request(PROMPTS[0], sampling=SAMPLED, key="mine")
    with Engine(model) as engine:
        first = engine.submit(mine).result(WAIT)
        with plugged(engine):
            crowd = [
                engine.submit(replace(mine, key=f"other {n}", edit=some_edits(model)[n])) for n in range(6)
            ]
            again = engine.submit(mine)
        assert again.result(WAIT) == first
        assert any(other.result(WAIT) != first for other in crowd)


def test_a_row_that_fails_fails_alone() -> None:
    model = tiny_model("llama", torch.float16)
    neurons = some_neurons(model, 1, sign=1)
    wild = Amplify(neurons, gamma=1e6)
    good = [Request(prompt, sampling=s, key=prompt) for prompt in PROMPTS for s in (GREEDY, SAMPLED)]
    bad = [Request(PROMPTS[0], wild, s, key="bad", top_logprobs=2) for s in (GREEDY, SAMPLED)]
    with Engine(model) as engine:
        with plugged(engine):
            futures = [engine.submit(request) for request in (*good[:4], *bad, *good[4:])]
        for future in futures[4:6]:
            with pytest.raises(GenerationError, match=r"row 'bad' are not finite at answer token 0.*float16"):
                future.result(WAIT)
        answers = [future.result(WAIT) for number, future in enumerate(futures) if number not in (4, 5)]
        # Its scope lets the prompt pass and spoils the first token that is read.
        late = engine.submit(Request(PROMPTS[0], wild, LONG, key="late", on="response"))
        with pytest.raises(GenerationError, match="not finite at answer token 1"):
            late.result(WAIT)
        stats = engine.stats
    assert all(answer.tokens for answer in answers)
    assert (stats.answered, stats.failed) == (9, 3)


def test_a_row_that_fails_in_a_wave_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays in the batch to the end, with keys and values that are not finite."""
    monkeypatch.setattr("valuescope.generate.batch.is_joinable", lambda *_: False)
    model = tiny_model("llama", torch.float16)
    wild = Amplify(some_neurons(model, 1, sign=1), gamma=1e6)
    requests = [Request(PROMPTS[0], None, GREEDY), Request(PROMPTS[0], wild, SAMPLED, on="response")]
    with Engine(model) as engine:
        with plugged(engine):
            good, bad = (engine.submit(request) for request in requests)
        with pytest.raises(GenerationError):
            bad.result(WAIT)
        assert len(good.result(WAIT).tokens) == 10
