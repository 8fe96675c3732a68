"""Which numbers a parameter takes, said in its annotation, and the check that a value is one of them."""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

MOST = 2**31 - 1
"""The largest whole number of anything that is counted."""
SEEDS = 2**63 - 1
"""The largest seed that every generator takes."""


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`; `above` and `below` say that these themselves are left out."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False

    def holds(self, number: float) -> bool:
        """Whether a number is one of them; NaN and the infinities never are."""
        over = self.low < number if self.above else self.low <= number
        under = number < self.high if self.below else number <= self.high
        return over and under and abs(number) <= sys.float_info.max

    def words(self, kind: str) -> str:
        """`a whole number from 1 to 2147483647`, `a number above 0 and below 1`, `a number from 0 on`."""
        low = "" if math.isinf(self.low) else f"above {self.low}" if self.above else f"from {self.low}"
        high = "" if math.isinf(self.high) else f"to below {self.high}" if self.below else f"to {self.high}"
        if self.above and self.below:
            high = f"and below {self.high}"
        return " ".join(filter(None, (kind, low, high or ("on" if low and not self.above else ""))))


Count = Annotated[int, Range(1, MOST)]
CountOrNone = Annotated[int, Range(0, MOST)]
"""How many, which may be 0."""
Share = Annotated[float, Range(0, 1)]
PartialShare = Annotated[float, Range(0, 1, above=True, below=True)]
ShareAboveNone = Annotated[float, Range(0, 1, above=True)]
ShareBelowAll = Annotated[float, Range(0, 1, below=True)]
Size = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, above=True)]
HeldOut = Annotated[float, Range(0.01, 0.99)]
"""The share of a set that is kept from what is read, so that something is on both sides."""
Layers = tuple[CountOrNone, CountOrNone]
"""First and last layer, counted from 0."""
_KINDS = {bool: "true or false", str: "a word", type(None): "none"}


def hints_of(owner: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function's parameters, or of a dataclass's fields, with their ranges."""
    return get_type_hints(owner, include_extras=True)


def wanted(hint: Any, value: Any) -> str:
    """What the annotation wants, in words, where a value is none of it; "" where it is. What is no number, word, list or
    mapping of them takes anything."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        limits = next((mark for mark in inner[1:] if isinstance(mark, Range)), None)
        return wanted(inner[0], value) if limits is None else _wanted_number(inner[0], limits, value)
    if hint in (int, float):
        return _wanted_number(hint, Range(-MOST, MOST) if hint is int else Range(), value)
    if hint in _KINDS:
        return "" if type(value) is hint else _KINDS[hint]
    if origin in (Union, types.UnionType):
        problems = [wanted(one, value) for one in inner]
        return "" if "" in problems else " or ".join(problems)
    if origin is Literal:
        return "" if value in inner else f"one of {', '.join(map(str, inner))}"
    if origin is tuple and Ellipsis not in inner:
        rows = value if isinstance(value, list | tuple) and len(value) == len(inner) else None
        problems = [wanted(one, part) for one, part in zip(inner, rows or (), strict=rows is not None)]
        return (
            ""
            if rows is not None and not any(problems)
            else f"a list of {len(inner)}: {_each(inner[0])} each"
        )
    if origin in (Sequence, list, tuple):
        good = isinstance(value, list | tuple) and not any(wanted(inner[0], part) for part in value)
        return "" if good else f"a list: {_each(inner[0])} each"
    if origin in (Mapping, dict):
        good = isinstance(value, Mapping) and not any(wanted(inner[1], part) for part in value.values())
        return "" if good else f"a mapping: {_each(inner[1])} each"
    return ""


def shown(value: Any) -> str:
    """A value as an error message shows it: of a long one the beginning."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:60]}... ({len(text)} characters)"


def _each(hint: Any) -> str:
    return wanted(hint, object())


def _wanted_number(kind: type, limits: Range, value: Any) -> str:
    accepted = (int,) if kind is int else (int, float)
    if type(value) in accepted and limits.holds(value):
        return ""
    return limits.words("a whole number" if kind is int else "a number")
