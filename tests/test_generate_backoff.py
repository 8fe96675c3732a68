"""Memory that runs out under an engine: smaller batches, the same answers, nobody lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from edit_samples import PROMPTS
from engine_samples import (
    GREEDY,
    LONG,
    WAIT,
    alone,
    failing,
    more_rows_than,
    out_of_cpu_memory,
    out_of_gpu_memory,
    plugged,
    some_edits,
    some_requests,
    until,
)
from tiny_models import tiny_model

from valuescope.generate import (
    Engine,
    EngineError,
    Request,
    Sampling,
    ScoreRequest,
    batch,
    worker,
)
from valuescope.models import NeuronModel

Inputs = dict[str, Any]
ERRORS = [out_of_gpu_memory, out_of_cpu_memory]


@cache
def loaded() -> NeuronModel:
    """In float64: rows come together in other batches than expected, and no draw may lie on a border."""
    return tiny_model("llama", torch.float64)


@pytest.fixture
def model() -> NeuronModel:
    return loaded()


def reads(inputs: Inputs) -> bool:
    """Whether a pass reads prompts (or what a row that goes on has drawn)."""
    return bool(inputs["input_ids"].shape[1] > 1)


def long_ago(inputs: Inputs) -> bool:
    """Whether a pass has a long text behind it."""
    return bool(inputs["attention_mask"].shape[1] > 18)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    "when",
    [
        more_rows_than(3),
        lambda inputs: reads(inputs) and more_rows_than(2)(inputs),
        lambda inputs: not reads(inputs) and more_rows_than(4)(inputs),
        lambda inputs: long_ago(inputs) and more_rows_than(2)(inputs),
    ],
    ids=["always", "reading", "writing", "late"],
)
def test_rows_go_on_in_smaller_batches(
    model: NeuronModel, when: Callable[[Inputs], bool], error: Callable[[], Exception]
) -> None:
    requests = [
        replace(request, sampling=replace(request.sampling, max_new_tokens=14), top_logprobs=1, stop=("the",))
        for request in some_requests(model, 20)
    ]
    with Engine(model, max_rows=8) as engine:
        expected = engine.run(requests)
        assert engine.stats.memory_backoffs == 0
    pieces: list[list[str]] = [[] for _ in requests]
    with Engine(model, max_rows=8) as engine, failing(model, when, error):
        with plugged(engine):
            futures = [
                engine.submit(request, on_text=lambda piece, _, heard=heard: heard.append(piece))  # type: ignore[misc]
                for request, heard in zip(requests, pieces, strict=True)
            ]
        answers = [future.result(WAIT) for future in futures]
        stats = engine.stats
    assert [(answer.tokens, answer.text, answer.stop) for answer in answers] == [
        (answer.tokens, answer.text, answer.stop)  # type: ignore[union-attr]
        for answer in expected
    ]
    assert ["".join(heard) for heard in pieces] == [answer.text for answer in answers]
    for answer, wanted in zip(answers, expected, strict=True):
        assert answer.logprobs is not None
        assert [one.token for one in answer.logprobs] == list(answer.tokens)
        assert [one.logprob for one in answer.logprobs] == pytest.approx(
            [one.logprob for one in wanted.logprobs],
            abs=1e-6,  # type: ignore[union-attr]
        )
    assert stats.memory_backoffs > 0
    assert (stats.answered, stats.failed) == (21, 0)


def test_larger_batches_are_tried_again(model: NeuronModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_CALM_STEPS", 3)
    requests = [
        Request(PROMPTS[n % 4], sampling=replace(LONG, max_new_tokens=30), key=str(n)) for n in range(60)
    ]
    short_of_memory = [True]
    with (
        Engine(model, max_rows=16) as engine,
        failing(
            model, lambda inputs: short_of_memory[0] and more_rows_than(2)(inputs), out_of_gpu_memory
        ) as rows,
    ):
        with plugged(engine):
            futures = [engine.submit(request) for request in requests]
        futures[3].result(WAIT)
        few, short_of_memory[0] = len(rows), False
        for future in futures:
            assert len(future.result(WAIT).tokens) <= 30
    assert max(rows[:few]) <= 2
    assert max(rows[few:]) == 16


def test_running_rows_are_not_read_again_where_only_new_ones_do_not_fit(model: NeuronModel) -> None:
    seen: list[int] = []

    def when(inputs: Inputs) -> bool:
        seen.append(inputs["input_ids"].shape[1])
        return reads(inputs) and more_rows_than(3)(inputs)

    requests = [
        Request(PROMPTS[n % 4], sampling=replace(LONG, max_new_tokens=20 + n), key=str(n)) for n in range(9)
    ]
    expected = [alone(model, request) for request in requests]
    with Engine(model, max_rows=9) as engine, failing(model, when, out_of_gpu_memory):
        with plugged(engine):
            first = [engine.submit(request) for request in requests[:3]]
        until(lambda: engine.stats.running > 0)
        rest = [engine.submit(request) for request in requests[3:]]
        answers = [future.result(WAIT) for future in (*first, *rest)]
        assert 0 < engine.stats.memory_backoffs <= 9, "no attempt without a row that has left"
    assert answers == expected
    longest = max(len(model.tokenizer(prompt)["input_ids"]) for prompt in PROMPTS)
    assert max(seen) <= longest, "a running row was read again with what it had drawn"


def test_a_row_that_does_not_fit_alone_fails_alone(model: NeuronModel) -> None:
    when = lambda inputs: inputs["attention_mask"].shape[1] > 20  # noqa: E731
    short = [Request(PROMPTS[n % 4], sampling=Sampling(5, temperature=0), key=str(n)) for n in range(6)]
    with Engine(model) as engine, failing(model, when, out_of_cpu_memory):
        with plugged(engine):
            futures = [engine.submit(request) for request in (*short, Request(PROMPTS[1], sampling=LONG))]
        answers = [future.result(WAIT) for future in futures[:6]]
        with pytest.raises(EngineError, match="can't allocate memory"):
            futures[6].result(WAIT)
        stats = engine.stats
    assert answers == [alone(model, request) for request in short]
    assert (stats.answered, stats.failed) == (7, 1)


def test_a_row_gets_another_chance_when_others_took_the_memory(model: NeuronModel) -> None:
    times = [0]

    def when(_: Inputs) -> bool:
        times[0] += 1
        return times[0] == 2

    request = Request(PROMPTS[0], sampling=GREEDY)
    with Engine(model) as engine, failing(model, when, out_of_gpu_memory):
        answer = engine.submit(request).result(WAIT)
        assert engine.stats.memory_backoffs == 1
    assert answer == alone(model, request)


@pytest.mark.parametrize("what", ["join_caches", "keep_rows", "append"])
def test_rearranging_rows_may_run_out_of_memory_too(
    model: NeuronModel, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are done by then are answered: with all their tokens they may be longer than the context."""
    times = [0]
    owner, name = (batch.RunningBatch, "_append") if what == "append" else (batch, what)
    arrange = getattr(owner, name)

    def sometimes(*given: Any) -> None:
        times[0] += 1
        if times[0] % 3 == 1:
            raise out_of_gpu_memory()
        arrange(*given)

    monkeypatch.setattr(owner, name, sometimes)
    full = Request(" ".join(["we"] * 127), sampling=Sampling(1, temperature=0))
    nearly = Request(" ".join(["we"] * 120), sampling=Sampling(8, temperature=0))
    others = [
        Request(PROMPTS[n % 4], sampling=replace(LONG, max_new_tokens=5 + n), key=str(n)) for n in range(8)
    ]
    requests = [others[0], full, others[1], nearly, *others[2:], full]
    with Engine(model, max_rows=4) as engine:
        with plugged(engine):
            futures = [engine.submit(request) for request in requests]
        answers = [future.result(WAIT) for future in futures]
        assert engine.stats.memory_backoffs > 0
    monkeypatch.undo()
    assert answers == [alone(model, request) for request in requests]


@pytest.mark.parametrize("error", ERRORS)
def test_scores_are_read_in_smaller_pieces(model: NeuronModel, error: Callable[[], Exception]) -> None:
    words = ("rule", "help", "peace", "share the old story", "risk power and money", "never", "calm")
    requests = [
        ScoreRequest(PROMPTS[n], tuple(f" {word}" for word in words), edit, top_logprobs=2)
        for n, edit in enumerate(some_edits(model)[:4])
    ]
    when = lambda inputs: inputs["use_cache"] is False and more_rows_than(2)(inputs)  # noqa: E731
    with Engine(model) as engine:
        expected = engine.run(requests)
    with Engine(model) as engine, failing(model, when, error) as rows:
        with plugged(engine):
            futures = [engine.submit(request) for request in requests]
            beside = engine.submit(Request(PROMPTS[0], sampling=LONG))
        scores = [future.result(WAIT) for future in futures]
        assert engine.stats.memory_backoffs > 0
        assert engine.stats.failed == 0
        answer = beside.result(WAIT)
    assert answer == alone(model, Request(PROMPTS[0], sampling=LONG))
    assert max(rows) <= 2
    for one, wanted in zip(scores, expected, strict=True):
        assert one.totals == pytest.approx(wanted.totals, abs=1e-9)  # type: ignore[union-attr]


def test_answers_make_room_for_a_score_that_does_not_fit_beside_them(model: NeuronModel) -> None:
    """All go on afterwards; one that does not fit alone either fails."""
    busy = [0]

    def when(inputs: Inputs) -> bool:
        if inputs["use_cache"]:
            return False
        busy[0] = max(busy[0], len(engine._worker._running))
        return bool(engine._worker._running) or inputs["input_ids"].shape[1] > 30

    requests = [Request(PROMPTS[n], sampling=LONG) for n in range(4)]
    small, large = ScoreRequest(PROMPTS[0], (" rule the",)), ScoreRequest("we", (" we" * 40,))
    with Engine(model) as engine, failing(model, when, out_of_gpu_memory):
        with plugged(engine):
            futures = [engine.submit(request) for request in requests]
        until(lambda: len(engine._worker._running) == 4)
        scored, too_large = engine.submit(small), engine.submit(large)
        assert len(scored.result(WAIT).totals) == 1
        with pytest.raises(EngineError, match="out of memory"):
            too_large.result(WAIT)
        answers = [future.result(WAIT) for future in futures]
        assert engine.stats.memory_backoffs <= 5, "the score goes first once there is room"
    assert busy[0] > 0
    assert answers == [alone(model, request) for request in requests]
