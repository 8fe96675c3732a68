"""Rows of a table, whatever file they come from; what a set's tables look like, and how their rows become records."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from valuescope.data.checks.words import language_of
from valuescope.data.findings import DataError, Finding, Place, shown
from valuescope.data.records import Record
from valuescope.input_files import TEXT_LENGTH
from valuescope.json_values import has_half_character


class RowError(DataError):
    """A row that cannot be read; it is reported and the rows beside it are kept."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding), [finding])


@dataclass(frozen=True)
class DataRow:
    """One row: its place, and its fields by name."""

    place: Place
    fields: Mapping[str, Any]

    def error(self, name: str, rule: str, fix: str) -> RowError:
        """The error about a field; what was found is added."""
        value = self.fields.get(name)
        return RowError(Finding(self.place, name, rule, "" if value in (None, "") else shown(value), fix))

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
        if len(value) > TEXT_LENGTH:
            raise self.error(
                name, f"is longer than {TEXT_LENGTH} characters, the limit", "shorten or split it"
            )
        if has_half_character(value):
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
        return [DataRow(self.place, {name: entry}).text(name) for entry in self.entries(name)]

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object with fields of its own."""
        value = self.fields.get(name)
        if name not in self.fields:
            raise self.error(name, "is missing", "add it or drop the row")
        if not isinstance(value, dict):
            raise self.error(name, "is not an object", 'write an object in braces, such as {"en": "..."}')
        return value

    def inner(self, name: str, fields: object) -> DataRow:
        """The fields of an object inside this row, at the same place."""
        if not isinstance(fields, dict):
            raise self.error(name, "is not an object", "write an object in braces")
        return DataRow(self.place, fields)

    def one_of(self, name: str, options: Sequence[str]) -> str:
        """One of the options, in any case of letters."""
        value = self.text(name)
        for option in options:
            if value.lower() == option.lower():
                return option
        raise self.error(name, f"is none of {', '.join(options)}", "write one of them")


@dataclass
class DataTable:
    """Rows with the same fields, and what could not be read. `columns` are those of the rows, in their order."""

    file: str
    rows: list[DataRow] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    problems: list[Finding] = field(default_factory=list)
    encoding: str = ""


Parsed = tuple[list[Record], list[Place]]
"""Records and their places; what could not be read is added to the table's problems."""
RowParser = Callable[[DataRow], Iterable[Record]]


def gather(rows: Iterable[DataRow], parse: RowParser, problems: list[Finding]) -> Parsed:
    """The records of all rows and their places; a row that `parse` refuses goes to `problems`."""
    records, places = list[Record](), list[Place]()
    for row in rows:
        try:
            parsed = list(parse(row))
        except RowError as error:
            problems.extend(error.findings)
        else:
            records += parsed
            places += [row.place] * len(parsed)
    return records, places


Source = str | Callable[[DataRow], Any]


def one_per_row(kind: type[Record], key: str = "{key}", spoken: str = "", /, **sources: Source) -> RowParser:
    """How a row becomes one record of a kind.

    Args:
        kind: of the record.
        key: its key; braces hold a source's name, {file} (its name without suffix), {sheet} (else the file) or {line}.
        spoken: the record field that tells the language; empty: English.
        sources: record field -> a column; with a question mark after it where it may be missing or empty; a constant
            after an equals sign; or a function of the row. Read in this order, so that it decides which fault is told.
    """

    def parse(row: DataRow) -> Iterator[Record]:
        fields = {name: _sourced(row, source) for name, source in sources.items()}
        file, line = stem(row.place), row.place.number
        named = key.format(**fields, file=file, sheet=row.place.sheet or file, line=line)
        language = {"language": language_of(fields[spoken])} if spoken else {}
        yield kind(**{**fields, **language, "key": named})

    return parse


def _sourced(row: DataRow, source: Source) -> Any:
    if callable(source):
        return source(row)
    if source.startswith("="):
        return source[1:]
    return row.text(source.removesuffix("?"), optional=source.endswith("?"))


@dataclass(frozen=True)
class Shape:
    """One kind of table of a set.

    `columns`: those that must be there. `aliases`: other names of columns. All are compared without case, spaces and
    punctuation. `files`: a pattern of file names that the table must match to be recognised, where the columns alone
    are too common. `parse` reads a row; `parse_table` a whole table, where a row alone does not do.
    """

    columns: tuple[str, ...]
    parse: RowParser = lambda row: ()
    parse_table: Callable[[DataTable], Parsed] | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: str = "*"

    def missing(self, table: DataTable) -> list[str]:
        """The columns that the table lacks."""
        return [column for column in self.columns if self._column(column, table) is None]

    def recognises(self, table: DataTable) -> bool:
        """Whether the table is of this shape beyond doubt."""
        return not self.missing(table) and fnmatch(PurePath(table.file).name.lower(), self.files)

    def read(self, table: DataTable) -> Parsed:
        """The records of a table."""
        table = self.renamed(table)
        return self.parse_table(table) if self.parse_table else gather(table.rows, self.parse, table.problems)

    def renamed(self, table: DataTable) -> DataTable:
        """The table with its columns brought to the names that `columns` and `aliases` use.

        Other columns that a parser may ask for, such as a topic, are named in small letters with underscores.
        """
        names = {self._column(column, table): column for column in (*self.columns, *self.aliases)}
        for column in table.columns:
            plain = re.sub(r"[^\w]+", "_", column.lower()).strip("_")
            if column not in names and plain not in table.columns and plain not in names.values():
                names[column] = column if column.startswith("(") else plain
        renamed = {old: new for old, new in names.items() if old is not None and old != new}
        return replace(table, rows=[_renamed(row, renamed) for row in table.rows]) if renamed else table

    def _column(self, column: str, table: DataTable) -> str | None:
        if column in table.columns:
            return column
        if column.startswith("("):  # no heading, but what a reader makes of a JSON entry
            return None
        wanted = {bare(name) for name in (column, *self.aliases.get(column, ()))}
        return next((name for name in table.columns if bare(name) in wanted), None)


@dataclass(frozen=True)
class Format:
    """A published set: its name, where a user gets it, and the shapes of its tables."""

    name: str
    about: str
    shapes: tuple[Shape, ...]

    def shape_of(self, table: DataTable) -> Shape | None:
        """The shape that fits the table, the one with most columns; file names only break a tie."""
        fitting = [shape for shape in self.shapes if not shape.missing(table)]
        return max(fitting, key=lambda shape: (len(shape.columns), shape.recognises(table)), default=None)


def value_id(name: str) -> str:
    """A value's name as an id: 'Rule of Law' is rule-of-law, 'Self-Direction' self-direction."""
    plain = unicodedata.normalize("NFKC", name).lower()
    return re.sub(r"[^\w]+", "-", plain).strip("-_")


def stem(place: Place) -> str:
    """The name of the file without its suffix."""
    return PurePath(place.file).stem


@lru_cache(4096)
def bare(name: str) -> str:
    """A heading as it is compared: without case, width, spaces and punctuation."""
    plain = unicodedata.normalize("NFKC", name).lower()
    return "".join(character for character in plain if character.isalnum())


def _renamed(row: DataRow, names: Mapping[str, str]) -> DataRow:
    return DataRow(row.place, {names.get(name, name): value for name, value in row.fields.items()})
