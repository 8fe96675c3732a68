"""What an engine takes, in which order and how much of it at once, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from edit_samples import PROMPTS, some_neurons
from engine_samples import (
    GREEDY,
    LONG,
    WAIT,
    alone,
    plugged,
    until,
)
from tiny_models import tiny_hf_model, tiny_model, tiny_tokenizer

from valuescope.edit import Deactivate
from valuescope.generate import (
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
from valuescope.models import BatchError, NeuronModel, wrap_model


@cache
def loaded(family: str, dtype: torch.dtype = torch.float32) -> NeuronModel:
    return tiny_model(family, dtype)


@pytest.fixture
def model() -> NeuronModel:
    return loaded("llama")


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
