"""What can go wrong with an engine, whatever it is asked."""

from __future__ import annotations


class EngineError(RuntimeError):
    """What an engine cannot do as asked."""


class EngineBusy(EngineError):  # noqa: N818 - a state, as in queue.Full
    """The queue is full: ask again later."""


class EngineClosed(EngineError):  # noqa: N818
    """The engine was closed before it could answer."""
