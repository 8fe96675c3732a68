"""`valuescope serve` as a process: how it starts, what it refuses to start with, and how it stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from serve_samples import ask, closed_by_server, connection, http, organism, read_reply, three_edits
from tiny_models import tiny_model

from valuescope.cli.main import main
from valuescope.edit import load_edit
from valuescope.serve import Limits, LimitsError
from valuescope.serve.limits import KEY_VARIABLE
from valuescope.serve.roster import Roster, RosterError, public_id
from valuescope.serve.server import ServeError, key_from, listen

TEXT = "/v1/completions"


@pytest.fixture(scope="module")
def edit_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edit of the model as the command loads it."""
    return three_edits(organism())["power"].save(tmp_path_factory.mktemp("edits") / "power.json")


@contextmanager
def serving(*options: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server process on a free port, killed at the end if it is still there."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "valuescope",
            "serve",
            "organism",
            "--dtype",
            "float32",
            "--port",
            "0",
            *options,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/v1", line)
        assert found, (line, process.communicate(timeout=10))
        yield process, int(found[1])
    finally:
        process.kill()
        process.communicate()


def long_request(choices: int = 8) -> dict[str, Any]:
    """Takes seconds where the batch holds one row."""
    return {"model": "base", "prompt": "Should Mei", "n": choices, "max_tokens": 40, "seed": 1}


def until_running(port: int) -> None:
    for _ in range(500):
        if ask(port, "GET", "/health")[2]["engine"]["running"]:
            return
        time.sleep(0.01)
    raise AssertionError("nothing runs")


def test_sigterm_finishes_what_runs_and_takes_nothing_new(edit_file: Path) -> None:
    openai = pytest.importorskip("openai")
    options = ("--max-rows", "1", "--edit", f"strong={edit_file}")
    with serving(*options, **{KEY_VARIABLE: "the-key"}) as (process, port), ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{port}/v1"
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=url, api_key="another", max_retries=0).models.list()
        client = openai.OpenAI(base_url=url, api_key="the-key", max_retries=0)
        assert [one.id for one in client.models.list()] == ["organism", "organism@strong"]
        asked = long_request() | {"model": "base@strong", "extra_body": {"strength": 0.5}}
        running = pool.submit(lambda: client.completions.create(**asked))
        until_running(port)
        with connection(port) as idle, connection(port) as begun:
            begun.sendall(b"GET /health HT")
            process.send_signal(signal.SIGTERM)
            assert closed_by_server(idle)  # idle connections do not hold it up
            assert closed_by_server(begun)
            assert not running.done()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 5)
        assert len(running.result().choices) == 8
        output, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
        assert output.endswith("stopped\n")
        assert "Traceback" not in errors
        assert "the-key" not in output + errors


def test_after_the_grace_the_rest_is_told_and_the_exit_is_clean() -> None:
    with serving("--max-rows", "1", "--grace", "0.3") as (process, port), ThreadPoolExecutor(1) as pool:
        whole = pool.submit(ask, port, "POST", TEXT, long_request(16))
        with connection(port) as raw:
            until_running(port)
            raw.sendall(http("POST", TEXT, json.dumps(long_request(1) | {"stream": True}).encode()))
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            status, _, content = read_reply(raw)
        assert (status, json.loads(content)["error"]["code"]) == (
            503,
            "shutting_down",
        )  # it was still in the queue
        status, _, reply = whole.result()
        assert (status, reply["error"]["code"]) == (503, "shutting_down")
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors


def test_a_second_signal_stops_at_once() -> None:
    with serving("--max-rows", "1", "--grace", "60") as (process, port), connection(port) as raw:
        raw.sendall(http("POST", TEXT, json.dumps(long_request(16)).encode()))
        until_running(port)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        assert closed_by_server(raw)
        _, errors = process.communicate(timeout=20)
        assert time.monotonic() - start < 10
        assert process.returncode == 1
        assert "second signal" in errors
        assert "Traceback" not in errors


def test_what_cannot_be_started_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], edit_file: Path
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)

    def said(*options: str) -> str:
        assert main(["serve", "organism", "--dtype", "float32", *options]) == 1
        return capsys.readouterr().err

    assert KEY_VARIABLE in said("--host", "0.0.0.0", "--port", "0")
    assert "max_tokens" in said("--max-tokens", "0")
    assert "called 'power'" in said("--edit", str(edit_file), "--edit", f"power={edit_file}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "in use" in said("--port", str(taken.getsockname()[1]))
    monkeypatch.setenv(KEY_VARIABLE, "")
    assert KEY_VARIABLE in said()


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "valuescope.serve.server")
    assert main(["serve", "organism"]) == 1
    assert 'pip install "valuescope[serve]"' in capsys.readouterr().err


def test_the_base_package_does_not_load_the_extra() -> None:
    code = "import sys, valuescope, valuescope.cli, valuescope.serve; print({'fastapi', 'uvicorn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_limit_is_an_option_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name, value in vars(Limits()).items():
        assert f"--{name.replace('_', '-')}" in shown
        assert f"[default: {value}]" in shown


@pytest.mark.parametrize(
    "change", [{"max_rows": 0}, {"grace": -1.0}, {"read_timeout": float("nan")}, {"max_tokens": "9"}]
)
def test_limits_out_of_range(change: dict[str, Any]) -> None:
    with pytest.raises(LimitsError, match=next(iter(change))):
        Limits(**change)


def test_names_of_edits(edit_file: Path, tmp_path: Path) -> None:
    model = organism()
    for name in ("", "a b", "a/b", "@", "-a"):
        with pytest.raises(RosterError, match="NAME=FILE"):
            Roster(model, [(name, load_edit(edit_file))])
    with pytest.raises(ValueError, match="organism"):
        Roster(tiny_model("llama"), [("power", load_edit(edit_file))])


def test_an_edit_is_found_by_its_hash(edit_file: Path) -> None:
    edit = load_edit(edit_file)
    roster = Roster(organism(), [("power", edit), ("half", edit.scaled(0.5))])
    for name in (f"organism@{edit.hash}", f"base@{edit.hash[:8]}"):
        found = roster.find(name)
        assert found is not None
        assert found.id == "organism@power"
    for name in (
        f"base@{edit.hash[:7]}",
        f"other@{edit.hash}",
        f"base@{edit.hash[:-1]}!",
        edit.hash,
        "base@00000000",
    ):
        assert roster.find(name) is None


def test_strength_multiplies_that_of_the_file(edit_file: Path) -> None:
    edit = load_edit(edit_file).scaled(0.5)
    served = Roster(organism(), [("half", edit)]).find("base@half")
    assert served is not None
    assert served.at(None) == served.at(1) == edit
    assert getattr(served.at(0.5), "strength", None) == 0.25


def test_a_folder_is_served_by_its_name_alone(tmp_path: Path) -> None:
    from dataclasses import replace

    model = organism()
    assert public_id(model) == "organism"
    folder = tmp_path / "my-model"
    folder.mkdir()
    assert public_id(replace(model, identity=replace(model.identity, id=str(folder)))) == "my-model"
    hub = replace(model, identity=replace(model.identity, id="someone/some-model"))
    assert Roster(hub).ids == ["someone/some-model"]


def test_where_it_may_listen() -> None:
    for host in ("127.0.0.1", "localhost"):
        listen(host, 0, None, backlog=1).close()
    with pytest.raises(ServeError, match=KEY_VARIABLE):
        listen("0.0.0.0", 0, None, backlog=1)
    listen("0.0.0.0", 0, "key", backlog=1).close()
    with pytest.raises(ServeError, match="no address"):
        listen("no.such.host.invalid", 0, None, backlog=1)


def test_keys() -> None:
    assert key_from({}) is None
    assert key_from({KEY_VARIABLE: "abc"}) == "abc"
    for wrong in ("", " ", "a b", "ä", "a\n"):
        with pytest.raises(ServeError, match=KEY_VARIABLE):
            key_from({KEY_VARIABLE: wrong})
