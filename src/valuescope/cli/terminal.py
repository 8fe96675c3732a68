"""What commands print: progress, tables and estimates as text."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from valuescope.progress import duration

if TYPE_CHECKING:
    from valuescope.metrics import Estimate


EVERY = 30.0
"""Seconds between two lines about one stage where there is no terminal."""


class ProgressBars:
    """One bar at a time, on standard error; where that is no terminal, a line per stage, and one every half minute in
    between. Both say how long the stage will still take.

    `expected`: seconds of every stage of a run, in their order; then the rest of the run is told too.
    """

    def __init__(
        self, expected: Mapping[str, float] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.expected, self.clock = dict(expected or {}), clock
        self._bar: Any = None
        self._stage, self._told = "", clock()
        self._last: dict[str, int] = {}  # how much of each stage is done
        self._first: dict[
            str, tuple[float, int]
        ] = {}  # when a stage was first heard of, and how much was done then

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done in a stage."""
        now, again = self.clock(), done < self._last.get(stage, done)
        if again or stage not in self._first:
            self._first[stage] = now, done
        if stage != self._stage or again or (self._bar is not None and total != self._bar.total):
            self.close()
            self._stage, self._told = stage, now
            if sys.stderr.isatty():
                from tqdm import tqdm

                self._bar = tqdm(total=total, initial=done, desc=stage[-48:], leave=False, file=sys.stderr)
        self._last[stage] = done
        if self._bar is not None:
            if rest := self.rest_of_run(stage, done, total):
                self._bar.set_postfix_str(rest, refresh=False)
            self._bar.update(done - self._bar.n)
        elif done == total:
            print(f"  {stage}: {total}", file=sys.stderr, flush=True)
        elif now - self._told >= EVERY:
            self._told = now
            left = self.left(stage, done, total)
            words = [f"{done} of {total}", "" if left is None else f"{duration(left)} left in it"]
            line = ", ".join(filter(None, [*words, self.rest_of_run(stage, done, total)]))
            print(f"  {stage}: {line}", file=sys.stderr, flush=True)

    def left(self, stage: str, done: int, total: int) -> float | None:
        """Seconds that a stage will still take at its own pace so far; None where nothing was done yet."""
        began, before = self._first[stage]
        if done <= before:
            return None
        return (self.clock() - began) * (total - done) / (done - before)

    def rest_of_run(self, stage: str, done: int, total: int) -> str:
        """How long the run will still take: this stage at its own pace, those behind it as they were estimated."""
        stages = list(self.expected)  # `activations en ...` and `adapters/power` are pieces of one
        name = stage if stage in self.expected else stage.partition("/")[0].partition(" ")[0]
        if name not in self.expected:
            return ""
        left = self.left(stage, done, total)
        rest = self.expected[name] * (1 - done / total) if left is None else left
        rest += sum(self.expected[later] for later in stages[stages.index(name) + 1 :])
        return f"about {duration(rest)} left in all"

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


_CONTROLS = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"}
_CONTROLS |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


def printable(text: str) -> str:
    """Text that others wrote, with pictures in place of control characters: what a model says moves no cursor."""
    return text.translate(_CONTROLS)


def mean_text(estimate: Estimate, form: str) -> str:
    """The mean and its interval, `0.14 [0.04, 0.27]`, each number in `form`; `-` where there is none."""
    if estimate.mean is None:
        return "-"
    interval = "" if estimate.ci is None else f" [{', '.join(format(end, form) for end in estimate.ci)}]"
    return f"{estimate.mean:{form}}{interval}"


def estimate_text(estimate: Estimate, form: str, lacking: str) -> str:
    """`mean_text` with how many observations there are; `lacking` is what the missing ones do not have."""
    if estimate.mean is None:
        return f"missing (n = 0, {estimate.missing} without {lacking})"
    missing = f", {estimate.missing} missing" if estimate.missing else ""
    return f"{mean_text(estimate, form)}  n = {estimate.n}{missing}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """One line for each row, its columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
