"""Checked access to the fields of a summary: a wrong one raises an error that names it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.metrics import Estimate


class ReportError(ValueError):
    """A summary that no report can be drawn from."""


@dataclass(frozen=True)
class Fields:
    """The fields of one JSON object. `path` is where it stands in the summary.

    A field that is absent or null reads as None, '' or an empty collection; a field of the wrong type raises
    `ReportError`.
    """

    raw: Mapping[str, Any]
    path: str

    @classmethod
    def of(cls, raw: object, path: str) -> Fields:
        """The fields of `raw`, which must be a mapping or None."""
        if raw is None:
            return cls({}, path)
        if not isinstance(raw, Mapping):
            raise wrong(path, raw, "an object or null")
        return cls(raw, path)

    def at(self, name: str) -> str:
        """The full name of a field."""
        return f"{self.path}.{name}" if self.path else name

    def object(self, name: str) -> Fields:
        """A nested object; empty where absent."""
        return Fields.of(self.raw.get(name), self.at(name))

    def present(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.raw.get(name) is not None

    def text(self, name: str) -> str:
        """A string; '' where absent."""
        found = self.raw.get(name)
        if found is not None and not isinstance(found, str):
            raise wrong(self.at(name), found, "a string or null")
        return found or ""

    def number(self, name: str) -> float | None:
        """A finite number or None."""
        return as_number(self.raw.get(name), self.at(name))

    def count(self, name: str) -> int | None:
        """A whole number or None."""
        return as_count(self.raw.get(name), self.at(name))

    def flag(self, name: str) -> bool | None:
        """True, False or None."""
        found = self.raw.get(name)
        if found is not None and not isinstance(found, bool):
            raise wrong(self.at(name), found, "true, false or null")
        return found

    def items(self, name: str) -> list[tuple[str, Any]]:
        """The elements of a list with their full names; empty where absent."""
        return [
            (f"{self.at(name)}[{i}]", item)
            for i, item in enumerate(as_list(self.raw.get(name), self.at(name)))
        ]

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        for path, item in self.items(name):
            if not isinstance(item, str):
                raise wrong(path, item, "a string")
        return tuple(item for _, item in self.items(name))

    def numbers(self, name: str) -> tuple[float | None, ...]:
        """A list of numbers or nulls."""
        return tuple(as_number(item, path) for path, item in self.items(name))

    def counts(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        found = []
        for path, item in self.items(name):
            count = as_count(item, path)
            if count is None:
                raise wrong(path, item, "a whole number")
            found.append(count)
        return tuple(found)

    def matrix(self, name: str) -> tuple[tuple[float | None, ...], ...]:
        """A list of rows of numbers or nulls; a null row is an empty one."""
        rows = []
        for path, row in self.items(name):
            rows.append(tuple(as_number(cell, path) for cell in as_list(row, path)))
        return tuple(rows)

    def estimate(self, name: str) -> Estimate | None:
        """An estimate `{"mean", "ci", "n", "missing"}`, a bare number (an estimate without n), or None."""
        found = self.raw.get(name)
        if found is None:
            return None
        if isinstance(found, Mapping):
            fields = Fields.of(found, self.at(name))
            low, high = fields.interval("ci") or (None, None)
            return Estimate(
                fields.number("mean"), low, high, fields.count("n") or 0, fields.count("missing") or 0
            )
        return Estimate(as_number(found, self.at(name)), None, None, 0)

    def estimates(self, name: str) -> tuple[tuple[Estimate | None, ...], ...]:
        """A list of rows of estimates."""
        return tuple(
            tuple(
                Fields({"cell": cell}, f"{path}[{place}]").estimate("cell")
                for place, cell in enumerate(as_list(row, path))
            )
            for path, row in self.items(name)
        )

    def interval(self, name: str) -> tuple[float, float] | None:
        """`[low, high]`, or None where it or either end is null."""
        ends = self.numbers(name)
        if ends and len(ends) != 2:
            raise wrong(self.at(name), self.raw[name], "[low, high] or null")
        if not ends or ends[0] is None or ends[1] is None:
            return None
        return ends[0], ends[1]


def wrong(path: str, found: object, wanted: str) -> ReportError:
    """The error for a field of the wrong type."""
    shown = repr(found)
    return ReportError(f"summary: {path} is {shown[:80]}; it must be {wanted}")


def as_number(found: object, path: str) -> float | None:
    """A finite number or None; NaN and infinities read as missing."""
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise wrong(path, found, "a number or null")
    return float(found) if math.isfinite(found) else None


def as_count(found: object, path: str) -> int | None:
    """A whole number or None."""
    value = as_number(found, path)
    if value is not None and value != int(value):
        raise wrong(path, found, "a whole number or null")
    return None if value is None else int(value)


def as_list(found: object, path: str) -> Sequence[Any]:
    """A list; empty for None."""
    if found is None:
        return ()
    if isinstance(found, str) or not isinstance(found, Sequence):
        raise wrong(path, found, "a list or null")
    return found
