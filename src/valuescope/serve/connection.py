"""One connection: what HTTP itself leaves to a server's patience.

uvicorn's options have none of these limits, and an ASGI application hears of a request only once its headers are there,
and cannot cut a connection. So they are set where uvicorn reads and writes, in a class of its that is no public
interface (uvicorn < 1 is pinned; the tests of serving hold every one):

- `read_timeout`: headers that do not end, a second request on a kept connection that does not end, the rest of a body
  that was refused; uvicorn waits for ever, `timeout_keep_alive` ends with the first byte;
- `write_timeout`: uvicorn waits for ever for a reader;
- `max_connections`: `limit_concurrency` refuses requests, not connections, and in plain text;
- errors of HTTP itself in the shape of the API: uvicorn's 400 is plain text.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from valuescope.serve.errors import ApiError
from valuescope.serve.limits import Limits
from valuescope.serve.replies import render


class PatientConnection(H11Protocol):
    """uvicorn's HTTP/1.1 with limits to both directions.

    A request has to arrive whole within `read_timeout` of its first byte, an answer has to be taken within
    `write_timeout` of the moment its reader falls behind, and there are at most `max_connections`. A client that
    closes its sending side has hung up. Errors of HTTP itself have the API's shape, too.
    """

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._arriving: asyncio.TimerHandle | None = None
        self._leaving: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.max_connections:
            self._refuse(
                ApiError(503, "The server has too many open connections.", code="too_many_connections")
            )
            return
        self._arriving = self.loop.call_later(self._limits.read_timeout, self._read_too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._stop_reading_clock()
        self._stop_writing_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; the clock runs from a request's first byte to its last."""
        super().data_received(data)
        self._watch_reading()

    def on_response_complete(self) -> None:
        """Go on with the next request, which may have begun to arrive, and see that the answer is taken."""
        super().on_response_complete()
        self._watch_reading()
        self._watch_leaving()

    def pause_writing(self) -> None:
        """The reader falls behind."""
        super().pause_writing()
        self._watch_leaving()

    def resume_writing(self) -> None:
        """The reader has caught up."""
        super().resume_writing()
        self._stop_writing_clock()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP."""
        self._refuse(ApiError(400, "This is no HTTP/1.1 that the server can read.", code="invalid_http"))

    def _watch_reading(self) -> None:
        state = self.conn.their_state
        arriving = state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))
        if not arriving or self.transport.is_closing():
            self._stop_reading_clock()
        elif self._arriving is None:
            self._arriving = self.loop.call_later(self._limits.read_timeout, self._read_too_slow)

    def _watch_leaving(self) -> None:
        if self._leaving is None and self.transport.get_write_buffer_size():
            self._leaving = self.loop.call_later(self._limits.write_timeout, self._cut_off)

    def _stop_reading_clock(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _stop_writing_clock(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _read_too_slow(self) -> None:
        seconds = self._limits.read_timeout
        self._refuse(
            ApiError(408, f"The request did not arrive within {seconds:g} seconds.", code="request_timeout")
        )

    def _refuse(self, error: ApiError) -> None:
        """Say it where nothing else is being said, and close."""
        if self.transport.is_closing():
            return
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = render(error.shape())
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            reply = h11.Response(status_code=error.status, headers=headers, reason=b"")
            for event in (reply, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:  # its application has nobody to talk to any more
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
        self._watch_leaving()

    def _cut_off(self) -> None:
        self._leaving = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()
