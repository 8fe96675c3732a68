"""The studio's page and what it asks for: JSON, and server-sent events where something grows."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from functools import partial
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles

from valuescope.chat import Room
from valuescope.chat.conversation import ConversationError
from valuescope.report.colours import variables
from valuescope.studio.profile import Progress, profile_steps
from valuescope.studio.studio import Studio

HOSTS = ("127.0.0.1", "localhost", "[::1]", "::1")
"""Names under which the page may be asked for: a page of the net that points its own name here is refused."""
MOST_CHARACTERS = 20_000
_Tab = Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    tab: str = _Tab


class _Strengths(_Body):
    strengths: dict[str, float] = {}


class _Question(_Strengths):
    question: str = Field(max_length=MOST_CHARACTERS)
    compare: bool = False


class _Start(_Body):
    system: str = Field("", max_length=MOST_CHARACTERS)


def create_app(studio: Studio) -> FastAPI:
    """The application; every error is JSON with a field `error`."""
    app = FastAPI(title="valuescope studio", openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))
    html, policy = _page()

    @app.get("/")
    async def page() -> Response:
        return HTMLResponse(
            html, headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        )

    @app.get("/api/state")
    async def state() -> Response:
        return JSONResponse(studio.state())

    @app.post("/api/talk")
    async def talk(request: Request) -> Response:
        asked = await _read(request, _Question)
        room = studio.room(asked.tab)
        _set(room, asked.strengths)
        room.compare = asked.compare
        reply = await run_in_threadpool(room.ask, asked.question)
        return _events(_told(room, reply), reply.cancel)

    @app.post("/api/undo")
    async def undo(request: Request) -> Response:
        room = studio.room((await _read(request, _Body)).tab)
        return JSONResponse({"question": room.conversation.undo().question})

    @app.post("/api/new")
    async def new(request: Request) -> Response:
        start = await _read(request, _Start)
        studio.room(start.tab).begin(start.system)
        return JSONResponse({})

    @app.post("/api/profile")
    async def profile(request: Request) -> Response:
        asked = await _read(request, _Strengths)
        edit = studio.room(asked.tab).steering.edit(asked.strengths)
        steps = profile_steps(studio.engine, studio.pairs, edit, seed=studio.sampling.seed)
        return _events((_shown(step) for step in steps), steps.close)

    @app.get("/api/leakage")
    async def leakage() -> Response:
        return JSONResponse([] if studio.run is None else studio.run.matrices())

    @app.get("/api/answers")
    async def answers(search: str = "", value: str = "") -> Response:
        view = studio.run
        return JSONResponse(
            {"total": 0, "values": [], "questions": []}
            if view is None
            else view.answers(search=search, value=value)
        )

    if studio.neurons is not None:
        app.mount("/neurons", StaticFiles(directory=studio.neurons, html=True))
    for kind in (ConversationError, ValueError, RuntimeError):
        app.add_exception_handler(kind, _refused)
    return app


def _page() -> tuple[str, str]:
    """The page, whole, and the policy under which it runs: its own script and style, this server, and nothing else."""
    folder = files("valuescope.studio")
    script, style = (folder.joinpath(f"page.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    html = folder.joinpath("page.html").read_text(encoding="utf-8")
    html = html.replace("/*style*/", variables() + style).replace("/*script*/", script)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html, policy


async def _read(request: Request, kind: type[Any]) -> Any:
    """The body; only as JSON, which no foreign page can send without being asked first."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise ValueError("the body must be application/json")
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _set(room: Room, strengths: dict[str, float]) -> None:
    room.steering.edit(strengths)  # all are checked before any is set
    for name, strength in strengths.items():
        room.steering.set(name, strength)


def _told(room: Room, reply: Any) -> Iterator[dict[str, Any]]:
    for side, piece in reply.pieces():
        yield {"side": side, "piece": piece}
    yield {"done": room.keep(reply).to_dict()}


def _shown(step: Any) -> dict[str, Any]:
    if isinstance(step, Progress):
        return {"done": step.done, "total": step.total}
    return {
        "profile": [
            {
                "value": row.value,
                "base": row.base.to_dict(),
                "edited": row.edited.to_dict(),
                "change": row.change.to_dict(),
            }
            for row in step
        ]
    }


def _events(steps: Iterator[dict[str, Any]], stop: Any) -> StreamingResponse:
    """Server-sent events of what comes; where the reader goes away, `stop` is called."""

    async def stream() -> AsyncIterator[str]:
        try:
            while (step := await run_in_threadpool(partial(next, steps, None))) is not None:
                yield f"data: {json.dumps(step)}\n\n"
        except (ValueError, RuntimeError) as error:
            yield f"data: {json.dumps({'error': ' '.join(str(error).split())})}\n\n"
        finally:
            stop()

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": " ".join(str(error).split())}, status_code=400)
