"""The limits of queue, time and connections, and what slow readers and long prompts do to others."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from serve_samples import Running, ask, closed_by_server, connection, http, read_reply, running_server
from serve_slow import PACE, PROMPT, SLOW_LIMITS, TEXT, body, idle, make_slow_model, until, works

from valuescope.models import NeuronModel


@pytest.fixture(scope="module")
def slow_model() -> NeuronModel:
    return make_slow_model()


@pytest.fixture
def slow(slow_model: NeuronModel) -> Iterator[Running]:
    with running_server(slow_model, **SLOW_LIMITS) as running:
        yield running


def test_a_full_queue_is_a_429_that_says_when_to_come_back(slow: Running) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, slow.port, "POST", TEXT, body(60, n=2))
        assert until(lambda: slow.engine.stats.running == 2)
        with PACE.held():
            second = pool.submit(ask, slow.port, "POST", TEXT, body(2, n=2))
            assert until(lambda: slow.engine.stats.queued == 2)
            for stream in (False, True):  # two places are wanted, one is left
                status, headers, reply = ask(slow.port, "POST", TEXT, body(2, n=2, stream=stream))
                assert (status, reply["error"]["code"]) == (429, "queue_full")
                assert int(headers["retry-after"]) >= 1
        assert [one.result()[0] for one in (first, second)] == [200, 200]
    assert works(slow)  # the place that the refused had taken is free again


def test_a_request_has_its_time(slow_model: NeuronModel) -> None:
    with running_server(slow_model, request_timeout=0.8) as running:
        status, headers, reply = ask(running.port, "POST", TEXT, body(100))
        assert (status, reply["error"]["type"]) == (504, "timeout_error")
        assert headers["x-should-retry"] == "false"
        with connection(running.port) as raw:
            raw.sendall(http("POST", TEXT, json.dumps(body(100, stream=True)).encode()))
            status, _, content = read_reply(raw)
        events = content.decode().strip().split("\n\n")
        assert status == 200
        assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "timeout"
        assert len(events) > 3
        assert until(lambda: idle(running))


def test_an_idle_connection_is_closed(slow: Running) -> None:
    with connection(slow.port) as raw:
        raw.sendall(http("GET", "/health"))
        assert read_reply(raw)[0] == 200
        start = time.monotonic()
        assert closed_by_server(raw)
        assert 0.5 < time.monotonic() - start < 10


def test_too_many_connections_are_told_so(slow: Running) -> None:
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connection(slow.port))
        assert until(lambda: len(slow.server.server_state.connections) == 8)
        with connection(slow.port) as raw:
            status, _, content = read_reply(raw)
            assert (status, json.loads(content)["error"]["code"]) == (503, "too_many_connections")
    assert until(lambda: not slow.server.server_state.connections)
    assert works(slow)


def test_a_stream_that_nobody_reads_is_cut_off_and_others_go_on(slow_model: NeuronModel) -> None:
    with running_server(slow_model, write_timeout=0.5, max_logprobs=10**7) as running:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        raw.connect(("127.0.0.1", running.port))
        with raw:
            raw.settimeout(20)
            # About 20 kB a token, more than the system's buffers hold after a few dozen.
            asked = body(100, n=8, stream=True, logprobs=20, prompt=[PROMPT] * 4)
            raw.sendall(http("POST", TEXT, json.dumps(asked).encode()))
            assert until(lambda: running.engine.stats.running == 32)
            start = time.monotonic()
            assert ask(running.port, "POST", TEXT, body(3))[0] == 200
            assert time.monotonic() - start < 5
            assert until(lambda: not running.server.server_state.connections, 15)
            assert until(lambda: idle(running))


def test_a_slow_reader_gets_the_whole_answer(slow_model: NeuronModel) -> None:
    with running_server(slow_model) as running:
        whole = ask(running.port, "POST", TEXT, body(60))[2]["choices"][0]["text"]
        with connection(running.port) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            raw.sendall(http("POST", TEXT, json.dumps(body(60, stream=True, logprobs=20)).encode()))
            content = b""
            while b"[DONE]" not in content:
                content += raw.recv(4096)
                time.sleep(0.01)
        events = [line[6:] for line in content.decode().splitlines() if line.startswith("data: {")]
        assert "".join(json.loads(one)["choices"][0]["text"] for one in events) == whole


def test_a_long_prompt_does_not_hold_up_the_others(slow_model: NeuronModel) -> None:
    with running_server(slow_model, max_body_bytes=2_000_000) as running, ThreadPoolExecutor(1) as pool:
        large = pool.submit(ask, running.port, "POST", TEXT, body(prompt="you should " * 150_000))
        longest = 0.0
        while not large.done():
            start = time.monotonic()
            assert ask(running.port, "GET", "/health")[0] == 200
            longest = max(longest, time.monotonic() - start)
        assert large.result()[2]["error"]["code"] == "context_length_exceeded"
        assert longest < 3
