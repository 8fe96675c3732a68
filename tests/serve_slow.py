"""A model that takes its time, and what the tests of impatient clients share."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from serve_samples import Running, ask
from tiny_models import tiny_model

from valuescope.models import NeuronModel

TEXT = "/v1/completions"
PROMPT = "you should always rule the people"
SLOW_LIMITS: dict[str, Any] = {
    "max_rows": 2,
    "max_queue": 3,
    "read_timeout": 0.6,
    "write_timeout": 0.8,
    "request_timeout": 20,
    "max_connections": 8,
    "max_body_bytes": 10_000,
    "keep_alive": 1,
}


class Pace:
    """How fast the slow model goes: some milliseconds a token, and not at all while it is held."""

    def __init__(self) -> None:
        self._free = threading.Event()
        self._free.set()

    def __call__(self, *ignored: Any) -> None:
        time.sleep(0.02)
        assert self._free.wait(30)

    @contextmanager
    def held(self) -> Iterator[None]:
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()


PACE = Pace()


def make_slow_model() -> NeuronModel:
    """A model at that pace, which never ends an answer by itself."""
    model = tiny_model("llama")
    model.model.register_forward_pre_hook(PACE)
    model.model.generation_config.eos_token_id = []
    return model


def body(tokens: int = 2, **more: Any) -> dict[str, Any]:
    return {"model": "base", "prompt": PROMPT, "max_tokens": tokens, "temperature": 0, **more}


def until(true: Callable[[], bool], seconds: float = 8) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def idle(running: Running) -> bool:
    """Nothing is queued or running, and nobody waits."""
    stats = running.engine.stats
    return stats.queued == stats.running == len(running.server.service.running) == 0


def works(running: Running) -> bool:
    return ask(running.port, "POST", TEXT, body())[0] == 200


def hang_up(raw: socket.socket) -> None:
    """Close with a reset, as a process that dies does."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
