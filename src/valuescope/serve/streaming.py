"""Answers over HTTP: whole, or as server-sent events while they are written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from valuescope.serve.errors import ApiError
from valuescope.serve.exchange import Exchange
from valuescope.serve.replies import Replies, event, render

T = TypeVar("T")


async def in_pool(pool: Executor, call: Callable[[], T]) -> T:
    """What `call` returns or raises; for what would hold up the event loop: tokenising, replies of many megabytes."""
    return await asyncio.get_running_loop().run_in_executor(pool, call)


def error_response(error: ApiError) -> Response:
    """An error in the API's shape."""
    return Response(render(error.shape()), error.status, error.headers, "application/json")


class AnswerResponse(Response):
    """Runs an exchange and sends what comes of it; the rows leave the engine whatever happens."""

    def __init__(self, exchange: Exchange, replies: Replies, pool: Executor) -> None:
        super().__init__()
        self._exchange = exchange
        self._replies = replies
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say why not: by its status as long as nothing was sent, else by an event."""
        stream = _EventStream(send)
        try:
            async with self._exchange as exchange:
                await in_pool(self._pool, exchange.submit)
                if exchange.plan.stream:
                    async for chunk in self._chunks(exchange):
                        await stream.send(chunk)
                else:
                    await exchange.finished()
                    await Response(await self._whole(exchange), media_type="application/json")(
                        scope, receive, send
                    )
        except ApiError as error:
            if not stream.started:
                await error_response(error)(scope, receive, send)
                return
            await stream.send(event(error.shape()))
        if stream.started:
            await stream.end()

    async def _whole(self, exchange: Exchange) -> bytes:
        def made() -> bytes:
            answers = [exchange.answers[index] for index in range(len(exchange.plan.answers))]
            return render(self._replies.whole(answers, exchange.scores))

        # Log-probabilities can make a reply of many megabytes.
        return made() if exchange.plan.top_logprobs is None else await in_pool(self._pool, made)

    async def _chunks(self, exchange: Exchange) -> AsyncIterator[bytes]:
        plan, replies = exchange.plan, self._replies
        await exchange.scored()
        opened, closed = set[int](), set[int]()

        def opening(index: int) -> list[bytes]:
            if index in opened:
                return []
            opened.add(index)
            chunk = replies.opening(index, exchange.scores.get(index // plan.n))
            return [] if chunk is None else [event(chunk)]

        def closings(indices: set[int]) -> list[bytes]:
            made = list[bytes]()
            for index in sorted(indices - closed):
                made += [*opening(index), event(replies.closing(index, exchange.answers.get(index)))]
            closed.update(indices)
            return made

        while pieces := await exchange.pieces():
            # All that has come goes out in one write.
            ready = list[bytes]()
            for index, text, logprobs in pieces:
                ready += [*opening(index), event(replies.piece(index, text, logprobs))]
            yield b"".join([*ready, *closings(set(exchange.answers))])
        used = [event(replies.usage(list(exchange.answers.values())))] if plan.stream_usage else []
        yield b"".join([*closings(set(range(plan.choices))), *used, b"data: [DONE]\n\n"])


class _EventStream:
    """Sends the head of the response with its first event."""

    def __init__(self, send: Send) -> None:
        self.started = False
        self._send = send

    async def send(self, chunk: bytes) -> None:
        if not self.started:
            self.started = True
            headers = [
                (b"content-type", b"text/event-stream; charset=utf-8"),
                (b"cache-control", b"no-store"),
                (b"x-accel-buffering", b"no"),  # asks proxies not to collect events
            ]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
