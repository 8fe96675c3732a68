"""What a model answered to one prompt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """`tokens` are the generated ids without the stop token; `finished` is False where the limit cut it."""

    text: str
    tokens: tuple[int, ...]
    finished: bool
