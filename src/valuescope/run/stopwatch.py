"""Seconds of calls."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

REPEATS = 3  # timings of each call, of which the median counts
LONG = 2.0  # seconds from which on a call is not repeated
Clock = Callable[[], float]


class OutOfPatienceError(Exception):
    """A call that was not waited for to its end."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Give up the block after so many seconds, by OutOfPatienceError; looked at between the calls that it makes."""
    end, before = time.monotonic() + seconds, sys.getprofile()

    def look(*_: object) -> None:
        if time.monotonic() > end:
            sys.setprofile(before)
            raise OutOfPatienceError

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)


@dataclass
class Stopwatch:
    """Times calls by `clock`, and keeps how far repeated timings lie apart: half their range, as a share of the median."""

    clock: Clock = time.perf_counter
    spreads: list[float] = field(default_factory=list)

    def once(self, call: Callable[[], Any]) -> float:
        """Seconds of one call."""
        start = self.clock()
        call()
        return self.clock() - start

    def typical(self, call: Callable[[], Any]) -> float:
        """The median of some calls after one that warms up; the one call where it takes long."""
        first = self.once(call)
        if first > LONG:
            return first
        seconds = [self.once(call) for _ in range(REPEATS)]
        middle = median(seconds)
        if middle:
            self.spreads.append((max(seconds) - min(seconds)) / (2 * middle))
        return middle
