"""Requests that are cancelled or fail: nobody waits for ever, nobody is told twice, nobody else notices."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from functools import cache

import pytest
from edit_samples import PROMPTS, hooks_on
from engine_samples import (
    GREEDY,
    LONG,
    SAMPLED,
    WAIT,
    alone,
    failing,
    plugged,
    some_edits,
    some_requests,
    until,
)
from tiny_models import tiny_model

from valuescope.generate import (
    Answer,
    Engine,
    EngineClosed,
    EngineError,
    Request,
    ScoreRequest,
    generate,
)
from valuescope.models import NeuronModel


@cache
def loaded() -> NeuronModel:
    """It never ends an answer by itself, so that long ones are long."""
    model = tiny_model("llama")
    model.model.generation_config.eos_token_id = []
    return model


@pytest.fixture
def model() -> Iterator[NeuronModel]:
    yield loaded()
    assert hooks_on(loaded()) == []
    until(lambda: not [one for one in threading.enumerate() if one.name == "valuescope-engine"])


ASKED = Request(PROMPTS[0], sampling=GREEDY)


def test_cancelled_while_it_waits(model: NeuronModel) -> None:
    with Engine(model) as engine:
        with plugged(engine) as plug:
            futures = [engine.submit(replace(ASKED, key=str(n))) for n in range(700)]
            scored = engine.submit(ScoreRequest("we", (" rule",)))
            gone = [*futures[::2], scored]
            assert all(future.cancel() for future in gone)
            assert not plug.done()
        # `wait` hears of a cancelled future only from him who should have answered it.
        assert not wait([*futures, scored], timeout=WAIT).not_done
        assert all(future.cancelled() for future in gone)
        assert len({future.result().tokens for future in futures[1::2]}) == 1
        until(lambda: engine.stats.running == engine.stats.queued == 0)
        stats = engine.stats
    assert (stats.answered, stats.cancelled, stats.failed) == (351, 351, 0)
    told = [future.result() for future in (plug, *futures[1::2])]
    assert stats.tokens == sum(len(answer.tokens) for answer in told), "what was cancelled was read"
    with pytest.raises(CancelledError):
        scored.result()


def test_cancelled_while_it_runs(model: NeuronModel) -> None:
    """It leaves at the next step, and those beside it do not notice."""
    requests = [
        Request(PROMPTS[n % 4], sampling=replace(LONG, max_new_tokens=80), key=str(n)) for n in range(6)
    ]
    with Engine(model, max_rows=4) as engine:
        pieces: list[str] = []
        with plugged(engine):
            first = engine.submit(requests[0], on_text=lambda piece, _: pieces.append(piece))
            others = [engine.submit(request) for request in requests[1:]]
        until(lambda: len(pieces) > 3)
        assert first.cancel()
        assert wait([first], timeout=WAIT).done == {first}
        heard = len(pieces)
        assert [future.result(WAIT) for future in others] == [
            alone(model, request) for request in requests[1:]
        ]
        assert engine.stats.cancelled == 1
        assert heard - len(pieces) <= 1
        assert len(pieces) < 80
        assert engine.stats.tokens < 2 + 80 + 5 * 80


def test_cancelled_at_every_moment(model: NeuronModel) -> None:
    """Threads that ask and cancel at random: every future ends in one way, and the counts add up."""
    counts = {"asked": 0, "cancelled": 0, "answered": 0}
    lock = threading.Lock()

    def ask(seed: int) -> None:
        for number in range(25):
            request = Request(PROMPTS[number % 4], sampling=SAMPLED, key=f"{seed}")
            future: Future[Answer] = engine.submit(request)
            time.sleep(0.0007 * ((seed * 31 + number * 17) % 11))
            if (seed + number) % 3:
                future.cancel()
            with suppress(CancelledError):
                assert future.result(WAIT) == answers[seed, number % 4]
            with lock:
                counts["asked"] += 1
                counts["cancelled"] += future.cancelled()
                counts["answered"] += not future.cancelled()

    answers = {
        (seed, place): generate(model, [PROMPTS[place]], sampling=SAMPLED, keys=[f"{seed}"])[0]
        for seed in range(6)
        for place in range(4)
    }
    with Engine(model, max_rows=3) as engine, ThreadPoolExecutor(6) as pool:
        for asking in [pool.submit(ask, seed) for seed in range(6)]:
            asking.result(WAIT)
        until(lambda: engine.stats.running == engine.stats.queued == 0)
        stats = engine.stats
    assert counts["asked"] == 150
    assert (stats.answered, stats.cancelled, stats.failed) == (counts["answered"], counts["cancelled"], 0)
    assert min(stats.answered, stats.cancelled) > 10


def test_an_answer_that_is_there_cannot_be_cancelled(model: NeuronModel) -> None:
    with Engine(model) as engine:
        future = engine.submit(ASKED)
        answer = future.result(WAIT)
        assert not future.cancel()
        assert future.result() == answer
        assert engine.stats.cancelled == 0


def test_futures_work_with_asyncio(model: NeuronModel) -> None:
    async def ask(engine: Engine) -> Answer:
        task = asyncio.wrap_future(engine.submit(replace(ASKED, sampling=LONG)))
        await asyncio.sleep(0.01)
        task.cancel()
        return await asyncio.wrap_future(engine.submit(ASKED))

    with Engine(model) as engine:
        assert asyncio.run(ask(engine)) == alone(model, ASKED)
        until(lambda: engine.stats.cancelled == 1)


def test_a_listener_that_raises_cancels_its_own_request(model: NeuronModel) -> None:
    def gone(*_: object) -> None:
        raise ConnectionResetError

    with Engine(model) as engine:
        with plugged(engine):
            deaf = engine.submit(replace(ASKED, sampling=LONG), on_text=gone)
            other = engine.submit(ASKED)
        assert other.result(WAIT) == alone(model, ASKED)
        with pytest.raises(CancelledError):
            deaf.result(WAIT)


def test_a_failure_of_the_model_is_told_to_those_who_wait_and_to_nobody_else(model: NeuronModel) -> None:
    with Engine(model) as engine:
        with failing(model, lambda inputs: inputs["input_ids"].shape[1] == 1, lambda: ValueError("a fault")):
            with plugged(engine):
                futures = [engine.submit(replace(ASKED, key=str(n))) for n in range(3)]
            errors = [future.exception(WAIT) for future in futures]
        assert all(isinstance(error, EngineError) and "ValueError: a fault" in str(error) for error in errors)
        assert len(set(map(id, errors))) == 3, "one error that several threads raise grows with each of them"
        with failing(model, lambda inputs: inputs["input_ids"].shape[1] > 1, lambda: ValueError("a fault")):
            assert isinstance(engine.submit(ASKED).exception(WAIT), EngineError)
            scored = engine.submit(ScoreRequest(PROMPTS[0], (" rule", " rule the")))
            assert isinstance(scored.exception(WAIT), EngineError)
        assert engine.submit(ASKED).result(WAIT) == alone(model, ASKED)
        # Not the request that held the first three up: it was one token short, which it drew when all were tried again.
        assert engine.stats.failed == 5


def test_new_rows_that_cannot_be_read_leave_the_running_ones_alone(model: NeuronModel) -> None:
    def is_new(inputs: dict[str, object]) -> bool:
        return inputs["input_ids"].shape[1] > 1 and began.is_set()  # type: ignore[attr-defined]

    began = threading.Event()
    with Engine(model) as engine, failing(model, is_new, lambda: ValueError("a fault")):
        running = engine.submit(Request(PROMPTS[0], sampling=LONG), on_text=lambda *_: began.set())
        began.wait(WAIT)
        assert isinstance(engine.submit(ASKED).exception(WAIT), EngineError)
        assert not running.done()
        answer = running.result(WAIT)
    assert answer == alone(model, Request(PROMPTS[0], sampling=LONG))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_tells_everybody(model: NeuronModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    engine = Engine(model)
    with plugged(engine):
        answer, scores = engine.submit(ASKED), engine.submit(ScoreRequest("we", (" rule",)))
        monkeypatch.setattr("valuescope.generate.batch.RunningBatch.step", die)
    assert isinstance(answer.exception(WAIT), EngineClosed)
    assert scores.exception(WAIT) is None or isinstance(scores.exception(), EngineClosed)
    with pytest.raises(EngineClosed):
        engine.submit(ASKED)
    engine.close()


def test_generate_with_edits_beside_a_running_engine(model: NeuronModel) -> None:
    """Two threads, one model: neither sees the other's edits."""
    requests = some_requests(model, 24)
    edits = some_edits(model)
    keys = [str(n) for n in range(6)]
    expected = generate(model, [PROMPTS[1]] * 6, edits=edits, sampling=GREEDY, keys=keys)
    answers = [alone(model, request) for request in requests]
    with Engine(model, max_rows=6) as engine, ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            with plugged(engine):
                futures = [engine.submit(request) for request in requests]
                beside = [
                    pool.submit(generate, model, [PROMPTS[1]] * 6, edits=edits, sampling=GREEDY, keys=keys)
                    for _ in range(2)
                ]
            assert [one.result(WAIT) for one in beside] == [expected] * 2
            assert [future.result(WAIT) for future in futures] == answers
