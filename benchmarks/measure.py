"""Ratios of running times that survive a noisy machine: runs alternate, and each round gives its own ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

Run = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One comparison. `ratio` is the median over rounds of measured / base, `low` and `high` its quartiles;
    the seconds are medians."""

    what: str
    against: str
    ratio: float
    low: float
    high: float
    seconds: float
    base_seconds: float
    rounds: int
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON."""
        return asdict(self)


def alternate(runs: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """Seconds of every run in every round.

    Each run is called once untimed first. Then every round calls all of them, in turn forwards and backwards,
    so that a machine that slows down slows all alike.
    """
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        names = list(runs) if number % 2 == 0 else list(runs)[::-1]
        for name in names:
            seconds[name].append(_timed(runs[name]))
    return seconds


def compare(seconds: Mapping[str, list[float]], what: str, against: str, note: str = "") -> Row:
    """The row for two of the runs that alternated."""
    ratios = [one / base for one, base in zip(seconds[what], seconds[against], strict=True)]
    low, middle, high = (
        statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    )
    return Row(
        what=what,
        against=against,
        ratio=round(middle, 4),
        low=round(low, 4),
        high=round(high, 4),
        seconds=round(statistics.median(seconds[what]), 4),
        base_seconds=round(statistics.median(seconds[against]), 4),
        rounds=len(ratios),
        note=note,
    )


def markdown(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| measured | against | ratio | middle half | seconds | note |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = (
            row.what,
            row.against,
            f"**{row.ratio:.3g}**",
            f"{row.low:.3g} to {row.high:.3g}",
            f"{row.seconds:.3g} / {row.base_seconds:.3g}",
            row.note,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _timed(run: Run) -> float:
    _settle()
    start = time.perf_counter()
    run()
    _settle()
    return time.perf_counter() - start


def _settle() -> None:
    """Wait for an accelerator, whose work is queued."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
