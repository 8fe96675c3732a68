"""The process: a socket, uvicorn, and what signals do."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import FrameType

import uvicorn

from valuescope.generate import Engine, EngineError
from valuescope.serve.app import Service, create_app
from valuescope.serve.connection import PatientConnection
from valuescope.serve.gate import Gate
from valuescope.serve.limits import KEY_VARIABLE, Limits
from valuescope.serve.roster import Roster

_SETTLING = 0.05
_LAST_PORT = 65535
_LAST_WORDS = 2.0  # seconds in which those that were cut off are told so
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ServeError(RuntimeError):
    """A server that cannot be started, or was stopped by force."""


class Server(uvicorn.Server):
    """Serves an engine's model on a listening socket until it is told to stop.

    SIGTERM or SIGINT (or `stop()`): no new connections, running requests get `grace` seconds, the rest is told 503. A
    second signal stops at once. Signals are only heard on the main thread.
    """

    def __init__(
        self, engine: Engine, roster: Roster, limits: Limits, listener: socket.socket, key: str | None
    ) -> None:
        self.service = Service(engine, roster, limits)
        self._listener = listener
        self._limits = limits
        super().__init__(
            uvicorn.Config(
                Gate(create_app(self.service), key),
                http=partial(PatientConnection, limits=limits),  # type: ignore[arg-type]
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=limits.keep_alive,
                backlog=limits.max_connections,
            )
        )

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"{_origin(self._listener)}/v1"

    def run_until_stopped(self, ready: Callable[[], None]) -> None:
        """Serve; `ready` is called once requests are answered. ServeError where a second signal ended it."""

        async def main() -> None:
            serving = asyncio.create_task(self.serve(sockets=[self._listener]))
            while not self.started and not serving.done():
                await asyncio.sleep(0.01)
            if self.started:
                ready()
            await serving

        try:
            asyncio.run(main())
        finally:
            for pool in (self.service.pool, self.service.long_pool):
                pool.shutdown(wait=False, cancel_futures=True)
        if self.force_exit:
            raise ServeError("stopped by a second signal: what was running was cut off")

    def stop(self, *, now: bool = False) -> None:
        """Stop, as signals do; `now` as a second one does. From any thread."""
        self.should_exit = True
        self.force_exit = self.force_exit or now

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal stops, the second one at once."""
        self.stop(now=self.should_exit)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear signals, and do not raise them again at the end: being told to stop is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what runs finish, within `grace`."""
        self.service.draining = True
        # What has already come is read first: such clients are answered (with 503), and not cut off.
        await asyncio.sleep(_SETTLING)
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._quiet(self._limits.grace)
        self.service.running.end_all()
        await self._quiet(_LAST_WORDS)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()

    async def _quiet(self, seconds: float) -> None:
        """Wait until nothing is being answered and everything is sent."""
        end = asyncio.get_running_loop().time() + seconds
        while (self.server_state.tasks or self.server_state.connections) and not self.force_exit:
            if asyncio.get_running_loop().time() >= end:
                return
            await asyncio.sleep(0.02)


def serve(
    engine: Engine,
    roster: Roster,
    limits: Limits,
    *,
    host: str,
    port: int,
    key: str | None,
    ready: Callable[[Server], None],
) -> None:
    """Serve on host and port until a signal; then the engine is closed.

    ServeError where the host is not this machine's own (loopback) and no key is set; OSError where the port is taken.
    """
    listener = listen(host, port, key, backlog=limits.max_connections)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # what clients do wrong is no news
    server = Server(engine, roster, limits, listener, key)
    try:
        server.run_until_stopped(lambda: ready(server))
    finally:
        with contextlib.suppress(EngineError):
            engine.close(drain=False, timeout=10)


def listen(host: str, port: int, key: str | None, *, backlog: int) -> socket.socket:
    """A listening socket; ServeError for an address that others can reach, unless there is a key."""
    require_port(port)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ServeError(f"host {host!r}, port {port}: no address to listen on ({error})") from error
    if key is None and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise ServeError(
            f"{host} can be reached from other machines, and there is no API key: set the environment variable "
            f"{KEY_VARIABLE}, or listen on 127.0.0.1"
        )
    return socket.create_server(address, family=family, backlog=backlog)


def require_port(port: int) -> None:
    """ServeError for a number that is no port: the system would take another one in its place."""
    if not 0 <= port <= _LAST_PORT:
        raise ServeError(f"port is {port}, it must be from 0 (any that is free) to {_LAST_PORT}")


def key_from(environment: Mapping[str, str] = os.environ) -> str | None:
    """The API key, or None where none is set. ServeError for one that no client could send."""
    key = environment.get(KEY_VARIABLE)
    if key is None:
        return None
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ServeError(
            f"{KEY_VARIABLE} is set but is no key: use printable ASCII characters without spaces"
        )
    return key


def _origin(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
