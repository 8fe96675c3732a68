"""What every request passes before a route sees it: whose name it calls the server by, and its key."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from valuescope.serve.errors import ApiError, ambiguous_length, internal, invalid_key
from valuescope.serve.streaming import error_response

_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_log = logging.getLogger("valuescope.serve")


class Gate:
    """ASGI middleware: refuses a body of two lengths, checks the key of /v1 in constant time, and lets no fault of ours out but a bare 500.

    Without a key the server is bound to this machine alone; then the Host header has to say so too, so that a web page
    whose name was made to point here cannot use it (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, key: str | None) -> None:
        self._app = app
        self._digest = None if key is None else _digest(key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            return
        started, number = False, f"req_{secrets.token_hex(12)}".encode()

        async def tell(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", []), (b"x-request-id", number)]
            await send(message)

        try:
            refusal = self._refusal(scope)
            app = self._app if refusal is None else error_response(refusal)
            await app(scope, receive, tell)
        except asyncio.CancelledError:
            return  # the server was stopped by force; the connection is gone
        except Exception:
            # The application has answered with a bare 500 where it still could.
            _log.exception("request %s failed", number.decode())
            if not started:
                await error_response(internal())(scope, receive, tell)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        if "transfer-encoding" in headers and (
            "content-length" in headers or scope.get("http_version") == "1.0"
        ):
            return ambiguous_length()
        if self._digest is None:
            host = headers.get("host", _LOCAL[0]).lower()
            name = host if host.endswith("]") else host.rpartition(":")[0] or host
            if name in _LOCAL:
                return None
            return ApiError(
                403,
                "This server has no API key and answers to localhost only; for other names start it with a key.",
                code="host_refused",
            )
        if scope["path"] != "/v1" and not scope["path"].startswith("/v1/"):
            return None
        given = headers.getlist("authorization")
        scheme, _, key = given[0].strip().partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() == "bearer" and hmac.compare_digest(_digest(key.strip()), self._digest):
            return None
        return invalid_key(given=bool(given))


def _digest(key: str) -> bytes:
    # Digests have one length: the comparison tells nothing, not even how long the key is.
    return hashlib.sha256(key.encode()).digest()
