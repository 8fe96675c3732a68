"""The future of a request, which knows from where it must not be waited for, and what can go wrong with an engine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
_log = logging.getLogger("valuescope.generate")


class EngineError(RuntimeError):
    """What an engine cannot do as asked."""


class EngineBusy(EngineError):  # noqa: N818 - a state, as in queue.Full
    """The queue is full: ask again later."""


class EngineClosed(EngineError):  # noqa: N818
    """The engine was closed before it could answer."""


class EngineFailed(EngineClosed):
    """The engine's thread has ended with an error, and nothing is answered any more."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(
            f"the engine's thread has ended with {type(cause).__name__}: {cause}; make a new engine"
        )
        self.__cause__ = cause


class Promise(Future[T]):
    """A future that can be cancelled until its answer is there, also while it is being written.

    `on_cancel` is called at every cancellation. `hinders` says why the calling thread must not wait, if it must not.
    """

    def __init__(self, on_cancel: Callable[[], None], hinders: Callable[[], str | None]) -> None:
        super().__init__()
        self._on_cancel = on_cancel
        self._hinders = hinders

    def cancel(self) -> bool:
        """Whether nobody will be answered any more; a row that runs leaves its batch at the next step."""
        cancelled = super().cancel()
        if cancelled:
            self._on_cancel()
        return cancelled

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """As of every future, but what ends a thread (SystemExit) does not end the engine's."""

        def call(future: Future[T]) -> None:
            try:
                fn(future)
            except Exception:
                raise  # the future logs it
            except BaseException:
                if threading.current_thread() is threading.main_thread():
                    raise
                _log.exception("a callback of a request raised")

        super().add_done_callback(call)

    def result(self, timeout: float | None = None) -> T:
        """The answer; EngineError where waiting would never end."""
        self._require_end(timeout)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the request failed with; EngineError where waiting would never end."""
        self._require_end(timeout)
        return super().exception(timeout)

    def _require_end(self, timeout: float | None) -> None:
        if timeout is None and not self.done():
            why = self._hinders()
            if why is not None:
                raise EngineError(why)


def hinders_waiting(lock: threading.RLock, engine_thread: int | None) -> str | None:
    """Why the calling thread must not wait for an engine, which would wait for it; None where it may."""
    if lock._is_owned():  # type: ignore[attr-defined]
        return (
            "this thread has hooks or edits on the engine's model (an open edited(...) block), for which the engine "
            "waits: give the edit to the request instead"
        )
    if threading.get_ident() == engine_thread:
        return "this is the engine's own thread (a callback): it cannot wait for itself"
    return None
