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
    until,
)
from tiny_models import FAMILIES, tiny_hf_model, tiny_model, tiny_tokenizer

from valuescope.edit import Amplify, Deactivate
from valuescope.generate import (
    Answer,
    Engine,
    EngineBusy,
    EngineError,
    GenerationError,
    Request,
    Sampling,
    ScoreRequest,
    generate,
)
from valuescope.locate import NeuronSetError
from valuescope.models import BatchError, NeuronModel, encode, wrap_model


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


def test_run_keeps_the_order_and_raises_the_first_failure(model: NeuronModel) -> None:
    seen: list[tuple[int, int]] = []
    requests = [Request(prompt, sampling=GREEDY) for prompt in PROMPTS]
    with Engine(model) as engine:
        answers = engine.run(
            [*requests, ScoreRequest(PROMPTS[0], (" rule",))], progress=lambda *at: seen.append(at)
        )
        assert answers[:4] == generate(model, PROMPTS, sampling=GREEDY)
        assert seen == [(n, 5) for n in range(1, 6)]
        assert engine.run([]) == []
        long = [replace(request, sampling=LONG) for request in requests]
        with pytest.raises(GenerationError, match="133 positions"):
            engine.run([*long, Request(PROMPTS[3], sampling=Sampling(120))])
        until(lambda: engine.stats.running == engine.stats.queued == 0)
        assert engine.stats.cancelled == 4


def test_run_waits_where_the_queue_is_full(model: NeuronModel) -> None:
    requests = [Request(PROMPTS[0], sampling=GREEDY, key=str(n)) for n in range(20)]
    with Engine(model, max_rows=2, max_queue=3) as engine:
        assert len(engine.run(requests)) == 20


def test_a_full_queue_refuses(model: NeuronModel) -> None:
    request = Request(PROMPTS[0], sampling=GREEDY)
    with Engine(model, max_queue=2) as engine:
        with plugged(engine):
            waiting = [engine.submit(request), engine.submit(ScoreRequest("we", (" rule",)))]
            for other in (request, ScoreRequest("we", (" rule",))):
                with pytest.raises(EngineBusy, match="2 requests are waiting"):
                    engine.submit(other)  # type: ignore[call-overload]
            assert waiting[0].cancel()
            assert engine.stats.queued == 2
        assert waiting[1].result(WAIT)
        assert engine.submit(request).result(WAIT)


def test_requests_that_cannot_be_answered_are_refused_at_once(model: NeuronModel) -> None:
    stranger = Deactivate(some_neurons(loaded("gpt_neox"), 1))
    with Engine(model) as engine:
        for bad, error, match in (
            (Request(PROMPTS[0], stranger), NeuronSetError, "tiny-llama"),
            (Request(PROMPTS[3], sampling=Sampling(120)), GenerationError, "133 positions"),
            (
                Request((5, 100)),
                GenerationError,
                r"token id 100 is not in the vocabulary of tiny-llama \(0 to 99",
            ),
            (Request((-1,)), GenerationError, "token id -1"),
            (Request(()), GenerationError, "at least one token"),
            (Request("", add_special_tokens=False), BatchError, "no tokens"),
            (Request("we", sampling=Sampling(use_cache=False)), EngineError, "always caches"),
        ):
            with pytest.raises(error, match=match):
                engine.submit(bad)
        assert engine.submit(Request(PROMPTS[0], stranger, force=True)).result(WAIT)
        assert engine.stats.failed == 0
    for wrong, match in (
        ({"stop": ("",)}, "empty"),
        ({"stop": "END"}, "tuple"),
        ({"top_logprobs": -1}, "-1"),
    ):
        with pytest.raises(GenerationError, match=match):
            Request("we", **wrong)  # type: ignore[arg-type]
    for name in ("max_rows", "max_queue", "prefill_tokens"):
        with pytest.raises(EngineError, match=f"{name} is 0"):
            Engine(model, **{name: 0})  # type: ignore[arg-type]


def test_a_token_that_only_the_tokenizer_has_is_refused() -> None:
    """On a GPU an id without an embedding would end the process, and with it everybody's answers."""
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["beyond"])
    model = wrap_model(tiny_hf_model("llama"), tokenizer, check=False)
    with Engine(model) as engine:
        with pytest.raises(GenerationError, match="token id 100"):
            engine.submit(Request("we beyond"))
        with pytest.raises(GenerationError, match="token id 100"):
            engine.submit(ScoreRequest("we", (" beyond",)))
    with pytest.raises(GenerationError, match="token id 100"):
        generate(model, ["we", "we beyond"])


def test_long_prompts_are_read_in_parts(model: NeuronModel) -> None:
    """No pass reads more than `prefill_tokens` with their padding, but for a prompt that is longer by itself."""
    seen: list[tuple[int, ...]] = []
    handle = model.model.register_forward_pre_hook(
        lambda _, __, inputs: seen.append(tuple(inputs["input_ids"].shape)), with_kwargs=True
    )
    prompts = [" ".join(["we share the story"] * n) for n in (1, 2, 1, 12, 1, 3, 12, 1)]
    requests = [Request(prompt, sampling=GREEDY, key=str(n)) for n, prompt in enumerate(prompts)]
    try:
        with Engine(model, prefill_tokens=40) as engine:
            with plugged(engine):
                futures = [engine.submit(request) for request in requests]
            answers = [future.result(WAIT) for future in futures]
    finally:
        handle.remove()
    assert answers == [alone(model, request) for request in requests]
    assert all(rows * length <= 40 or rows == 1 for rows, length in seen)
    assert max(rows for rows, length in seen if length > 1) > 1


def test_new_rows_are_read_together_while_many_wait(model: NeuronModel) -> None:
    """Not one by one as others end: each reading is a pass of its own. But nobody waits for long."""
    passes: list[tuple[int, int]] = []
    handle = model.model.register_forward_pre_hook(
        lambda _, __, inputs: passes.append(tuple(inputs["input_ids"].shape)), with_kwargs=True
    )
    many = [
        Request(PROMPTS[0], sampling=Sampling(5 + 7 * n % 23, temperature=0), key=str(n)) for n in range(96)
    ]
    long = [Request(PROMPTS[0], sampling=LONG, key=str(n)) for n in range(15)]
    short = [Request(PROMPTS[0], sampling=Sampling(n, temperature=0), key=f"short {n}") for n in (3, 4)]
    try:
        with Engine(model, max_rows=16) as engine:
            with plugged(engine):
                futures = [engine.submit(request) for request in many]
            assert all(len(future.result(WAIT).tokens) for future in futures)
        readings = [rows for rows, length in passes if length > 1]
        assert len(readings) < 50, "96 rows of 23 different lengths"
        passes.clear()
        with Engine(model, max_rows=16) as engine:
            with plugged(engine):
                futures = [engine.submit(request) for request in (*long, *short)]
            futures[-1].result(WAIT)
            assert not any(future.done() for future in futures[:15])
            assert all(future.result(WAIT) for future in futures)
    finally:
        handle.remove()
    last = [place for place, (_, length) in enumerate(passes) if length > 1][-1]
    assert last < 25, "each waits for a place, and eight steps at most"
