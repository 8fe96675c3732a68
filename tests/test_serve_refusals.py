"""What the server refuses, and that it says so in the API's own shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from edit_samples import some_neurons
from serve_samples import Running, ask, error_of, running_server
from tiny_models import VOCABULARY, tiny_model

from valuescope.edit import Modulate

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


UNSUPPORTED = {
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "required",
    "functions": [{"name": "f"}],
    "function_call": {"name": "f"},
    "response_format": {"type": "json_object"},
    "logit_bias": {"1": 5},
    "frequency_penalty": 0.1,
    "presence_penalty": -1,
    "best_of": 2,
    "suffix": "end",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy"},
    "prediction": {"type": "content", "content": "x"},
    "store": True,
    "service_tier": "flex",
    "web_search_options": {},
    "reasoning_effort": "high",
    "verbosity": "low",
}

NEUTRAL = {
    "tools": [],
    "tool_choice": "none",
    "functions": None,
    "function_call": "none",
    "response_format": {"type": "text"},
    "logit_bias": {},
    "frequency_penalty": 0,
    "presence_penalty": 0.0,
    "best_of": 1,
    "suffix": None,
    "modalities": ["text"],
    "store": False,
    "service_tier": "auto",
    "parallel_tool_calls": True,
    "user": "me",
    "metadata": {"a": "b"},
    "stop": None,
    "seed": None,
    "n": 1,
    "stream": False,
    "logprobs": None,
    "top_p": 1,
}


@pytest.mark.parametrize("name", UNSUPPORTED)
@pytest.mark.parametrize(("path", "body"), [(CHAT, chat()), (TEXT, text())])
def test_what_is_not_offered_is_refused(server: Running, path: str, body: dict[str, Any], name: str) -> None:
    error = error_of(ask(server.port, "POST", path, body | {name: UNSUPPORTED[name]}), 400)
    assert (error["type"], error["param"], error["code"]) == (
        "invalid_request_error",
        name,
        "unsupported_parameter",
    )


@pytest.mark.parametrize(("path", "body"), [(CHAT, chat()), (TEXT, text())])
def test_values_that_ask_for_nothing_are_accepted(server: Running, path: str, body: dict[str, Any]) -> None:
    status, _, reply = ask(server.port, "POST", path, body | NEUTRAL)
    assert status == 200, reply


WRONG: list[tuple[str, dict[str, Any], str]] = [
    (CHAT, {"unknown": 1}, "unknown"),
    (CHAT, {"prompt": "a"}, "prompt"),
    (CHAT, {"messages": "hello"}, "messages"),
    (CHAT, {"messages": []}, "messages"),
    (CHAT, {"messages": [{"role": "user"}]}, "messages[0].content"),
    (CHAT, {"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    (CHAT, {"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
    (CHAT, {"messages": [{"role": "user", "content": "a", "name": "b"}]}, "messages[].name"),
    (
        CHAT,
        {"messages": [*USER, {"role": "assistant", "content": "a", "tool_calls": [{}]}]},
        "messages[].tool_calls",
    ),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a"}}]}]},
        "messages[0].content[0].type",
    ),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        "messages[0].content[0].type",
    ),
    (CHAT, {"messages": [*USER, *USER]}, "messages"),  # the tiny model has no chat template
    (CHAT, {"chat_template_kwargs": "quick"}, "chat_template_kwargs"),
    (CHAT, {"chat_template_kwargs": {"messages": "x"}}, "chat_template_kwargs"),
    (CHAT, {"chat_template_kwargs": {"eos_token": "x"}}, "chat_template_kwargs"),
    (TEXT, {"chat_template_kwargs": {}}, "chat_template_kwargs"),
    (CHAT, {"temperature": "hot"}, "temperature"),
    (CHAT, {"temperature": 2.1}, "temperature"),
    (CHAT, {"temperature": -0.1}, "temperature"),
    (CHAT, {"temperature": True}, "temperature"),
    (CHAT, {"top_p": 0}, "top_p"),
    (CHAT, {"top_p": 1.1}, "top_p"),
    (CHAT, {"n": 0}, "n"),
    (CHAT, {"n": 5}, "n"),
    (CHAT, {"n": 1.0}, "n"),
    (CHAT, {"max_tokens": 0}, "max_tokens"),
    (CHAT, {"max_tokens": 41}, "max_tokens"),
    (CHAT, {"max_tokens": 3, "max_completion_tokens": 4}, "max_tokens"),
    (CHAT, {"seed": "one"}, "seed"),
    (CHAT, {"seed": 2**64}, "seed"),
    (CHAT, {"stop": [""]}, "stop[0]"),
    (CHAT, {"stop": ["a"] * 17}, "stop"),
    (CHAT, {"stop": 3}, "stop"),
    (CHAT, {"logprobs": 3}, "logprobs"),
    (CHAT, {"top_logprobs": 3}, "top_logprobs"),
    (CHAT, {"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    (CHAT, {"stream": "yes"}, "stream"),
    (CHAT, {"stream_options": {"include_usage": True}}, "stream_options"),
    (CHAT, {"stream": True, "stream_options": {"other": 1}}, "stream_options.other"),
    (CHAT, {"strength": 0.5}, "strength"),
    (CHAT, {"model": "base@care", "strength": -1}, "strength"),
    (CHAT, {"model": "base@care", "strength": "1"}, "strength"),
    (CHAT, {"model": "base@care", "strength": 1e39}, "strength"),  # overflows in float32
    (CHAT, {"model": 3}, "model"),
    (TEXT, {"prompt": None}, "prompt"),
    (TEXT, {"prompt": []}, "prompt"),
    (TEXT, {"prompt": [1, "a"]}, "prompt[0][1]"),
    (TEXT, {"prompt": [-1]}, "prompt[0][0]"),
    (TEXT, {"prompt": [[1], []]}, "prompt[1]"),
    (TEXT, {"prompt": [VOCABULARY + 1000]}, "prompt[0]"),
    (TEXT, {"prompt": {"a": 1}}, "prompt"),
    (TEXT, {"prompt": ["a"] * 6}, "prompt"),
    (TEXT, {"prompt": ["a"] * 5, "n": 4}, "n"),
    (TEXT, {"messages": USER}, "messages"),
    (TEXT, {"logprobs": 21}, "logprobs"),
    (TEXT, {"logprobs": True}, "logprobs"),
    (TEXT, {"logprobs": 20, "max_tokens": 40, "n": 4}, "logprobs"),
    (TEXT, {"max_tokens": 0}, "max_tokens"),
    (TEXT, {"echo": 1}, "echo"),
    (
        TEXT,
        {"model": "base@care", "strength": 1e39, "echo": True, "logprobs": 1, "max_tokens": 0},
        "strength",
    ),
]


@pytest.mark.parametrize(("path", "change", "param"), WRONG)
def test_wrong_values_name_their_field(
    server: Running, path: str, change: dict[str, Any], param: str
) -> None:
    body = (chat() if path == CHAT else text()) | change
    error = error_of(ask(server.port, "POST", path, body), 400)
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b'{"model": "base", "messages": [{"role": "user", "content": "\xff"}]}',
        b'{"model": "base", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "base", "temperature": NaN, "messages": []}',
        b'{"model": "base", "temperature": 1e999, "messages": []}',
        b'{"model": "base", "seed": ' + b"9" * 5000 + b', "messages": []}',
        b'{"model": "base", "logit_bias": {"1": NaN}, "messages": []}',
        b'{"model": "base", "logit_bias": ' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"}",
        b"[" * 10_000,
        b'{"model": "base", "messages": [] "n": 1}',
        '{"model": "base"}'.encode("utf-16"),
        b"\x00" * 100,
    ],
)
@pytest.mark.parametrize("path", [CHAT, TEXT])
def test_what_is_no_json_is_a_400(server: Running, path: str, raw: bytes) -> None:
    error_of(ask(server.port, "POST", path, raw), 400)
