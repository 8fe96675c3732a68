"""Engines that are closed, forgotten, or end with Python, and threads that would wait for themselves."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import cache

import pytest
from edit_samples import PROMPTS, hooks_on, some_neurons
from engine_samples import (
    GREEDY,
    LONG,
    WAIT,
    alone,
    held,
    plugged,
    some_requests,
    until,
)
from tiny_models import tiny_hf_model, tiny_model, tiny_tokenizer

from valuescope.edit import Deactivate, edited, weights_edited
from valuescope.generate import (
    Answer,
    Engine,
    EngineClosed,
    EngineError,
    Request,
    ScoreRequest,
)
from valuescope.models import NeuronModel, wrap_model


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


@pytest.mark.parametrize("by", ["the same thread", "another thread"])
def test_close_finishes_what_it_has(model: NeuronModel, by: str) -> None:
    requests = some_requests(model, 9)
    engine = Engine(model, max_rows=2)
    with plugged(engine) as plug:
        futures = [engine.submit(request) for request in requests]
        score = engine.submit(ScoreRequest("we", (" rule",)))
        closing = threading.Thread(target=engine.close)
        if by == "another thread":
            closing.start()
            until(lambda: engine._queue._closed)
            with pytest.raises(EngineClosed):
                engine.submit(ASKED)
            with pytest.raises(EngineError, match=r"still works after 0\.01 seconds"):
                engine.close(timeout=0.01)
    engine.close()
    assert all(future.done() for future in (*futures, score, plug))
    assert [future.result() for future in futures] == [alone(model, request) for request in requests]
    assert engine.stats.running == engine.stats.queued == 0
    engine.close()
    engine.close(drain=False)
    with pytest.raises(EngineClosed, match="closed"):
        engine.submit(ASKED)
    with pytest.raises(EngineClosed):
        engine.run([ASKED])


def test_close_without_drain_fails_what_it_has(model: NeuronModel) -> None:
    engine = Engine(model, max_rows=2)
    with plugged(engine) as plug:
        futures = [engine.submit(replace(ASKED, sampling=LONG, key=str(n))) for n in range(5)]
        score = engine.submit(ScoreRequest("we", (" rule",)))
        futures[1].cancel()
        with pytest.raises(EngineError, match="still works"):
            engine.close(drain=False, timeout=0.01)
    engine.close(drain=False)
    assert wait([*futures, score, plug], timeout=WAIT).not_done == set()
    for future in (futures[0], *futures[2:]):
        with pytest.raises(EngineClosed, match="before it could answer"):
            future.result()
    assert futures[1].cancelled()
    assert isinstance(score.exception(), EngineClosed)
    stats = engine.stats
    assert stats.answered + stats.failed == 6
    assert (stats.cancelled, stats.queued, stats.running) == (1, 0, 0)


def test_an_exception_inside_the_block_does_not_wait_for_answers(model: NeuronModel) -> None:
    futures: list[Future[Answer]] = []

    def interrupted() -> None:
        with Engine(model, max_rows=1) as engine:
            futures.extend(engine.submit(replace(ASKED, sampling=LONG)) for _ in range(50))
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert all(future.done() for future in futures)
    assert isinstance(futures[-1].exception(), EngineClosed)


def test_closing_wakes_those_who_wait_for_room(model: NeuronModel) -> None:
    engine = Engine(model, max_rows=1, max_queue=1)
    with ThreadPoolExecutor(1) as pool:
        with held(model):
            running = pool.submit(engine.run, [replace(ASKED, key=str(n)) for n in range(5)])
            until(lambda: engine.stats.queued == engine.stats.running == 1)
            with pytest.raises(EngineError):
                engine.close(drain=False, timeout=0.01)
        assert isinstance(running.exception(WAIT), EngineClosed)
    engine.close()


def test_closed_from_its_own_thread(model: NeuronModel) -> None:
    engine = Engine(model)
    future = engine.submit(ASKED, on_text=lambda *_: engine.close())
    assert future.result(WAIT) == alone(model, ASKED)
    engine.close()


def test_an_engine_that_nobody_holds_finishes_and_lets_its_model_go() -> None:
    model = wrap_model(tiny_hf_model("llama"), tiny_tokenizer(), check=False)
    seen = weakref.ref(model.model)
    engine = Engine(model)
    thread = engine._worker.thread
    future = engine.submit(replace(ASKED, sampling=LONG))
    del engine
    assert future.result(WAIT).tokens
    thread.join(WAIT)
    assert not thread.is_alive()
    del model, thread
    gc.collect()
    assert seen() is None, "the future keeps the model alive"


def test_rows_and_edits_that_are_done_are_not_kept(model: NeuronModel) -> None:
    with Engine(model) as engine:
        edit = Deactivate(some_neurons(model, 1))
        neurons = weakref.ref(edit.neurons)
        engine.submit(replace(ASKED, edit=edit)).result(WAIT)
        for number in range(40):
            engine.submit(replace(ASKED, edit=Deactivate(some_neurons(model, number)))).result(WAIT)
        del edit
        gc.collect()
        assert neurons() is None
        assert len(engine._worker._bank._tables) <= 34


def test_python_ends_while_an_engine_works() -> None:
    program = """
import sys, time
from valuescope.generate import Engine, Request, Sampling
from valuescope.models import load_model
engine = Engine(load_model("organism", check=False))
futures = [engine.submit(Request("we", sampling=Sampling(200), key=str(n))) for n in range(2000)]
while not engine.stats.running: time.sleep(0.01)
futures[-1].add_done_callback(lambda future: print(type(future.exception()).__name__))
sys.exit(3)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 3, done.stderr
    assert done.stdout.strip() == "EngineClosed"
    assert "Error" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_no_engine(model: NeuronModel) -> None:
    """Its thread stayed behind: what is asked there would wait for ever."""
    with Engine(model) as engine:
        child = os.fork()
        if child == 0:
            try:
                engine.submit(ASKED)
            except EngineClosed:
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert engine.submit(ASKED).result(WAIT)


def test_waiting_for_oneself_is_refused(model: NeuronModel) -> None:
    """The engine waits for the thread with the hooks, and that thread must not wait for the engine."""
    edit = Deactivate(some_neurons(model, 1))
    engine = Engine(model)
    early = engine.submit(replace(ASKED, sampling=LONG))
    waiting: list[Future[Answer]] = []
    for block in (edited(model, edit), weights_edited(model, edit)):
        with block:
            for ask in (engine.submit, lambda request: engine.run([request])):
                with pytest.raises(EngineError, match="give the edit to the request"):
                    ask(ASKED)
            late = threading.Thread(target=lambda: waiting.append(engine.submit(ASKED)))
            late.start()
            late.join(WAIT)
            for wait_for in (waiting[-1].result, waiting[-1].exception):
                with pytest.raises(EngineError, match="for which the engine waits"):
                    wait_for()
            with pytest.raises(TimeoutError):
                waiting[-1].result(timeout=0.01)
        assert waiting[-1].result(WAIT) == alone(model, ASKED)
    assert early.result(WAIT).tokens
    with held(model):
        engine.submit(ASKED)
    said: list[BaseException] = []

    def listen(*_: object) -> None:
        try:
            engine.submit(ASKED).result()
        except EngineError as error:
            said.append(error)

    engine.submit(ASKED, on_text=listen).result(WAIT)
    assert "own thread" in str(said[0])
    last = engine.submit(replace(ASKED, sampling=LONG))
    with edited(model, edit), pytest.raises(EngineError, match="for which the engine waits"):
        engine.close()
    engine.close()
    assert last.done()
