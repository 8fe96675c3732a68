"""Asking models: order, retries, errors, the store that survives kill -9, and running loops."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai.model import ModelOutput
from judge_stubs import flaky, output, scripted

from valuescope.judge.asked_model import AskError
from valuescope.judge.asking import Asker, Call, ask
from valuescope.judge.prompt import Rendered
from valuescope.judge.reply_store import ModelReply, ReplyStore, reply_of, usage


def calls(count: int) -> list[Call]:
    return [Call(f"question {number}", "be brief", "test/1") for number in range(count)]


def echo() -> Any:
    return scripted(lambda system, user, config: f"{system}|{user}")


def test_replies_come_in_order_and_equal_calls_are_made_once() -> None:
    seen: list[str] = []

    def answer(system: str, user: str, config: Any) -> str:
        seen.append(user)
        return f"{system}: {user}"

    twice = [*calls(3), *calls(2)]
    replies = Asker(scripted(answer)).ask(twice)
    assert [reply.text for reply in replies] == [f"be brief: {call.user}" for call in twice]
    assert sorted(seen) == [f"question {number}" for number in range(3)]


def test_settings_reach_the_model() -> None:
    asked: list[tuple[Any, ...]] = []

    def answer(system: str, user: str, config: Any) -> str:
        asked.append(
            (config.temperature, config.max_tokens, config.seed, config.logprobs, config.top_logprobs)
        )
        return "ok"

    asker = Asker(scripted(answer))
    asker.ask([Call("a", top_logprobs=20, max_tokens=5), Call("b", temperature=1.0, draw=3)])
    assert sorted(asked, key=str) == [(0.0, 5, None, True, 20), (1.0, 64, 3, None, None)]


def test_the_alternatives_stand_at_the_first_token_that_is_not_blank() -> None:
    from inspect_ai.model import Logprob, TopLogprob

    def answer(system: str, user: str, config: Any) -> Any:
        made = output("\n4", {"4": 0.7, "5": 0.2})
        logprobs = made.choices[0].logprobs
        assert logprobs is not None
        logprobs.content[0].top_logprobs.append(TopLogprob(token="x", logprob=-math.inf))  # type: ignore[union-attr]
        logprobs.content.insert(0, Logprob(token="\n", logprob=-0.1, top_logprobs=[]))
        return made

    (reply,) = Asker(scripted(answer)).ask([Call("rate it", top_logprobs=20)])
    assert reply.top == (("4", math.log(0.7)), ("5", math.log(0.2)))  # an impossible token is no alternative
    (bare,) = Asker(echo()).ask([Call("rate it", top_logprobs=20)])
    assert bare.top is None


def test_a_passing_error_is_retried_and_a_lasting_one_is_not() -> None:
    model, api = flaky(failures=2)
    (reply,) = Asker(model, retries=2).ask(calls(1))
    assert (reply.text, reply.error, api.calls["question 0"]) == ("Yes", "", 3)
    model, api = flaky(failures=1, passing=False)
    (reply,) = Asker(model, retries=5).ask(calls(1))
    assert (reply.text, reply.stop, reply.error) == ("", "error", "the service is busy")
    assert api.calls["question 0"] == 1


def test_an_error_that_outlives_its_retries_is_kept_and_asked_again(tmp_path: Path) -> None:
    model, api = flaky(failures=3)
    first = Asker(model, retries=1, store=tmp_path / "replies.jsonl")
    (reply,) = first.ask(calls(1))
    assert (reply.error, api.calls["question 0"]) == ("the service is busy", 2)
    assert json.loads((tmp_path / "replies.jsonl").read_text())["reply"]["error"] == "the service is busy"
    again = Asker(model, retries=1, store=tmp_path / "replies.jsonl")
    assert again.ask(calls(1))[0].text == "Yes"
    assert Asker(model, store=tmp_path / "replies.jsonl").ask(calls(1))[0].text == "Yes"
    assert api.calls["question 0"] == 4


def test_a_slow_attempt_times_out() -> None:
    model, _ = flaky(seconds=30)
    started = time.monotonic()
    (reply,) = Asker(model, retries=0, timeout=1).ask(calls(1))
    assert "attempt" in reply.error.lower()
    assert time.monotonic() - started < 10


def test_many_errors_in_a_row_stop_the_rest(tmp_path: Path) -> None:
    model, api = flaky(failures=99, passing=False, said="wrong key")
    asker = Asker(model, give_up_after=5, max_connections=2)
    with pytest.raises(AskError, match=r"5 calls in a row .* the last: wrong key"):
        asker.ask(calls(50))
    assert len(api.calls) < 10
    patient = Asker(model, give_up_after=None)
    assert {reply.error for reply in patient.ask(calls(50))} == {"wrong key"}


def test_a_secret_that_a_service_repeats_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-very-secret-value")
    model, _ = flaky(failures=9, passing=False, said="no such key: sk-very-secret-value")
    (reply,) = Asker(model, store=tmp_path / "replies.jsonl").ask(calls(1))
    assert reply.error == "no such key: $SOME_API_KEY"
    assert "very-secret" not in (tmp_path / "replies.jsonl").read_text()


def test_no_more_calls_at_once_than_allowed() -> None:
    model, api = flaky("bounded", seconds=0.02)
    progress: list[tuple[int, int]] = []
    Asker(model, max_connections=3).ask(calls(12), lambda done, total: progress.append((done, total)))
    assert api.most_at_once == 3
    assert progress == [(number, 12) for number in range(1, 13)]


def test_a_store_pays_nothing_twice(tmp_path: Path) -> None:
    model, api = flaky()
    store = tmp_path / "deep" / "replies.jsonl"
    first = Asker(model, store=store).ask(calls(4))
    progress: list[tuple[int, int]] = []
    second = Asker(model, store=store).ask(calls(5), lambda done, total: progress.append((done, total)))
    assert second[:4] == first
    assert sorted(api.calls.values()) == [1] * 5
    assert progress == [(4, 5), (5, 5)]


@pytest.mark.parametrize(
    "other",
    [
        Call("question 0", "be brief", "test/2"),
        Call("question 0", "be long", "test/1"),
        Call("question 0", "be brief", "test/1", draw=1),
        Call("question 0", "be brief", "test/1", temperature=1.0),
        Call("question 0", "be brief", "test/1", top_logprobs=20),
        Call("question 0", "be brief", "test/1", max_tokens=8),
    ],
)
def test_another_prompt_setting_or_draw_is_another_call(other: Call, tmp_path: Path) -> None:
    model, api = flaky()
    asker = Asker(model, store=tmp_path / "replies.jsonl")
    assert asker.key(other) != asker.key(calls(1)[0])
    asker.ask([*calls(1), other])
    assert sum(api.calls.values()) == 2


def test_another_model_service_or_argument_is_another_call() -> None:
    (call,) = calls(1)
    keys = {
        Asker(flaky()[0]).key(call),
        Asker(flaky(failures=1)[0]).key(call),
        Asker(flaky(base_url="http://localhost:1")[0]).key(call),
        Asker(echo()).key(call),
    }
    assert len(keys) == 4
    assert Asker(flaky()[0]).key(call) == Asker(flaky()[0]).key(call)


def test_usage_is_summed() -> None:
    replies = [*Asker(echo()).ask(calls(3)), ModelReply("", "error", error="gone")]
    assert (usage(replies).calls, usage(replies).input_tokens, usage(replies).output_tokens) == (3, 21, 6)


def test_it_works_inside_a_running_loop() -> None:
    asker = Asker(echo())

    async def inside() -> tuple[list[ModelReply], list[ModelReply]]:
        return asker.ask(calls(2)), await asker.ask_async(calls(2))

    blocking, waiting = asyncio.run(inside())
    assert blocking == waiting == asker.ask(calls(2))


def test_a_model_that_asks_in_its_own_call_is_told_how() -> None:
    def nested(system: str, user: str, config: Any) -> str:
        with pytest.raises(AskError, match="await ask_async"):
            Asker(echo()).ask(calls(1))
        return "told"

    assert Asker(scripted(nested)).ask(calls(1))[0].text == "told"


def test_what_cannot_be_asked_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AskError, match=r"openai/gpt-4o: .*OPENAI_API_KEY"):
        Asker("openai/gpt-4o")
    with pytest.raises(AskError, match="nobody"):
        Asker("nobody/at-home")
    with pytest.raises(AskError, match="gpt-4o"):
        Asker("gpt-4o")


def test_without_inspect_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("inspect_ai", "inspect_ai.model", "inspect_ai._util.error"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(AskError, match=r'pip install "valuescope\[inspect\]"'):
        Asker("openai/gpt-4o")


def test_a_torn_line_is_dropped_and_written_after(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "replies.jsonl"
    with_two = ReplyStore(path)
    with_two.put("a", ModelReply("Ja, 是", top=(("是", -0.1),)), {})
    with_two.put("b", ModelReply("No"), {})
    with_two.close()
    path.write_bytes(path.read_bytes()[:-9])
    after = ReplyStore(path)
    assert "1 line was torn or damaged and passed over" in caplog.text
    assert (len(after), after.get("b")) == (1, None)
    after.put("c", ModelReply("Yes"), {})
    last = ReplyStore(path)
    assert last.get("a") == ModelReply("Ja, 是", top=(("是", -0.1),))
    assert last.get("c") == ModelReply("Yes")


def test_damage_in_the_middle_costs_that_line_only(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    store = ReplyStore(path)
    for key in "abc":
        store.put(key, ModelReply(key), {})
    lines = path.read_bytes().splitlines()
    path.write_bytes(
        b"\n".join([lines[0], b'{"key": "b", "reply": 3}', b"\xff\xfe", b"[]", lines[2]]) + b"\n"
    )
    read = ReplyStore(path)
    assert [read.get(key) is not None for key in "abc"] == [True, False, True]


class Service(BaseHTTPRequestHandler):
    """An OpenAI-compatible service that is busy at first, and tells what it was asked."""

    asked: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012 - shared by all requests on purpose
    busy = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if Service.busy > 0:
            Service.busy -= 1
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.end_headers()
            return
        Service.asked.append((str(self.headers["Authorization"]), body))
        near = [
            {"token": "4", "logprob": -0.2, "bytes": [52]},
            {"token": "5", "logprob": -1.8, "bytes": [53]},
        ]
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "4"},
            "finish_reason": "stop",
            "logprobs": {"content": [{**near[0], "top_logprobs": near}]},
        }
        content = {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "judge",
            "choices": [choice],
            "usage": {"prompt_tokens": 11, "completion_tokens": 1, "total_tokens": 12},
        }
        sent = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_a_service_over_http_is_asked_with_the_key_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("LOCAL_API_KEY", "sk-of-the-environment")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Service.busy = 1
    try:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        store = tmp_path / "replies.jsonl"
        asker = Asker("openai-api/local/judge", base_url=url, store=store)
        replies = asker.ask([Call(f"rate {number}", "be fair", top_logprobs=20) for number in range(3)])
    finally:
        server.shutdown()
        server.server_close()
    assert [(reply.text, reply.top, reply.input_tokens) for reply in replies] == [
        ("4", (("4", -0.2), ("5", -1.8)), 11)
    ] * 3
    assert {key for key, _ in Service.asked} == {"Bearer sk-of-the-environment"}
    for _, body in Service.asked:
        assert (body["model"], body["temperature"], body["max_tokens"]) == ("judge", 0, 64)
        assert (body["logprobs"], body["top_logprobs"]) == (True, 20)
        assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert "sk-of-the-environment" not in store.read_text()


def test_many_prompts_are_asked_with_one_call() -> None:
    prompts = [Rendered("s", "one"), Rendered("", "two")]
    drawn = ask(
        scripted(lambda system, user, config: f"{system}{user}{config.seed}"), prompts, n=2, temperature=1.0
    )
    assert [[reply.text for reply in of_one] for of_one in drawn] == [["sone0", "sone1"], ["two0", "two1"]]


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from inspect_ai.model import ModelOutput
from judge_stubs import flaky
from valuescope.judge.asking import Asker, Call
model, _ = flaky(seconds=0.1, log=sys.argv[3])
asker = Asker(model, store=Path(sys.argv[2]), max_connections=4)
replies = asker.ask([Call(f"question {n}") for n in range(40)])
print(len(replies), {reply.text for reply in replies})
"""


def test_kill_9_repeats_only_the_calls_in_flight(tmp_path: Path) -> None:
    script, store, log = tmp_path / "ask.py", tmp_path / "replies.jsonl", tmp_path / "calls.log"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, str(script), str(Path(__file__).parent), str(store), str(log)]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (store.is_file() and len(store.read_text().splitlines()) >= 9):
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    kept = len(store.read_text().splitlines())
    assert 9 <= kept < 40
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "40 {'Yes'}"
    assert len(log.read_text().splitlines()) <= 40 + 4


HOSTILE = (
    b'{"key": "k", "about": {}, "reply": {"text": "Ye',
    b"not JSON",
    b"[]",
    b"3",
    b"null",
    b'"k"',
    b"[" * 100_000,
    b"\x00\x00{",
    b"\xff\xfe\x00",
    b'{"key": 3, "reply": {"text": "Yes", "top": null}}',
    b'{"key": "k", "reply": null}',
    b'{"key": "k", "reply": []}',
    b'{"key": "k", "reply": {"text": 3, "top": null}}',
    b'{"key": "k", "reply": {"text": "Yes"}}',
    b'{"key": "k", "reply": {"text": "Yes", "top": null, "mood": 1}}',
    b'{"key": "k", "reply": {"text": "\\ud800", "top": null}}',
    b'{"key": "k", "reply": {"text": "Yes", "top": [["\\udfff", -0.1]]}}',
    b'{"key": "k", "reply": {"text": "Yes", "top": [["Yes", NaN]]}}',
    b'{"key": "k", "reply": {"text": "Yes", "top": [["Yes", -Infinity]]}}',
    b'{"key": "k", "reply": {"text": "Yes", "top": [["Yes"]]}}',
    b'{"key": "k", "reply": {"text": "Yes", "top": 3}}',
    b'{"key": "k", "reply": {"text": "Yes", "top": null, "input_tokens": NaN}}',
    b'{"key": "k", "reply": {"text": "Yes", "top": null, "output_tokens": -1}}',
    b'{"key": "k", "reply": {"text": "Yes", "top": null, "error": null}}',
    b'{"key": "k", "reply": {"text": "Yes", "top": null, "input_tokens": 1' + b"0" * 5000 + b"}}",
)


@pytest.mark.parametrize("line", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_line_is_counted_and_its_reply_asked_again(
    line: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, whole = tmp_path / "replies.jsonl", ModelReply("Yes", top=(("Yes", -0.1),))
    store = ReplyStore(path)
    store.put("before", whole, {})
    store.close()
    with path.open("ab") as handle:
        handle.write(line)
    store = ReplyStore(path)
    assert f"{path}: 1 line was torn or damaged and passed over" in caplog.text
    assert (store.get("k"), store.get("before"), len(store)) == (None, whole, 1)
    store.put("k", whole, {})
    store.close()
    again = ReplyStore(path)
    assert (again.get("k"), again.get("before"), len(again)) == (whole, whole, 2)


def test_half_a_character_of_a_reply_is_replaced_once_and_paid_once(tmp_path: Path) -> None:
    output = ModelOutput.from_content("m", "Yes \ud83d!")
    reply = reply_of(output)
    assert reply.text == "Yes \ufffd!"
    store = ReplyStore(tmp_path / "replies.jsonl")
    store.put("k", reply, {"prompt": "\udc00"})
    store.close()
    assert ReplyStore(tmp_path / "replies.jsonl").get("k") == reply
