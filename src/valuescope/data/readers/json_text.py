"""JSON and JSON lines, entry by entry: a damaged entry is told and those around it are kept; each knows its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from valuescope.data.findings import Finding, Place, shown
from valuescope.data.readers.file_text import damaged
from valuescope.input_files import ENTRY_LENGTH, ROWS
from valuescope.json_values import JsonDecoder

Report = Callable[[Finding], None]
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = r'"(?:[^"\\]|\\.)*"'
_KEY = re.compile(rf"{_STRING}\s*:\s*", re.DOTALL)
_FIRST_KEY = re.compile(rf"\{{\s*({_STRING})\s*:", re.DOTALL)
_BRACKETS = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_NEXT = re.compile(r"[\]}]\s*,\s*[\[{\"]")
_SCALAR = re.compile(r"[^,\[\]{}]*")
_SEARCHED = 4 << 20
"""Characters that are searched for the ends of broken entries, in all."""
_LEAST = 256
"""What looking for one end counts for at least."""
_STEPS = (8 << 10, 64 << 10, 512 << 10, ENTRY_LENGTH)
"""How much of the text an entry is looked for in: the least that holds it, since each try copies so much."""


def json_lines(text: str, file: str, report: Report) -> Iterator[tuple[Place, Any]]:
    """The value of each line that is not blank; a damaged line is reported and left out."""
    decoder, number, rows, start = JsonDecoder(), 0, 0, 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line, start, number = text[start:end].strip(), end + 1, number + 1
        if not line:
            continue
        place, rows = Place(file, number), rows + 1
        if rows > ROWS:
            raise damaged(place, f"more than {ROWS} rows", "split the file")
        if len(line) > ENTRY_LENGTH:
            report(_too_long(place))
            continue
        try:
            value, after, fault = decoder.decode(line, 0)
        except json.JSONDecodeError as error:
            report(_damage(place, error.msg, error.pos + 1, line[error.pos : error.pos + 60]))
            continue
        if after < len(line):
            fault = "more than one JSON value on the line"
        if fault:
            report(Finding(place, "", fault, "", "correct the entry"))
        else:
            yield place, value


def json_entries(text: str, file: str, report: Report) -> Iterator[tuple[Place, str | None, Any]]:
    """The entries of one JSON list (key None) or object (key, value).

    A damaged entry is reported with its number and left out; after one whose end cannot be found nothing more is read.
    """
    start = _skip(text, 0)
    if text[start] not in "[{":
        fix = "the file must hold a list or an object, or one JSON object per line"
        place = Place(file, text.count("\n", 0, start) + 1)
        report(Finding(place, "", "is not JSON", shown(text[start : start + 40]), fix))
        return
    yield from _Entries(text, file, start, report).read()


def is_json_lines(text: str) -> bool:
    """Whether lines are JSON objects of their own: two of the first at least, and most of them."""
    lines = [line.strip() for line in text[:ENTRY_LENGTH].split("\n", 50)[:50] if line.strip()]
    whole, decoder = 0, JsonDecoder()
    for line in lines:
        try:
            value, end, _ = decoder.decode(line, 0)
        except json.JSONDecodeError:
            continue
        whole += isinstance(value, dict) and end == len(line)
    return whole >= 2 and lines[0].startswith("{") and 2 * whole >= len(lines) - 1


class _BrokenError(ValueError):
    """Syntax that ends the reading of an entry, at a place of the text; `long`: it is only too long."""

    def __init__(self, message: str, at: int, *, long: bool = False) -> None:
        super().__init__(message)
        self.at, self.long = at, long


class _Entries:
    """The walk over one list or object that begins at `start`."""

    def __init__(self, text: str, file: str, start: int, report: Report) -> None:
        self.text, self.file, self.start, self.report = text, file, start, report
        self.named = text[start] == "{"
        self.closing = "}" if self.named else "]"
        self.decoder, self.searched, self.keys = JsonDecoder(), 0, set[str]()
        self.number, self.line, self.line_start, self.counted = 0, 1, 0, 0

    def read(self) -> Iterator[tuple[Place, str | None, Any]]:
        """The entries that are whole."""
        first = _skip(self.text, self.start + 1)
        if self.text[first : first + 1] == self.closing:
            self._require_end(first)
            return
        at: int | None = first
        while at is not None:
            self.number += 1
            place = self._place(at)
            if self.number > ROWS:
                raise damaged(place, f"more than {ROWS} entries", "split the file")
            try:
                key, value, after, fault = self._entry(at)
            except _BrokenError as error:
                self._tell(str(error), error.at)
                at = self._following(self._end_of_broken(at, error.long))
                continue
            if fault:
                self.report(Finding(place, "", fault, "", "correct the entry"))
            else:
                yield place, key, value
            at = self._following(after)

    def _following(self, after: int | None) -> int | None:
        """Where the next entry begins, after one that ends at a place; None where there is no other to be read."""
        if after is None:
            return None
        after = _skip(self.text, after)
        mark = self.text[after : after + 1]
        if mark == ",":
            return _skip(self.text, after + 1)
        if mark == self.closing:
            self._require_end(after)
            return None
        self._tell(f"Expecting ',' or {self.closing!r}", after)
        if mark == ('"' if self.named else "{"):
            return after
        return self._following(self._end_of_broken(after))

    def _entry(self, at: int) -> tuple[str | None, Any, int, str]:
        """Key, value, the place after the entry, and what is wrong with it."""
        key, fault = None, ""
        if self.named:
            key, at, fault = self._decode(at)
            if not isinstance(key, str):
                raise _BrokenError("a key is not a text", at)
            if key in self.keys:
                fault = f"the key {key[:80]!r} stands twice in one object"
            self.keys.add(key)
            at = _skip(self.text, at)
            if self.text[at : at + 1] != ":":
                raise _BrokenError("Expecting ':' delimiter", at)
            at = _skip(self.text, at + 1)
        value, after, wrong = self._decode(at)
        return key, value, after, fault or wrong

    def _decode(self, at: int) -> tuple[Any, int, str]:
        """The value at a place of the text, read from the shortest piece that holds it."""
        for step in _STEPS:
            piece = self.text[at : at + step]
            is_rest = at + len(piece) == len(self.text)
            try:
                value, end, fault = self.decoder.decode(piece, 0)
            except json.JSONDecodeError as error:
                cut = error.pos > len(piece) - 64 or error.msg.startswith("Unterminated")
                if is_rest or not cut:
                    raise _BrokenError(error.msg, at + error.pos) from None
            else:
                if end < len(piece) or is_rest:
                    return value, at + end, fault
        raise _BrokenError(f"an entry of more than {ENTRY_LENGTH} characters", at, long=True)

    def _end_of_broken(self, at: int, is_long: bool = False) -> int | None:
        """Where a broken entry ends: where its brackets close, or before the next that begins with the same key.

        None where neither is found, or too much was searched already; then nothing after it is read.
        """
        if self.text[at : at + 1] in ("", self.closing):
            return None
        closed = None if is_long else self._closed(at)
        ends = [end for end in (closed, self._before_alike(at)) if end is not None]
        self.searched += (min(ends) if ends else len(self.text)) - at + _LEAST
        if ends and self.searched <= _SEARCHED:
            return min(ends)
        if _NEXT.search(self.text, at + 1):
            rule = "its end cannot be found, so nothing after it is read"
            self.report(Finding(self._place(at), "", rule, "", "correct it, or write the file anew"))
        return None

    def _closed(self, at: int) -> int | None:
        """Where the brackets that open at a place close, if a comma or the end of the list follows."""
        if self.named and (key := _KEY.match(self.text, at)):
            at = key.end()
        end = at
        if self.text[at : at + 1] in ("[", "{"):
            deep = 0
            for found in _BRACKETS.finditer(self.text, at, at + ENTRY_LENGTH):
                deep += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found.group(), 0)
                if deep == 0:
                    end = found.end()
                    break
        elif scalar := _SCALAR.match(self.text, at, at + ENTRY_LENGTH):
            end = scalar.end()
        follows = _skip(self.text, end)
        return end if end > at and self.text[follows : follows + 1] in (",", self.closing) else None

    def _before_alike(self, at: int) -> int | None:
        """Where the entry before the next object with the same first key ends."""
        first = None if self.named else _FIRST_KEY.match(self.text, at)
        if first is None:
            return None
        alike = re.compile(rf"\}}\s*,(?=\s*\{{\s*{re.escape(first[1])}\s*:)").search(self.text, first.end())
        return alike and alike.start() + 1

    def _require_end(self, at: int) -> None:
        rest = _skip(self.text, at + 1)
        if rest < len(self.text):
            rule = f"something follows the closing {self.closing!r}"
            self.report(Finding(Place(self.file, self._line(rest)), "", rule, "", "take it away"))

    def _tell(self, message: str, at: int) -> None:
        place = Place(self.file, self._line(at), entry=self.number)
        self.report(_damage(place, message, at - self.line_start + 1, self.text[at : at + 60]))

    def _place(self, at: int) -> Place:
        return Place(self.file, self._line(at), entry=self.number)

    def _line(self, at: int) -> int:
        """The line of a place, counted on from the last place that was asked for."""
        if at < self.counted:
            self.line, self.line_start, self.counted = 1, 0, 0
        if ends := self.text.count("\n", self.counted, at):
            self.line += ends
            self.line_start = self.text.rindex("\n", self.counted, at) + 1
        self.counted = at
        return self.line


def _damage(place: Place, message: str, column: int, text: str) -> Finding:
    where = f"column {column}: {message}" if text.strip() else "the file ends too early"
    found = shown(text) if text.strip() else ""
    return Finding(place, "", f"not valid JSON ({where})", found, "correct it there, or write the file anew")


def _too_long(place: Place) -> Finding:
    return Finding(place, "", f"longer than {ENTRY_LENGTH} characters", "", "split the entry")


def _skip(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    return space.end() if space else place
