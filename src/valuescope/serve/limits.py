"""What one client, and all of them together, may take."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

KEY_VARIABLE = "VALUESCOPE_API_KEY"
"""The environment variable with the API key."""


class LimitsError(ValueError):
    """A limit out of its range."""


def _limit(default: float, meaning: str, least: float = 1) -> Any:
    return field(default=default, metadata={"help": meaning, "least": least})


@dataclass(frozen=True)
class Limits:
    """Every limit of the server; counts are integers, times are seconds. Each is an option of `valuescope serve`."""

    max_body_bytes: int = _limit(2 * 2**20, "bytes of a request's body (413 beyond)")
    max_connections: int = _limit(256, "open connections (503 beyond)")
    max_rows: int = _limit(64, "answers that are written at the same time, in one batch")
    max_queue: int = _limit(512, "answers that wait for a place in the batch (429 beyond)")
    max_tokens: int = _limit(
        2048, "tokens of one answer; also the default of chat completions, where there is room"
    )
    max_choices: int = _limit(16, "choices (n) per prompt")
    max_prompts: int = _limit(128, "prompts of one completions request")
    max_logprobs: int = _limit(1_000_000, "log-probabilities that one reply may have to hold")
    request_timeout: float = _limit(
        300.0, "seconds from the whole request to the end of its answer (504 beyond)", 0.01
    )
    read_timeout: float = _limit(
        30.0, "seconds in which a request has to arrive, headers and body (408 beyond)", 0.01
    )
    write_timeout: float = _limit(
        30.0, "seconds that a client may leave its answer unread before it is cut off", 0.01
    )
    keep_alive: int = _limit(30, "seconds that an idle connection is kept open")
    grace: float = _limit(30.0, "seconds that running requests are given when the server is told to stop", 0)

    def __post_init__(self) -> None:
        for limit in fields(self):
            value, least = getattr(self, limit.name), limit.metadata["least"]
            if not isinstance(value, (int, float)) or not math.isfinite(value) or value < least:
                raise LimitsError(
                    f"{limit.name} is {value!r}, it must be a finite number of at least {least}"
                )
