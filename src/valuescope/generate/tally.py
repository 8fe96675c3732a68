"""What an engine has done so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class EngineTally:
    """Requests by how they ended, tokens drawn, rows of the largest batch, and times that memory ran out."""

    answered: int = 0
    failed: int = 0
    cancelled: int = 0
    tokens: int = 0
    largest_batch: int = 0
    memory_backoffs: int = 0
