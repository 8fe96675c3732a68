"""How numbers are written: signs, decimals, intervals, and words for what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from valuescope.metrics import Estimate

MISSING = "missing"
NO_NEURONS = ("add-vector", "probe-shift", "system-prompt", "sft")
"""What is done to a model without touching neurons."""
MINUS = "\u2212"


@dataclass(frozen=True)
class Numbers:
    """Writes effects with a fixed number of decimals; `minus` is the sign that the medium shows best."""

    digits: int
    minus: str = MINUS

    @classmethod
    def suiting(cls, means: Iterable[float | None], *, share: bool = True) -> Numbers:
        """Decimals that suit these means: two significant figures of the largest; a share gets two or three."""
        largest = max((abs(mean) for mean in means if mean is not None), default=0.0)
        if largest == 0.0:
            return cls(2)
        return cls(min(3 if share else 6, max(2, 1 - math.floor(math.log10(largest)))))

    def signed(self, value: float | None) -> str:
        """`+0.66`, `−0.83`, `0.00`, or `missing`."""
        return MISSING if value is None else self._write(value, plus="+")

    def plain(self, value: float | None) -> str:
        """`0.66`, or `missing`."""
        return MISSING if value is None else self._write(value, plus="")

    def interval(self, estimate: Estimate | None, *, signed: bool = True) -> str:
        """`[+0.61, +0.71]`, or `[no interval]`."""
        if estimate is None or estimate.ci is None:
            return "[no interval]"
        write = self.signed if signed else self.plain
        return f"[{write(estimate.low)}, {write(estimate.high)}]"

    def full(self, estimate: Estimate | None, *, signed: bool = True) -> str:
        """Mean and interval."""
        if estimate is None or estimate.mean is None:
            return MISSING
        write = self.signed if signed else self.plain
        return f"{write(estimate.mean)} {self.interval(estimate, signed=signed)}"

    def short(self, value: float | None, *, signed: bool = True) -> str:
        """A number without the zero before its point, for a cell of a heat map: `+.66`, `1.20`, or `?`."""
        if value is None:
            return "?"
        written = self.signed(value) if signed else self.plain(value)
        return written.replace("0.", ".", 1) if abs(round(value, self.digits)) < 1 else written

    def ascii(self) -> Numbers:
        """The same with the minus that every terminal has."""
        return Numbers(self.digits, minus="-")

    def _write(self, value: float, *, plus: str) -> str:
        shown = f"{abs(value):.{self.digits}f}"
        if not float(shown):
            return shown
        return (self.minus if value < 0 else plus) + shown


SHARES = Numbers(2)


def sample(estimate: Estimate | None) -> str:
    """`n = 400`, with what is missing; '' where there is no n."""
    if estimate is None or (estimate.n == 0 and not estimate.missing):
        return ""
    return f"n = {estimate.n}" + (f", {estimate.missing} missing" if estimate.missing else "")


def parameters(items: Mapping[str, Any]) -> str:
    """Parameters as `alpha 0.03, accuracy 0.95`, in the order of their names; `none set` where empty."""
    return ", ".join(f"{key} {plain_value(items[key])}" for key in sorted(items)) or "none set"


def plain_value(value: Any) -> str:
    """A JSON value as short text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {plain_value(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(plain_value(item) for item in value) + "]"
    return str(value)


def grouped(value: object) -> str:
    """A whole number with narrow no-break spaces between thousands; other things as they are, None as missing."""
    if value is None:
        return MISSING
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace(",", "\u202f")
    return plain_value(value)


def neurons_of(edit: str, counts: Iterable[int]) -> str:
    """How many neurons the values got, or `none` for an edit of the residual stream and for a system message."""
    return "none" if edit in NO_NEURONS else spread(counts)


def spread(counts: Iterable[int]) -> str:
    """`35`, `12–40`, or `missing`: how many neurons the values got."""
    present = sorted(counts)
    if not present:
        return MISSING
    return str(present[0]) if present[0] == present[-1] else f"{present[0]}–{present[-1]}"


def listing(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
