"""JSON and JSON lines, entry by entry: what comes before a damage is kept, and each entry knows its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from valuescope.data.findings import DataError, Finding, Place, shown


class _UnfitError(ValueError):
    """Valid syntax that no data set may hold."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _UnfitError(f"the key {twice!r} stands twice in one object")
    return entries


def _constant(name: str) -> Any:
    raise _UnfitError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_SPACE = " \t\r\n"


def json_lines(text: str, file: str, report: Callable[[Finding], None]) -> Iterator[tuple[Place, Any]]:
    """The value of each line that is not blank; a damaged line is reported and left out."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            place = Place(file, number)
            try:
                value, end = _decode(line.strip(), 0)
                if end < len(line.strip()):
                    raise _UnfitError("more than one JSON value on the line")
            except ValueError as error:
                report(_damage(place, error, line))
            else:
                yield place, value


def json_entries(
    text: str, file: str, report: Callable[[Finding], None]
) -> Iterator[tuple[Place, str | None, Any]]:
    """The entries of one JSON list (key None) or object (key, value), until the end or the first damage."""
    start = _skip(text, 0)
    opening = text[start]
    if opening not in "[{":
        fix = "the file must hold a list or an object, or one JSON object per line"
        report(
            Finding(Place(file, _line(text, start)), "", "is not JSON", shown(text[start : start + 40]), fix)
        )
        return
    closing = {"[": "]", "{": "}"}[opening]
    place, seen = _skip(text, start + 1), set[str]()
    at, counted, line = start, 0, 1
    try:
        if text[place : place + 1] == closing:
            return
        while True:
            at, key = place, None
            if opening == "{":
                key, place = _decode(text, place)
                if not isinstance(key, str):
                    raise _UnfitError("a key is not a text")
                if key in seen:
                    raise _UnfitError(f"the key {key!r} stands twice in one object")
                seen.add(key)
                place = _skip(text, place)
                if text[place : place + 1] != ":":
                    raise json.JSONDecodeError("Expecting ':' delimiter", text, place)
                place = _skip(text, place + 1)
            value, place = _decode(text, place)
            line, counted = line + text.count("\n", counted, at), at
            yield Place(file, line), key, value
            place = _skip(text, place)
            mark = text[place : place + 1]
            if mark == closing:
                rest = _skip(text, place + 1)
                if rest < len(text):
                    at = rest
                    raise _UnfitError(f"something follows the closing {closing!r}")
                return
            if mark != ",":
                raise json.JSONDecodeError(f"Expecting ',' or {closing!r}", text, place)
            place = _skip(text, place + 1)
    except json.JSONDecodeError as error:
        report(_damage(Place(file, _line(text, error.pos)), error, text[error.pos :]))
    except ValueError as error:
        report(_damage(Place(file, _line(text, at)), error, text[at:]))


def is_json_lines(text: str) -> bool:
    """Whether the first two lines that are not blank are JSON objects of their own."""
    lines = [line.strip() for line in text.split("\n", 50)[:50] if line.strip()][:2]
    try:
        return len(lines) == 2 and all(
            isinstance(value, dict) and end == len(line)
            for line in lines
            for value, end in [_decode(line, 0)]
        )
    except ValueError:
        return False


def _decode(text: str, place: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, place)
    except RecursionError:
        raise _UnfitError("nested too deeply") from None
    except json.JSONDecodeError:
        raise
    except DataError:
        raise
    except ValueError as error:  # among others a number of more than 4300 digits
        raise _UnfitError(str(error).split(";")[0]) from error


def _damage(place: Place, error: ValueError, text: str) -> Finding:
    if isinstance(error, json.JSONDecodeError):
        where = "the file ends too early" if not text.strip() else f"column {error.colno}: {error.msg}"
        rule = f"not valid JSON ({where})"
        return Finding(
            place,
            "",
            rule,
            shown(text[:60]) if text.strip() else "",
            "correct it there, or write the file anew",
        )
    return Finding(place, "", str(error), "", "correct the entry")


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
