"""Rows of a table, whatever file they come from, and reading their fields with errors that name the place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from valuescope.data.findings import DataError, Finding, Place, shown
from valuescope.data.records import Record


class RowError(DataError):
    """A row that cannot be read; it is reported and the rows beside it are kept."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding), [finding])


@dataclass(frozen=True)
class Row:
    """One row: its place, and its fields by name."""

    place: Place
    fields: Mapping[str, Any]

    def error(self, name: str, rule: str, fix: str) -> RowError:
        """The error about a field; what was found is added."""
        value = self.fields.get(name)
        found = shown(value) if value is not None and value != "" else ""
        return RowError(Finding(self.place, name, rule, found, fix))

    def text(self, name: str, *, optional: bool = False) -> str:
        """A text, spaces around it taken away. Numbers are read as they are printed."""
        value = self.fields.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = f"{value:g}" if isinstance(value, float) else str(value)
        if value is None or (isinstance(value, str) and not value.strip()):
            if optional:
                return ""
            if name not in self.fields:
                raise self.error(name, "is missing", "add it or drop the row")
            raise self.error(name, "is empty", "fill it or drop the row")
        if not isinstance(value, str):
            raise self.error(name, "is not a text", "put a text in quotes")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self.error(name, "holds half a character (a lone surrogate)", "write the whole character")
        return value.strip()

    def integer(self, name: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`; a text that reads as one will do."""
        value = self.fields.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return int(self.text(name))  # which says that it is missing or empty
        try:
            if isinstance(value, bool) or float(value) != int(float(value)):
                raise ValueError
            number = int(float(value))
        except (ValueError, TypeError, OverflowError):
            raise self.error(name, "is not a whole number", f"write a number from {low} to {high}") from None
        if not low <= number <= high:
            raise self.error(name, f"is not between {low} and {high}", f"write a number from {low} to {high}")
        return number

    def entries(self, name: str, *, empty: bool = False) -> list[Any]:
        """A list, not empty unless `empty` allows it."""
        value = self.fields.get(name)
        if name not in self.fields:
            raise self.error(name, "is missing", "add it or drop the row")
        if not isinstance(value, list):
            raise self.error(name, "is not a list", "write a list in brackets")
        if not value and not empty:
            raise self.error(name, "is an empty list", "fill it or drop the row")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts, not empty."""
        return [Row(self.place, {name: one}).text(name) for one in self.entries(name)]

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object with fields of its own."""
        value = self.fields.get(name)
        if name not in self.fields:
            raise self.error(name, "is missing", "add it or drop the row")
        if not isinstance(value, dict):
            raise self.error(name, "is not an object", 'write an object in braces, such as {"en": "..."}')
        return value

    def inner(self, name: str, fields: object) -> Row:
        """The fields of an object inside this row, at the same place."""
        if not isinstance(fields, dict):
            raise self.error(name, "is not an object", "write an object in braces")
        return Row(self.place, fields)

    def one_of(self, name: str, options: Sequence[str]) -> str:
        """One of the options, in any case of letters."""
        value = self.text(name)
        for option in options:
            if value.lower() == option.lower():
                return option
        raise self.error(name, f"is none of {', '.join(options)}", "write one of them")


@dataclass
class Table:
    """Rows with the same fields, and what could not be read. `columns` are those of the rows, in their order."""

    file: str
    rows: list[Row] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    problems: list[Finding] = field(default_factory=list)
    encoding: str = ""


def gather(
    rows: Iterable[Row], parse: Callable[[Row], Iterable[Record]], problems: list[Finding]
) -> tuple[list[Record], list[Place]]:
    """The records of all rows and their places; a row that `parse` refuses goes to `problems`."""
    records, places = list[Record](), list[Place]()
    for row in rows:
        try:
            found = list(parse(row))
        except RowError as error:
            problems.extend(error.findings)
        else:
            records += found
            places += [row.place] * len(found)
    return records, places
