"""Requests, and models that are held up or short of memory, for the tests of the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from edit_samples import PROMPTS, some_neurons

from valuescope.edit import Amplify, Deactivate, Edit, Modulate
from valuescope.generate import Answer, Engine, Request, Sampling, generate
from valuescope.models import NeuronModel

GREEDY = Sampling(max_new_tokens=10, temperature=0)
SAMPLED = Sampling(max_new_tokens=10, temperature=0.9, top_p=0.95, seed=4)
LONG = Sampling(max_new_tokens=100, temperature=0)
WAIT = 60  # seconds after which a test gives up


def some_edits(model: NeuronModel) -> list[Edit | None]:
    """None, and every kind of edit, at several strengths."""
    return [
        None,
        Deactivate(some_neurons(model, 1)),
        Amplify(some_neurons(model, 2)),
        Modulate(some_neurons(model, 3), direction="negative"),
        Deactivate(some_neurons(model, 1), strength=0.5),
        Modulate(some_neurons(model, 3), strength=1.7),
    ]


def some_requests(model: NeuronModel, count: int) -> list[Request]:
    """Requests that differ in all that a row has of its own: prompt, edit, scope, sampling, noise and limit."""
    edits = some_edits(model)
    samplings = (GREEDY, SAMPLED, replace(SAMPLED, max_new_tokens=3), Sampling(7, temperature=1.3, seed=9))
    scopes = ("both", "both", "prompt", "response")
    return [
        Request(
            PROMPTS[number % 4],
            edits[number % 6],
            samplings[number // 4 % 4],
            key=f"row {number}",
            on=scopes[number // 3 % 4],  # type: ignore[arg-type]
        )
        for number in range(count)
    ]


def alone(model: NeuronModel, request: Request) -> Answer:
    """The answer that `generate` gives to a request that it gets alone."""
    assert isinstance(request.prompt, str)
    return generate(
        model,
        [request.prompt],
        edits=request.edit,
        sampling=request.sampling,
        keys=[request.key],
        on=request.on,
    )[0]


def plain(answer: Answer) -> Answer:
    """What `generate` says of an answer: the engine also says how long the prompt was, and so does generate."""
    return replace(answer, logprobs=None)


def ask_from_threads(
    engine: Engine, requests: Sequence[Request], threads: int = 4, pause: float = 0.003
) -> list[Answer]:
    """Submit the requests from several threads, a little apart from each other."""
    futures: dict[int, Future[Answer]] = {}

    def ask(first: int) -> None:
        for number in range(first, len(requests), threads):
            futures[number] = engine.submit(requests[number])
            time.sleep(pause * (1 + number % 3))

    asking = [threading.Thread(target=ask, args=(first,)) for first in range(threads)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(WAIT)
    return [futures[number].result(WAIT) for number in range(len(requests))]


@contextmanager
def held(model: NeuronModel) -> Iterator[None]:
    """Another thread has hooks on the model inside the block: an engine waits before its next pass."""
    begun, done = threading.Event(), threading.Event()

    def hold() -> None:
        with model.lock:
            begun.set()
            done.wait(WAIT)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(WAIT)
    try:
        yield
    finally:
        done.set()
        thread.join(WAIT)


@contextmanager
def plugged(engine: Engine) -> Iterator[Future[Answer]]:
    """The engine has begun one request and waits: what is submitted inside the block waits in the queue."""
    with held(engine.model):
        plug = engine.submit(Request("we", sampling=Sampling(2, temperature=0), key="plug"))
        until(lambda: engine.stats.running == 1)
        yield plug


def until(said: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + WAIT
    while not said():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.001)


def out_of_gpu_memory() -> Exception:
    """What a GPU says."""
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def out_of_cpu_memory() -> Exception:
    """What a CPU says."""
    return RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 8589934592 bytes. Error code 12 (Cannot allocate memory)"
    )


@contextmanager
def failing(
    model: NeuronModel, when: Callable[[dict[str, Any]], bool], error: Callable[[], Exception]
) -> Iterator[list[int]]:
    """Every pass for which `when(inputs)` holds fails; yields the rows of all passes that did not."""
    rows: list[int] = []

    def check(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        if when(inputs):
            raise error()
        rows.append(inputs["input_ids"].shape[0])

    handle = model.model.register_forward_pre_hook(check, with_kwargs=True)
    try:
        yield rows
    finally:
        handle.remove()


def more_rows_than(limit: int) -> Callable[[dict[str, Any]], bool]:
    """For `failing`: passes of more rows."""
    return lambda inputs: inputs["input_ids"].shape[0] > limit
