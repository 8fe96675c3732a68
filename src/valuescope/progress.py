"""How long work says how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told a stage, how many of its steps are done, and how many there are."""


def silent(stage: str, done: int, total: int) -> None:
    """The default progress: none."""
