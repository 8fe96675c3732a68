"""JSON values as a data file may hold them: no NaN, no key twice, no half characters, not nested without end."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

DEPTH = 64
"""How deep lists and objects may stand in each other."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonDecoder:
    """Reads a value to its end even where it holds what it may not, so that what follows can be read too."""

    def __init__(self) -> None:
        self._fault = ""
        self._json = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._constant,
            parse_int=self._integer,
            parse_float=self._number,
        )

    def decode(self, text: str, start: int) -> tuple[Any, int, str]:
        """The value that begins at `start`, the place after it, and what is wrong with it ("": nothing).

        Raises:
            json.JSONDecodeError: the syntax is broken, so that the value has no end; or it is nested too deeply.
        """
        self._fault = ""
        try:
            value, end = self._json.raw_decode(text, start)
        except RecursionError:
            raise json.JSONDecodeError("nested too deeply", text, start) from None
        if text.count("[", start, end) + text.count("{", start, end) > DEPTH and depth(value) > DEPTH:
            self._tell(f"nested too deeply, more than {DEPTH} levels")
        return value, end, self._fault

    def _tell(self, fault: str) -> None:
        self._fault = self._fault or fault

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            seen = set[str]()
            twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            self._tell(f"the key {twice[:80]!r} stands twice in one object")
        return entries

    def _constant(self, name: str) -> float:
        self._tell(f"{name} is not a JSON number")
        return math.nan

    def _integer(self, digits: str) -> int:
        try:
            return int(digits)
        except ValueError:
            self._tell(f"a number of {len(digits)} digits is too long")
            return 0

    def _number(self, digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            self._tell(f"{digits[:40]} is too large for a number")
        return number


def parse_json(text: str) -> Any:
    """The one value of a JSON document.

    Raises:
        ValueError: broken syntax, with line and column; NaN, a key twice, half a character, or a nest without end.
    """
    start = len(text) - len(text.lstrip())
    value, end, fault = JsonDecoder().decode(text, start)
    if fault:
        raise ValueError(fault)
    if text[end:].strip():
        raise json.JSONDecodeError("something follows the value", text, end)
    if "\\u" in text and any(map(_SURROGATE.search, _texts(value))):
        raise ValueError("holds half a character (a lone surrogate)")
    return value


def depth(value: Any) -> int:
    """How many levels of lists and objects stand in each other."""
    level, count = [value], -1
    while level:
        level, count = [inner for outer in level for inner in _inside(outer)], count + 1
    return count


def has_half_character(text: str) -> bool:
    """Whether a text holds a surrogate that no other completes, which no file can be written with."""
    return _SURROGATE.search(text) is not None


def _texts(value: Any) -> Iterator[str]:
    """All texts and keys of a value."""
    level = [value]
    while level:
        for outer in level:
            if isinstance(outer, str):
                yield outer
            elif isinstance(outer, dict):
                yield from outer
        level = [inner for outer in level for inner in _inside(outer)]


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
