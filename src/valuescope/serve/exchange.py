"""One request while the engine works on it: what has come, and what may end it early."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from valuescope.edit import EditError
from valuescope.generate import (
    Answer,
    Engine,
    EngineBusy,
    EngineClosed,
    GenerationError,
    Scores,
    TokenLogprob,
)
from valuescope.serve.errors import (
    ApiError,
    busy,
    engine_ended,
    hung_up,
    internal,
    not_finite,
    stopping,
    timed_out,
)
from valuescope.serve.plan import Plan

T = TypeVar("T")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_log = logging.getLogger("valuescope.serve")


@dataclass(frozen=True)
class Deadline:
    """When the answer to a request has to be ready: `seconds` after it has arrived, `at` by the event loop's clock."""

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Counted from now."""
        return cls(asyncio.get_running_loop().time() + seconds, seconds)

    def passed(self) -> ApiError:
        """What is said to one who waits for longer."""
        return timed_out(self.seconds)

    async def met(self, work: Awaitable[T]) -> T:
        """What `work` returns; ApiError where it takes too long."""
        try:
            async with asyncio.timeout_at(self.at):
                return await work
        except TimeoutError as error:
            raise self.passed() from error


class Exchanges(set["Exchange"]):
    """Those that run now."""

    def end_all(self) -> None:
        """The server has to stop: who still waits is told so."""
        for exchange in list(self):
            exchange.end(stopping())


class Exchange:
    """A plan's rows in the engine, seen from the event loop; leaving the `with` block takes them out of the engine.

    It ends early where the client hangs up, the time is over, the server stops or a row fails: then `pieces` and
    `finished` raise the ApiError. Pieces that nobody fetched are kept: at most the answers themselves.
    """

    def __init__(
        self, engine: Engine, plan: Plan, receive: Receive, deadline: Deadline, running: Exchanges
    ) -> None:
        self.plan = plan
        self.answers: dict[int, Answer] = {}
        self.scores: dict[int, Scores] = {}
        self._engine = engine
        self._receive = receive
        self._deadline = deadline
        self._running = running
        self._futures: list[Future[Any]] = []
        self._pieces: dict[int, tuple[list[str], list[TokenLogprob]]] = {}
        self._waiting = len(plan.answers) + len(plan.scores)
        self._reason: ApiError | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.call_at(self._deadline.at, lambda: self.end(self._deadline.passed()))
        self._listening = asyncio.create_task(self._listen())
        self._running.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.discard(self)
        self._clock.cancel()
        self._listening.cancel()
        self.end(hung_up())

    def submit(self) -> None:
        """Hand all rows to the engine (from any thread). ApiError where it does not take all of them."""
        try:
            for index, request in enumerate(self.plan.answers):
                listener = self._listener(index) if self.plan.stream else None
                self._add(self._engine.submit(request, on_text=listener), self.answers, index)
            for number, score in self.plan.scores.items():
                self._add(self._engine.submit(score), self.scores, number)
        except Exception as error:
            raise _as_api_error(error, self.plan) from error

    def end(self, reason: ApiError) -> None:
        """Give up: the rows leave the engine, and who waits here hears the reason (the first one counts)."""
        if self._reason is None:
            self._reason = reason
        self._cancel()
        self._changed.set()

    async def finished(self) -> None:
        """Wait until all answers and scores are there."""
        while not self._over():
            await self._change()

    async def scored(self) -> None:
        """Wait until all scores are there."""
        while len(self.scores) < len(self.plan.scores) and not self._over():
            await self._change()

    async def pieces(self) -> list[tuple[int, str, list[TokenLogprob]]]:
        """Wait for more text and return all there is, choice by choice; none when all has been returned."""
        while not self._pieces and not self._over():
            await self._change()
        taken, self._pieces = self._pieces, {}
        return [(index, "".join(texts), logprobs) for index, (texts, logprobs) in taken.items()]

    def _over(self) -> bool:
        if self._reason is not None:
            raise self._reason
        return self._waiting == 0

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _cancel(self) -> None:
        for future in list(self._futures):
            future.cancel()

    def _add(self, future: Future[Any], results: dict[int, Any], index: int) -> None:
        self._futures.append(future)
        if self._reason is not None:  # it ended while the rows were handed over
            future.cancel()
        future.add_done_callback(lambda done: self._in_loop(self._settle, done, results, index))

    def _listener(self, index: int) -> Callable[[str, tuple[TokenLogprob, ...]], None]:
        def listen(text: str, logprobs: tuple[TokenLogprob, ...]) -> None:
            self._in_loop(self._take, index, text, logprobs)

        return listen

    def _in_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, *arguments)

    def _take(self, index: int, text: str, logprobs: tuple[TokenLogprob, ...]) -> None:
        texts, known = self._pieces.setdefault(index, ([], []))
        texts.append(text)
        known.extend(logprobs)
        self._changed.set()

    def _settle(self, future: Future[Any], results: dict[int, Any], index: int) -> None:
        self._waiting -= 1
        if future.cancelled():  # where it was not ended here, its listener raised
            self.end(internal())
        elif (error := future.exception()) is not None:
            self.end(_as_api_error(error, self.plan))
        else:
            results[index] = future.result()
        self._changed.set()

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.end(hung_up())


def _as_api_error(error: BaseException, plan: Plan) -> ApiError:
    """What the client is told of an engine's error."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, EngineBusy):
        return busy()
    if isinstance(error, EngineClosed):
        return engine_ended()
    if isinstance(error, GenerationError | EditError):
        # Prompts, lengths and ids were checked before: what is left is an edit too strong for the numbers.
        _log.warning("a request failed: %s", error)
        return not_finite(edited=plan.edited)
    _log.error("a request failed", exc_info=error)
    return internal()
