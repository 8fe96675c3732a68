"""What commands print: progress, tables and estimates as text."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from valuescope.metrics import Estimate


class ProgressBars:
    """One bar at a time, on standard error; silent where that is no terminal, but for one line per stage."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done in a stage."""
        anew = self._bar is not None and (total != self._bar.total or done < self._bar.n)
        if stage != self._stage or anew:
            self.close()
            self._stage = stage
            if sys.stderr.isatty():
                from tqdm import tqdm

                self._bar = tqdm(total=total, initial=done, desc=stage[-48:], leave=False, file=sys.stderr)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif done == total:
            print(f"  {stage}: {total}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


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
