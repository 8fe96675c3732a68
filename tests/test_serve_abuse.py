"""Clients that hang up, send nonsense or never finish what they say: they harm nobody else."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from serve_samples import Running, ask, closed_by_server, connection, http, running_server
from serve_slow import SLOW_LIMITS, TEXT, body, hang_up, idle, make_slow_model, until, works

from valuescope.models import NeuronModel


@pytest.fixture(scope="module")
def slow_model() -> NeuronModel:
    return make_slow_model()


@pytest.fixture
def slow(slow_model: NeuronModel) -> Iterator[Running]:
    with running_server(slow_model, **SLOW_LIMITS) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_hangs_up_frees_its_rows(slow: Running, stream: bool, reset: bool) -> None:
    with connection(slow.port) as raw:
        raw.sendall(http("POST", TEXT, json.dumps(body(100, n=2, stream=stream)).encode()))
        assert until(lambda: slow.engine.stats.running == 2)
        if stream:
            assert raw.recv(100).startswith(b"HTTP/1.1 200")
        if reset:
            hang_up(raw)
    assert until(lambda: idle(slow))
    assert slow.engine.stats.cancelled == 2
    assert slow.engine.stats.answered == 0
    assert works(slow)


def test_a_client_that_hangs_up_in_the_queue_frees_its_place(slow: Running) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, slow.port, "POST", TEXT, body(100, n=2))
        assert until(lambda: slow.engine.stats.running == 2)
        with connection(slow.port) as raw:
            raw.sendall(http("POST", TEXT, json.dumps(body(100, n=3)).encode()))
            assert until(lambda: slow.engine.stats.queued == 3)
        assert until(lambda: slow.engine.stats.queued == 0)
        assert first.result()[0] == 200
    assert slow.engine.stats.answered == 2


SLOW_PARTS = {
    "nothing": b"",
    "half a header": b"POST /v1/completions HTTP/1.1\r\nHost: loc",
    "half a body": http("POST", TEXT, b'{"model": ', Content_Length="100"),
    "half a body of a refused request": http("POST", "/v1/nothing", b"{", Content_Length="100"),
    "half a chunk": http("POST", TEXT, b"ff\r\nabc", Content_Length="", Transfer_Encoding="chunked"),
    "a second request that does not end": http("GET", "/health") + b"POST /v1/comp",
}


@pytest.mark.parametrize("part", SLOW_PARTS)
def test_a_request_that_does_not_arrive_is_given_up(slow: Running, part: str) -> None:
    with connection(slow.port) as raw:
        start = time.monotonic()
        raw.sendall(SLOW_PARTS[part])
        content = b""
        while more := raw.recv(65536):
            content += more
        assert 0.3 < time.monotonic() - start < 10
    if part not in ("half a body of a refused request", "a second request that does not end"):
        assert content.startswith(b"HTTP/1.1 408 ")
        assert json.loads(content.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"
    assert until(lambda: not slow.server.server_state.connections)
    assert works(slow)


def drip(raw: socket.socket) -> None:
    for _ in range(200):
        raw.sendall(b"G")
        time.sleep(0.05)


@pytest.mark.parametrize("begin", [b"", http("POST", TEXT, Content_Length="5000")])
def test_a_drip_of_bytes_does_not_keep_a_connection(slow: Running, begin: bytes) -> None:
    with connection(slow.port) as raw:
        start = time.monotonic()
        raw.sendall(begin)
        with pytest.raises(OSError, match=r"pipe|reset"):
            drip(raw)
        assert time.monotonic() - start < 10
    assert works(slow)


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),  # the beginning of TLS
        b"GET /health\r\n\r\n",
        b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 500 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nBad Header\r\n\r\n",
        http("POST", TEXT, b"zz\r\nabc\r\n", Content_Length="", Transfer_Encoding="chunked"),
        b"\xff" * 1000,
    ],
)
def test_what_is_no_http_is_refused_and_closed(slow: Running, sent: bytes) -> None:
    with connection(slow.port) as raw:
        try:
            raw.sendall(sent)
            raw.shutdown(socket.SHUT_WR)
            content = b"".join(iter(lambda: raw.recv(65536), b""))
        except OSError:  # the server has closed while there was more to read
            content = b""
    if content:
        assert content.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")), content
        assert json.loads(content.partition(b"\r\n\r\n")[2])["error"]["message"]
    assert works(slow)


def test_a_half_closed_connection_has_hung_up(slow: Running) -> None:
    with connection(slow.port) as raw:
        raw.sendall(http("POST", TEXT, json.dumps(body(100)).encode()))
        assert until(lambda: slow.engine.stats.running == 1)
        raw.shutdown(socket.SHUT_WR)
        assert closed_by_server(raw)
    assert until(lambda: idle(slow))
    assert slow.engine.stats.cancelled == 1
    assert slow.engine.stats.answered == 0


def test_a_crowd_of_offenders_harms_nobody(slow: Running) -> None:
    """Honest answers are right while every kind of offence goes on beside them."""
    expected = ask(slow.port, "POST", TEXT, body(5))[2]["choices"][0]["text"]
    stop = threading.Event()
    offences = [
        *SLOW_PARTS.values(),
        b"\xff" * 100,
        http("POST", TEXT, b"{"),
        http("POST", TEXT, b" " * 20_000),
    ]

    def offend(number: int) -> None:
        while not stop.is_set():
            try:
                with connection(slow.port, timeout=0.2) as raw:
                    raw.sendall(offences[number % len(offences)])
                    if number % 2:
                        hang_up(raw)
                    else:
                        raw.recv(1000)
            except OSError:
                pass
            number += 1

    offenders = [threading.Thread(target=offend, args=(number,), daemon=True) for number in range(4)]
    for one in offenders:
        one.start()
    try:
        for _ in range(10):
            status, _, reply = ask(slow.port, "POST", TEXT, body(5))
            assert status == 200, reply
            assert reply["choices"][0]["text"] == expected
    finally:
        stop.set()
        for one in offenders:
            one.join(10)
    assert until(lambda: idle(slow) and not slow.server.server_state.connections)
