"""Clients that misbehave, and what the server should do with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

PATH = "/v1/chat/completions"
Offence = Callable[[int], Awaitable[str]]


def _request(body: bytes, *, length: int | None = None, chunked: bool = False) -> bytes:
    size = (
        "Transfer-Encoding: chunked"
        if chunked
        else f"Content-Length: {len(body) if length is None else length}"
    )
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{size}\r\n\r\n"
    return head.encode() + body


def _question(tokens: int, *, stream: bool) -> bytes:
    content = {
        "model": "base",
        "messages": [{"role": "user", "content": "Should Mei rest?"}],
        "max_tokens": tokens,
    }
    return json.dumps({**content, "n": 4, "temperature": 1, "stream": stream}).encode()


@asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _status(reader: asyncio.StreamReader) -> str:
    """The status of the reply; "closed" where there is none."""
    with suppress(ConnectionError):
        line = await asyncio.wait_for(reader.readline(), 60)
        if line:
            return line.split()[1].decode()
    return "closed"


async def drip(port: int) -> str:
    """A body that comes byte by byte."""
    async with _connected(port) as (reader, writer):
        writer.write(_request(b"", length=5000))
        told = asyncio.create_task(_status(reader))
        with suppress(ConnectionError):
            while not told.done():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
        return await told


async def half_closed(port: int) -> str:
    """A request, and then the end of what the client sends."""
    async with _connected(port) as (reader, writer):
        writer.write(_request(_question(60, stream=False)))
        writer.write_eof()
        return await _status(reader)


async def oversized(port: int) -> str:
    """A body beyond the limit, with its length."""
    async with _connected(port) as (reader, writer):
        with suppress(ConnectionError):
            writer.write(_request(b" " * 3_000_000))
            await writer.drain()
        return await _status(reader)


async def oversized_chunks(port: int) -> str:
    """A body beyond the limit that does not say how long it is."""
    async with _connected(port) as (reader, writer):
        with suppress(ConnectionError):
            writer.write(_request(b"", chunked=True))
            for _ in range(300):
                writer.write(b"%x\r\n" % 10_000 + b" " * 10_000 + b"\r\n")
                await writer.drain()
        return await _status(reader)


async def malformed_json(port: int) -> str:
    """A body that is no JSON."""
    async with _connected(port) as (reader, writer):
        writer.write(_request(b'{"model": "base", "messages": [' + b"[" * 5000))
        return await _status(reader)


async def malformed_http(port: int) -> str:
    """No HTTP at all."""
    async with _connected(port) as (reader, writer):
        writer.write(b"\x16\x03\x01\x02\x00" + bytes(range(32, 200)) + b"\r\n\r\n")
        return await _status(reader)


async def hang_up_in_stream(port: int) -> str:
    """A reset in the middle of a stream."""
    async with _connected(port) as (reader, writer):
        writer.write(_request(_question(60, stream=True)))
        status = await _status(reader)
        with suppress(ConnectionError):
            await reader.read(600)
        return status


async def two_lengths(port: int) -> str:
    """A body whose end two headers tell otherwise."""
    async with _connected(port) as (reader, writer):
        request = _request(b"0\r\n\r\n", length=1000)
        writer.write(request.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n", 1))
        return await _status(reader)


OFFENCES: Mapping[str, tuple[Offence, tuple[str, ...]]] = {
    "slow writer": (drip, ("408",)),
    "half closed": (half_closed, ("closed",)),
    "oversized": (oversized, ("413", "closed")),
    "oversized in chunks": (oversized_chunks, ("413", "closed")),
    "malformed JSON": (malformed_json, ("400",)),
    "malformed HTTP": (malformed_http, ("400",)),
    "two lengths": (two_lengths, ("400",)),
    "hangs up in its stream": (hang_up_in_stream, ("200",)),
}
"""Each with what the server should reply: a status, or a closed connection."""
