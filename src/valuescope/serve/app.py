"""The routes of the server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from valuescope.generate import Engine
from valuescope.models import encode
from valuescope.serve.bodies import ChatBody, CompletionBody, read_body, read_raw
from valuescope.serve.errors import ApiError, engine_ended, hung_up, internal, stopping, unknown_model
from valuescope.serve.exchange import Deadline, Exchange, Exchanges
from valuescope.serve.limits import Limits
from valuescope.serve.plan import Plan, most_characters, plan
from valuescope.serve.replies import ChatReplies, CompletionReplies, Replies, TokenBytes, render
from valuescope.serve.roster import Roster
from valuescope.serve.streaming import AnswerResponse, error_response, in_pool

_LONG = 1 << 16  # bytes of a body beyond which its prompts wait in a line of their own


def _make_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(4, thread_name_prefix="valuescope-serve")


def _make_long_pool() -> ThreadPoolExecutor:
    # Long prompts wait for each other, and short ones for none of them.
    return ThreadPoolExecutor(2, thread_name_prefix="valuescope-serve-long")


@dataclass
class Service:
    """What the routes share. `draining`: the server is told to stop and takes nothing new."""

    engine: Engine
    roster: Roster
    limits: Limits
    pool: ThreadPoolExecutor = field(default_factory=_make_pool)
    long_pool: ThreadPoolExecutor = field(default_factory=_make_long_pool)
    running: Exchanges = field(default_factory=Exchanges)
    draining: bool = False
    started: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        # The first call settles the tokenizer's state, so that the pool's threads only read it.
        encode(self.engine.model, ["warm up"])
        self._most_characters = most_characters(self.engine.model)
        self._bytes = TokenBytes(self.engine.model.tokenizer)

    async def answer(self, request: Request, kind: type[ChatBody] | type[CompletionBody]) -> Response:
        """The reply to a request for answers."""
        if self.draining:
            raise stopping()
        if not self.engine.alive:
            raise engine_ended()
        raw = await read_raw(request, self.limits.max_body_bytes)
        deadline = Deadline.after(self.limits.request_timeout)
        model, roster, limits, most = self.engine.model, self.roster, self.limits, self._most_characters
        pool = self.long_pool if len(raw) > _LONG else self.pool
        asked = await deadline.met(
            in_pool(pool, lambda: plan(model, roster, limits, read_body(kind, raw), most))
        )
        replies = ChatReplies(asked, self._bytes) if kind is ChatBody else self._completion(asked)
        exchange = Exchange(self.engine, asked, request.receive, deadline, self.running)
        return AnswerResponse(exchange, replies, self.pool)

    def _completion(self, asked: Plan) -> Replies:
        decode = self.engine.model.tokenizer.decode
        first = [prompt.tokens[0] for prompt in asked.prompts if asked.echo]
        names = [self._bytes.name(token, str(decode([token]))) for token in first]
        return CompletionReplies(asked, self._bytes, names)


def create_app(service: Service) -> FastAPI:
    """The application; it answers every error in the API's shape."""
    app = FastAPI(title="valuescope", openapi_url=None, docs_url=None, redoc_url=None)
    roster = service.roster

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        return await service.answer(request, ChatBody)

    @app.post("/v1/completions")
    async def complete(request: Request) -> Response:
        return await service.answer(request, CompletionBody)

    @app.get("/v1/models")
    async def models() -> Response:
        listed = [served.describe(int(service.started)) for served in roster.models]
        return _json({"object": "list", "data": listed})

    @app.get("/v1/models/{name:path}")
    async def model_called(name: str) -> Response:
        served = roster.find(name)
        if served is None:
            raise unknown_model(name, roster.ids)
        return _json(served.describe(int(service.started)))

    @app.get("/health")
    async def health() -> Response:
        alive = service.engine.alive
        return _json(
            {
                "status": "stopping" if service.draining else "ok" if alive else "dead",
                "model": roster.ids[0],
                "models": len(roster.ids),
                "seconds": round(time.time() - service.started, 1),
                "requests_running": len(service.running),
                "engine": asdict(service.engine.stats),
            },
            200 if alive else 503,
        )

    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _fault)
    return app


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(render(content), status, media_type="application/json")


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error)


async def _http_error(request: Request, error: Exception) -> Response:
    """No such address, or not by this method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        message = f"Unknown address: {request.method} {request.url.path[:200]}."
        reply = ApiError(404, message, code="unknown_url")
    elif error.status_code == 405:
        message = f"{request.method} is not allowed for {request.url.path[:200]}."
        reply = ApiError(405, message, code="method_not_allowed", headers=error.headers)
    else:
        reply = ApiError(error.status_code, "The request could not be handled.", code="http_error")
    return error_response(reply)


async def _gone(request: Request, error: Exception) -> Response:
    return error_response(hung_up())


async def _fault(request: Request, error: Exception) -> Response:
    return error_response(internal())
