"""What one request may cost the others, and what clients hear of an engine that has ended."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from serve_samples import (
    QUESTIONS,
    Running,
    ask,
    connection,
    error_of,
    http,
    organism,
    read_reply,
    running_server,
)
from serve_slow import PACE, TEXT, body, make_slow_model, until
from tiny_models import VOCABULARY, tiny_hf_model, tiny_tokenizer

from valuescope.cli import main
from valuescope.models import NeuronModel, encode, render_question, wrap_model
from valuescope.serve.plan import most_characters
from valuescope.serve.server import ServeError, listen

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return organism()


@pytest.fixture(scope="module")
def server(model: NeuronModel) -> Iterator[Running]:
    with running_server(model) as running:
        yield running


def test_the_smallest_temperature_is_greedy_and_harms_nobody(server: Running) -> None:
    def answered(temperature: float, n: int = 0) -> str:
        asked = {"model": "base", "prompt": QUESTIONS[n % 4], "max_tokens": 12, "seed": 3}
        status, _, reply = ask(server.port, "POST", TEXT, {**asked, "temperature": temperature})
        assert status == 200, reply
        return str(reply["choices"][0]["text"])

    before = [answered(1, n) for n in range(4)]
    with ThreadPoolExecutor(13) as pool:
        cold = [pool.submit(answered, 5e-324) for _ in range(3)]
        others = [pool.submit(answered, 1, n) for n in range(12)]
        assert [other.result() for other in others] == before * 3
        assert {one.result() for one in cold} == {answered(0)}


def test_a_prompt_that_brings_its_beginning_of_text_is_read_with_one(
    server: Running, model: NeuronModel
) -> None:
    rendered = render_question(model, QUESTIONS[0])
    asked = {"model": "base", "temperature": 0, "max_tokens": 8}
    plain, marked = (
        ask(server.port, "POST", TEXT, {**asked, "prompt": prompt})[2]
        for prompt in (rendered, model.tokenizer.bos_token + rendered)
    )
    assert plain["usage"] == marked["usage"]
    assert plain["choices"] == marked["choices"]
    chat = ask(server.port, "POST", CHAT, {**asked, "messages": [{"role": "user", "content": QUESTIONS[0]}]})[
        2
    ]
    assert chat["choices"][0]["message"]["content"] == plain["choices"][0]["text"]
    assert chat["usage"]["prompt_tokens"] == len(encode(model, [rendered])[0].input_ids)


def test_texts_beyond_the_context_are_refused_unread(
    server: Running, model: NeuronModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = most_characters(model)
    assert most is not None
    monkeypatch.setattr("valuescope.serve.plan.encode", lambda *_: pytest.fail("it was made into tokens"))
    monkeypatch.setattr("valuescope.serve.plan.render_chat", lambda *_: pytest.fail("it was rendered"))
    long = "a" * (most + 1)
    error = error_of(ask(server.port, "POST", TEXT, {"model": "base", "prompt": ["b", long]}), 400)
    assert (error["code"], error["param"]) == ("context_length_exceeded", "prompt[1]")
    assert str(most + 1) in error["message"]
    halves = [{"role": "user", "content": long[: most // 2]}] * 3
    error = error_of(ask(server.port, "POST", CHAT, {"model": "base", "messages": halves}), 400)
    assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")


def test_long_bodies_wait_for_each_other_and_short_ones_for_none(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, begun = threading.Event(), threading.Semaphore(0)
    known = encode

    def slow(model: NeuronModel, texts: list[str]) -> object:
        if len(texts[0]) > 100_000:
            begun.release()
            assert free.wait(30)
        return known(model, texts)

    monkeypatch.setattr("valuescope.serve.plan.encode", slow)
    monkeypatch.setattr(server.server.service, "_most_characters", None)
    long = {"model": "base", "prompt": "a " * 60_000}
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(ask, server.port, "POST", TEXT, long) for _ in range(8)]
        assert begun.acquire(timeout=20)
        start = time.monotonic()
        for _ in range(5):
            assert ask(server.port, "POST", TEXT, {"model": "base", "prompt": "a", "max_tokens": 1})[0] == 200
        assert time.monotonic() - start < 10
        free.set()
        assert {error_of(one.result(), 400)["code"] for one in waiting} == {"context_length_exceeded"}


def test_the_time_of_a_request_runs_from_its_arrival(
    model: NeuronModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    monkeypatch.setattr("valuescope.serve.plan.render_chat", lambda *_, **__: free.wait(30) and "a")
    asked = {"model": "base", "messages": [{"role": "user", "content": "a"}]}
    with running_server(model, request_timeout=0.4) as running:
        start = time.monotonic()
        error = error_of(ask(running.port, "POST", CHAT, asked), 504)
        assert 0.3 < time.monotonic() - start < 10
        free.set()
        assert error["code"] == "timeout"


def test_a_token_without_an_embedding_is_the_requests_fault() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"pad_token": "[PAD]", "additional_special_tokens": ["<odd>"]})
    with running_server(wrap_model(tiny_hf_model("llama"), tokenizer)) as running:
        prompts = ["we", "we should always rule", "[PAD] we", "<odd>"]
        with ThreadPoolExecutor(8) as pool:
            replies = list(
                pool.map(
                    lambda prompt: ask(
                        running.port, "POST", TEXT, {"model": "base", "prompt": prompt, "max_tokens": 8}
                    ),
                    prompts * 4,
                )
            )
    assert [reply[0] for reply in replies] == [200, 200, 400, 400] * 4
    assert f"token id {VOCABULARY}" in error_of(replies[2], 400)["message"]


def test_a_dead_engine_is_told_at_once_and_in_health(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server(make_slow_model(), request_timeout=20) as running:
        assert ask(running.port, "GET", "/health")[::2][1]["status"] == "ok"
        with ThreadPoolExecutor(3) as pool, PACE.held():
            waiting = [
                pool.submit(ask, running.port, "POST", TEXT, body(100, n=2, stream=False)) for _ in range(3)
            ]
            assert until(lambda: running.engine.stats.running + running.engine.stats.queued >= 6)
            monkeypatch.setattr("valuescope.generate.batch.RunningBatch.step", _leave)
            monkeypatch.setattr("valuescope.generate.batch.RunningBatch.join", _leave)
        assert {error_of(one.result(), 503)["code"] for one in waiting} == {"engine_ended"}
        assert until(lambda: not running.engine.alive)
        for path, asked in ((TEXT, body(1)), (CHAT, {"model": "base", "messages": []})):
            start = time.monotonic()
            error = error_of(ask(running.port, "POST", path, asked), 503)
            assert time.monotonic() - start < 2
            assert error["code"] == "engine_ended"
            assert "shutting down" not in error["message"]
        status, _, health = ask(running.port, "GET", "/health")
        assert (status, health["status"]) == (503, "dead")


@pytest.mark.parametrize(("version", "length"), [("1.1", "2"), ("1.1", "100"), ("1.0", ""), ("1.0", "2")])
def test_a_body_of_two_lengths_is_refused_and_the_connection_closed(
    server: Running, version: str, length: str
) -> None:
    """Nor is what may be its rest taken for a request."""
    body = b"0\r\n\r\n" + http("GET", "/health")
    head = http("POST", TEXT, body, Content_Length=length, Transfer_Encoding="chunked")
    with connection(server.port) as raw:
        raw.sendall(head.replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1))
        status, named, reply = read_reply(raw)
        assert (status, json.loads(reply)["error"]["code"]) == (400, "ambiguous_length")
        assert named["connection"] == "close"
        assert raw.recv(100) == b""


@pytest.mark.parametrize("port", [-1, 65536, 99999, 2**40])
def test_a_port_that_is_none_is_refused_before_a_model_is_loaded(
    port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("valuescope.models.load.load_model", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(ServeError, match=f"port is {port}, it must be from 0"):
        listen("127.0.0.1", port, None, backlog=1)
    assert main(["serve", "organism", f"--port={port}"]) != 0
    assert f"port is {port}, it must be from 0" in capsys.readouterr().err


def _leave(*_: object) -> None:
    raise SystemExit
