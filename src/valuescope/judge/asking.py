"""Asking models: many calls through any Inspect model, bounded, retried where that helps, and never paid twice.

Inspect is an extra: it is imported when a model is asked, not before.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from valuescope.files import sha256_of
from valuescope.judge.asked_model import AskError, identity, redacted, resolve_model
from valuescope.judge.prompt import JudgePrompt, Rendered
from valuescope.judge.reply_store import ModelReply, ReplyStore, reply_of
from valuescope.progress import StepProgress

if TYPE_CHECKING:
    from inspect_ai.model import GenerateConfig, Model

Result = TypeVar("Result")
logger = logging.getLogger(__name__)

TOP_LOGPROBS = 20  # what the widest services give; the mass of all ratings is nearly always within it
AT_ONCE = 100
"""Calls begun at once where no number is given; how many are let through is then Inspect's to adapt."""


@dataclass(frozen=True)
class Call:
    """One call of a model.

    `prompt` names the prompt, its version and its hash. `draw` counts repeated calls that are meant to differ, which
    takes a temperature above 0; the seed is then set to it. `top_logprobs`: how many alternatives to ask
    for; None for no log-probabilities.
    """

    user: str
    system: str = ""
    prompt: str = ""
    draw: int = 0
    temperature: float = 0.0
    top_logprobs: int | None = None
    max_tokens: int = 64

    @classmethod
    def of(cls, prompt: JudgePrompt, fields: Mapping[str, str], system: str = "", **settings: Any) -> Call:
        """A prompt with its fields filled in, behind a system message; `settings` are the call's other fields."""
        rendered = prompt.render(**fields)
        before = "\n\n".join(text for text in (system, rendered.system) if text)
        return cls(rendered.user, before, prompt.id, **settings)


class Asker:
    """One model to ask.

    Args:
        model: a name that Inspect knows, such as `openai/gpt-4o`, or a Model. Keys come from the environment.
        base_url: of an OpenAI-compatible service (with names such as `openai-api/local/<model>`).
        model_args: passed to the provider, such as `{"edits": "power.json"}`.
        store: a file that keeps every reply; a call that it holds is not made again.
        max_connections: calls at once; None: as many as the service bears, by Inspect's adaptive rule.
        retries: of one call, for errors that the provider holds for passing ones (no others are retried).
        timeout: seconds for one attempt.
        give_up_after: so many calls in a row that end in errors raise AskError; None: never.

    Raises:
        AskError: where the model is unknown, its key or package is missing, or Inspect is not installed.
    """

    def __init__(
        self,
        model: str | Model,
        *,
        base_url: str | None = None,
        model_args: Mapping[str, Any] | None = None,
        store: str | Path | None = None,
        max_connections: int | None = None,
        retries: int = 4,
        timeout: int = 120,
        give_up_after: int | None = 25,
    ):
        self.model = resolve_model(model, base_url, model_args)
        self.name = str(self.model)
        self.store = None if store is None else ReplyStore(Path(store))
        self.max_connections, self.retries, self.timeout = max_connections, retries, timeout
        self.give_up_after, self._errors_in_a_row = give_up_after, 0
        self._identity = identity(self.model)

    def key(self, call: Call) -> str:
        """The hash of a call: who is asked what, how, and for which time."""
        fields = asdict(call)
        settings = {name: fields.pop(name) for name in ("temperature", "top_logprobs", "max_tokens")}
        return sha256_of({"model": self._identity, "settings": settings, "asked": fields})

    def ask(self, calls: Sequence[Call], progress: StepProgress | None = None) -> list[ModelReply]:
        """The replies to all calls, in order; equal calls are made once.

        An error that outlives its retries is a reply with `error` set, and is asked again next time. It blocks until
        all are there, also inside a running event loop, where `ask_async` does not.

        Raises:
            AskError: after `give_up_after` errors in a row; what was answered is kept.
        """
        return _wait_for(self.ask_async(calls, progress))

    def ask_groups(
        self, groups: Sequence[Sequence[Call]], progress: StepProgress | None = None
    ) -> list[list[ModelReply]]:
        """`ask` for groups of calls: the replies to each group."""
        replies = iter(self.ask([call for group in groups for call in group], progress))
        return [list(islice(replies, len(group))) for group in groups]

    async def ask_async(
        self, calls: Sequence[Call], progress: StepProgress | None = None
    ) -> list[ModelReply]:
        """`ask` without blocking; use this inside Inspect's solvers and scorers."""
        import anyio

        keys = [self.key(call) for call in calls]
        wanted = dict(zip(keys, calls, strict=True))
        kept = {} if self.store is None else {key: self.store.get(key) for key in wanted}
        replies = {key: reply for key, reply in kept.items() if reply is not None}
        slots = anyio.Semaphore(self.max_connections or AT_ONCE)
        times = Counter(keys)
        done = sum(times[key] for key in replies)

        async def make(key: str, call: Call) -> None:
            nonlocal done
            try:
                reply = await self._call(call)
            finally:
                slots.release()
            if self.store is not None:
                about = {"model": self.name, "prompt": call.prompt, "draw": call.draw}
                self.store.put(key, reply, about)
            replies[key] = reply
            self._errors_in_a_row = self._errors_in_a_row + 1 if reply.error else 0
            if self.give_up_after is not None and self._errors_in_a_row >= self.give_up_after:
                raise AskError(
                    f"{self.name}: {self._errors_in_a_row} calls in a row ended in errors, so the rest is not tried; "
                    f"the last: {reply.error}"
                )
            done += times[key]
            if progress is not None:
                progress(done, len(keys))

        if replies and progress is not None:
            progress(done, len(keys))
        try:
            async with anyio.create_task_group() as tasks:
                for key, call in wanted.items():
                    if key not in replies:
                        await slots.acquire()
                        # A task of its own: Inspect keeps the events of a task's calls as long as the task lives.
                        tasks.start_soon(make, key, call)
        except BaseExceptionGroup as group:
            raise _first(group) from None
        return [replies[key] for key in keys]

    async def _call(self, call: Call) -> ModelReply:
        from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser
        from inspect_ai.util import LimitExceededError

        messages: list[ChatMessage] = [ChatMessageUser(content=call.user)]
        if call.system:
            messages.insert(0, ChatMessageSystem(content=call.system))
        try:
            return reply_of(await self.model.generate(messages, config=self._config(call)))
        except LimitExceededError:
            raise  # the limit of an evaluation around us, not an error of this call
        except Exception as error:  # whatever a provider raises, one call must not end the others
            if type(error).__name__ == "ModelRefusalError":  # by name: older releases of Inspect have none
                return ModelReply("", "content_filter")
            logger.debug("%s: a call failed", self.name, exc_info=True)
            return ModelReply("", stop="error", error=_message(error))

    def _config(self, call: Call) -> GenerateConfig:
        from inspect_ai.model import GenerateConfig

        return GenerateConfig(
            temperature=call.temperature,
            max_tokens=call.max_tokens,
            seed=call.draw if call.temperature > 0 else None,
            logprobs=None if call.top_logprobs is None else True,
            top_logprobs=call.top_logprobs,
            max_connections=self.max_connections,
            max_retries=self.retries,
            attempt_timeout=self.timeout,
        )

    def close(self) -> None:
        """Close the store."""
        if self.store is not None:
            self.store.close()


def ask(
    model: str | Model,
    prompts: Sequence[Rendered],
    *,
    n: int = 1,
    temperature: float = 0.0,
    top_logprobs: int | None = None,
    max_tokens: int = 64,
    prompt: str = "",
    progress: StepProgress | None = None,
    **service: Any,
) -> list[list[ModelReply]]:
    """The `n` replies to each of many rendered prompts; `prompt` names what they were rendered from (`JudgePrompt.id`).

    `service` takes the arguments of `Asker`: base_url, model_args, store, max_connections, retries, timeout, give_up_after.

    Raises:
        AskError: where the model cannot be asked (see `Asker`).
    """
    asker = Asker(model, **service)
    calls = [
        [
            Call(text.user, text.system, prompt, draw, temperature, top_logprobs, max_tokens)
            for draw in range(n)
        ]
        for text in prompts
    ]
    try:
        return asker.ask_groups(calls, progress)
    finally:
        asker.close()


def _message(error: BaseException) -> str:
    """What an error says, in one line, without the request that Inspect puts in front of it."""
    from tenacity import RetryError

    while isinstance(error, RetryError):
        last = error.last_attempt.exception()
        if last is None:
            break
        error = last
    message = getattr(error, "provider_message", None) or str(error) or type(error).__name__
    return redacted(" ".join(str(message).split())[:500])


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One event loop in a thread of its own, for all callers that have none: connections live and die with a loop."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="valuescope-asking", daemon=True).start()
    return loop


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group: the others are the tasks that it stopped."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _wait_for(coroutine: Coroutine[Any, Any, Result]) -> Result:
    loop = _loop()
    if asyncio._get_running_loop() is loop:
        coroutine.close()
        raise AskError("ask would wait for the loop that it blocks; await ask_async here")
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
