"""Addresses, sizes, keys and hosts: what is refused before, or whatever, a request asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from edit_samples import some_neurons
from serve_samples import Running, ask, connection, error_of, http, read_reply, running_server
from tiny_models import tiny_model

from valuescope.edit import Modulate
from valuescope.generate import Engine

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
USER = [{"role": "user", "content": "you should help"}]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    model = tiny_model("llama")
    limits = {"max_body_bytes": 20_000, "max_tokens": 40, "max_choices": 4, "max_prompts": 5, "max_queue": 12}
    with running_server(
        model, {"care": Modulate(some_neurons(model, 0))}, max_logprobs=2000, **limits
    ) as running:
        yield running


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "base", "messages": USER, "max_tokens": 2, **more}


def text(**more: Any) -> dict[str, Any]:
    return {"model": "base", "prompt": "you should", "max_tokens": 2, **more}


def test_a_prompt_that_fills_the_context(server: Running) -> None:
    limit = server.engine.model.model.config.max_position_embeddings
    error = error_of(ask(server.port, "POST", TEXT, text(prompt="you " * (limit + 5))), 400)
    assert error["code"] == "context_length_exceeded"
    error = error_of(ask(server.port, "POST", TEXT, text(prompt="you " * (limit - 10), max_tokens=40)), 400)
    assert error["param"] == "max_tokens"


def test_addresses_methods_models_and_types(server: Running) -> None:
    assert error_of(ask(server.port, "POST", "/v1/embeddings", {}), 404)["code"] == "unknown_url"
    assert error_of(ask(server.port, "GET", "/"), 404)["code"] == "unknown_url"
    assert error_of(ask(server.port, "GET", "/docs"), 404)["code"] == "unknown_url"
    reply = ask(server.port, "GET", CHAT)
    assert error_of(reply, 405)["code"] == "method_not_allowed"
    assert reply[1]["allow"] == "POST"
    for name in ("base@none", "gpt-4", "base@", ""):
        error = error_of(ask(server.port, "POST", CHAT, chat(model=name)), 404)
        assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert error_of(ask(server.port, "GET", "/v1/models/base@none"), 404)["code"] == "model_not_found"
    for wrong in ("text/plain", "application/json; charset=latin-1", "multipart/form-data"):
        error_of(ask(server.port, "POST", CHAT, chat(), Content_Type=wrong), 415)
    error_of(ask(server.port, "POST", CHAT, chat(), Content_Encoding="gzip"), 415)


def test_a_body_over_the_limit(server: Running) -> None:
    large = chat(user="a" * 25_000)
    assert error_of(ask(server.port, "POST", CHAT, large), 413)["code"] == "body_too_large"
    # ... and where no length was told, or a wrong one would be: chunked
    chunk = b"%x\r\n" % 5000 + b" " * 5000 + b"\r\n"
    with connection(server.port) as raw:
        raw.sendall(http("POST", CHAT, Content_Length="", Transfer_Encoding="chunked") + chunk * 5)
        status, _, _ = read_reply(raw)
        assert status == 413


def test_the_connection_survives_a_refusal(server: Running) -> None:
    with connection(server.port) as raw:
        for content, expected in ((b"{", 400), (b" " * 30_000, 413), (b"{}", 400)):
            raw.sendall(http("POST", CHAT, content))
            assert read_reply(raw)[0] == expected
        raw.sendall(http("GET", "/v1/models"))
        assert read_reply(raw)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", "a]"]
)
def test_without_a_key_only_localhost_is_answered(server: Running, host: str) -> None:
    assert error_of(ask(server.port, "GET", "/v1/models", Host=host), 403)["code"] == "host_refused"


@pytest.mark.parametrize("host", ["127.0.0.1:1", "[::1]:80", "LOCALHOST"])
def test_names_of_this_machine(server: Running, host: str) -> None:
    assert ask(server.port, "GET", "/v1/models", Host=host)[0] == 200


def test_the_official_client_raises_its_own_errors(server: Running) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=server.url, api_key="none", max_retries=0)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**chat(tools=[{"type": "function", "function": {"name": "f"}}]))
    assert caught.value.param == "tools"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(**chat(model="other"))
    with pytest.raises(openai.BadRequestError) as caught:
        list(
            client.chat.completions.create(
                **chat(model="base@care", stream=True), extra_body={"strength": 1e39}
            )
        )
    assert caught.value.code == "not_finite"


def test_a_key_guards_everything_but_health() -> None:
    model = tiny_model("llama")
    with running_server(model, key="right-key") as running:

        def status(path: str, *, method: str = "GET", **headers: str) -> int:
            return ask(running.port, method, path, **headers)[0]

        assert status("/health") == 200
        assert status("/health", Host="other.example") == 200
        assert status("/v1/models", Authorization="Bearer right-key") == 200
        assert status("/v1/models", Authorization="bearer right-key", Host="other.example") == 200
        for path in ("/v1/models", "/v1/models/base", "/v1/unknown", "/v1"):
            assert error_of(ask(running.port, "GET", path), 401)["code"] == "missing_api_key"
        for wrong in (
            "Bearer wrong",
            "Bearer right-key2",
            "Bearer",
            "right-key",
            "Basic right-key",
            "Bearer \xe9",
        ):
            reply = ask(running.port, "GET", "/v1/models", Authorization=wrong)
            assert error_of(reply, 401)["code"] == "invalid_api_key"
            assert reply[1]["www-authenticate"] == "Bearer"
        # the key is asked for before the body is read
        assert error_of(ask(running.port, "POST", CHAT, b"{"), 401)["type"] == "authentication_error"


def test_a_fault_of_ours_is_a_bare_500(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(tiny_model("llama"))

    def broken(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("secret words")

    with running_server(engine.model, engine=engine) as running:
        monkeypatch.setattr(engine, "submit", broken)
        for body in (chat(), chat(stream=True)):
            error = error_of(ask(running.port, "POST", CHAT, body), 500)
            assert error == {
                "message": "The server failed to answer this request.",
                "type": "server_error",
                "param": None,
                "code": "internal_error",
            }
        monkeypatch.setattr(type(engine), "stats", property(broken))
        error_of(ask(running.port, "GET", "/health"), 500)
    assert "secret words" in caplog.text  # it is on the server's own log
