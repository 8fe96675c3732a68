"""Reading a request's body within its limit."""

from __future__ import annotations

from starlette.requests import Request

from valuescope.serve.errors import ApiError


async def read_raw(request: Request, limit: int) -> bytes:
    """The body's bytes, counted as they come. ApiError where it is too large (413) or no JSON by its header (415).

    What is not read here is thrown away by the connection, which gives it as long as any request has to arrive.
    """
    kind, _, settings = request.headers.get("content-type", "").partition(";")
    charset = settings.strip().lower()
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise ApiError(
            415,
            "The body must be JSON in UTF-8, with the header `Content-Type: application/json`.",
            code="not_json",
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError(
            415, "Compressed bodies are not read here: leave Content-Encoding out.", code="compressed"
        )
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > limit:
        raise _too_large(limit)
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"The body is larger than {limit} bytes, the server's limit.", code="body_too_large")
