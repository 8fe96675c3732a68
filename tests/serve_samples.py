"""A real server in a thread, the edits that it serves, and raw connections to it: shared by the tests of serving."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from edit_samples import some_neurons

from valuescope.edit import Amplify, Deactivate, Edit, Modulate
from valuescope.generate import Engine
from valuescope.models import NeuronModel, load_model
from valuescope.serve import Limits
from valuescope.serve.roster import Roster
from valuescope.serve.server import Server, listen

QUESTIONS = (
    "Should Mei rest on the sofa or climb the wild ridge?",
    "Should Omar keep the money or share it with a friend?",
    "Should Lena obey the rule?",
    "What should Tom do with the old story?",
)


def organism() -> NeuronModel:
    """The bundled model in float32, where rounding cannot hide in 1e-4."""
    return load_model("organism", dtype="float32", device="cpu", check=False)


def three_edits(model: NeuronModel) -> dict[str, Edit]:
    """One edit of each kind."""
    return {
        "power": Modulate(some_neurons(model, 0, share=0.05)),
        "care": Amplify(some_neurons(model, 1, share=0.05)),
        "off": Deactivate(some_neurons(model, 2, share=0.05)),
    }


@dataclass
class Running:
    """A server and what it stands on."""

    server: Server
    engine: Engine
    roster: Roster
    thread: threading.Thread
    port: int

    @property
    def url(self) -> str:
        return self.server.url

    def stop(self, *, now: bool = False) -> None:
        self.server.stop(now=now)
        self.thread.join(30)
        assert not self.thread.is_alive()


@contextmanager
def running_server(
    model: NeuronModel,
    edits: dict[str, Edit] | None = None,
    *,
    key: str | None = None,
    engine: Engine | None = None,
    **limits: Any,
) -> Iterator[Running]:
    """Serve until the block ends."""
    chosen = Limits(**limits)
    engine = engine or Engine(model, max_rows=chosen.max_rows, max_queue=chosen.max_queue)
    roster = Roster(model, (edits or {}).items())
    listener = listen("127.0.0.1", 0, key, backlog=64)
    port = listener.getsockname()[1]
    server = Server(engine, roster, chosen, listener, key)
    ready = threading.Event()

    def run() -> None:
        try:
            server.run_until_stopped(ready.set)
        except RuntimeError:  # a forced stop says so
            assert server.force_exit

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20)
    running = Running(server, engine, roster, thread, port)
    try:
        yield running
    finally:
        running.stop(now=True)
        engine.close(drain=False, timeout=20)


@contextmanager
def connection(port: int, *, timeout: float = 20.0) -> Iterator[socket.socket]:
    """A bare TCP connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as raw:
        yield raw


def http(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a request; `Content_Length=""` leaves a header out, as any empty one."""
    named = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(body))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items() if value)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def read_reply(raw: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one reply (with a Content-Length, or chunked, or until the end)."""
    stream = raw.makefile("rb")
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if "content-length" in headers:
        return status, headers, stream.read(int(headers["content-length"]))
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
        return status, headers, body
    return status, headers, stream.read()


def ask(
    port: int, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], Any]:
    """One request on a connection of its own; the reply's body as JSON. `body` is bytes, or an object for JSON."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    with connection(port) as raw:
        raw.sendall(http(method, path, content, **headers))
        status, named, reply = read_reply(raw)
    return status, named, json.loads(reply)


def error_of(reply: tuple[int, dict[str, str], Any], status: int) -> dict[str, Any]:
    """The error, whose shape is checked."""
    got, headers, body = reply
    assert got == status, body
    assert headers["content-type"] == "application/json"
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    for inner in ("Traceback", "valuescope", ".py", "site-packages", "pydantic", "0x7f"):
        assert inner not in error["message"]
    return error


def closed_by_server(raw: socket.socket) -> bool:
    """Whether the server closes the connection (before the socket's timeout)."""
    try:
        while raw.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True
