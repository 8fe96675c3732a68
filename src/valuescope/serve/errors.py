"""Errors in the shape of the API: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
    504: "timeout_error",
}


@dataclass(eq=False)
class ApiError(Exception):
    """An error as a client sees it: everything in it leaves the server."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] | None = None

    def __str__(self) -> str:
        return self.message

    def shape(self) -> dict[str, Any]:
        """The body of the reply."""
        kind = _TYPES.get(self.status, "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def refused(message: str, param: str | None, code: str = "invalid_value") -> ApiError:
    """400: what was asked is wrong, or not offered here."""
    return ApiError(400, message, code=code, param=param)


def ambiguous_length() -> ApiError:
    """400: a proxy before the server may have taken another end for the request's; the connection is closed."""
    return ApiError(
        400,
        "The request has both Content-Length and Transfer-Encoding (or the latter in HTTP/1.0): its end is not certain.",
        code="ambiguous_length",
        headers={"Connection": "close"},
    )


def invalid_key(*, given: bool) -> ApiError:
    """401."""
    message = (
        "The API key is not the server's."
        if given
        else "This server wants an API key: send the header `Authorization: Bearer KEY`."
    )
    code = "invalid_api_key" if given else "missing_api_key"
    return ApiError(401, message, code=code, headers={"WWW-Authenticate": "Bearer"})


def unknown_model(name: str, known: Sequence[str]) -> ApiError:
    """404."""
    return ApiError(
        404,
        f"The model {name[:200]!r} is not served here. Served are: {', '.join(known)}.",
        code="model_not_found",
        param="model",
    )


def busy() -> ApiError:
    """429: the queue is full."""
    return ApiError(
        429,
        "The server's queue is full: ask again later, or with fewer prompts and choices.",
        code="queue_full",
        headers={"Retry-After": "1"},
    )


def internal() -> ApiError:
    """500: a fault of ours, of which the client learns no more than that."""
    return ApiError(500, "The server failed to answer this request.", code="internal_error")


def stopping() -> ApiError:
    """503: the server is shutting down."""
    return ApiError(503, "The server is shutting down.", code="shutting_down", headers={"Retry-After": "5"})


def engine_ended() -> ApiError:
    """503: the engine has ended, and nothing but a new start of the server helps."""
    return ApiError(
        503,
        "The server's engine has ended and answers nothing any more: the server has to be started again.",
        code="engine_ended",
        headers={"x-should-retry": "false"},
    )


def too_long(place: str, characters: int, most: int, context: int) -> ApiError:
    """400: a text that is not even made into tokens."""
    return refused(
        f"{place} has {characters} characters: the model's context is {context} tokens, and the server reads at most "
        f"{most} characters for it.",
        place,
        "context_length_exceeded",
    )


def timed_out(seconds: float) -> ApiError:
    """504. A retry would take as long again, so the official client is told not to."""
    return ApiError(
        504,
        f"The answer was not ready within {seconds:g} seconds. Ask for fewer tokens or choices.",
        code="timeout",
        headers={"x-should-retry": "false"},
    )


def hung_up() -> ApiError:
    """499: for the log; nobody is there to read it."""
    return ApiError(499, "The client closed the connection.", code="client_closed")


def not_finite(*, edited: bool) -> ApiError:
    """The model's numbers overflow: under an edit that is the request's fault, else the server's."""
    if not edited:
        return internal()
    return refused(
        "The model's numbers overflow under so strong an edit: lower `strength`.", "strength", "not_finite"
    )


def from_validation(error: ValidationError) -> ApiError:
    """The first thing that is wrong with a body, naming its field."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = _place(first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "json_invalid":
        return refused(f"The body could not be read. {message}.", None, "invalid_json")
    if first["type"] == "extra_forbidden":
        return refused(f"Unknown parameter: {place!r}.", place, "unknown_parameter")
    if first["type"] == "missing":
        return refused(f"Missing required parameter: {place!r}.", place, "missing_required_parameter")
    return refused(f"{place}: {message}." if place else f"{message}.", place, "invalid_value")


def _place(parts: Sequence[int | str]) -> str | None:
    """`messages[0].content`: names as the client wrote them, without the tags of unions (`<...>`)."""
    named = ""
    for part in parts:
        if isinstance(part, int):
            named += f"[{part}]"
        elif not part.startswith("<"):
            named += f".{part[:100]}" if named else part[:100]
    return named or None
