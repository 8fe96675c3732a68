"""What a published set's files look like: the columns that give it away, and how its rows become records."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import PurePath

from valuescope.data.findings import Place
from valuescope.data.readers.rows import Row, Table, gather
from valuescope.data.records import Record

Parsed = tuple[list[Record], list[Place]]
"""Records and their places; what could not be read is added to the table's problems."""


@dataclass(frozen=True)
class Shape:
    """One kind of table of a set.

    `columns`: those that must be there. `aliases`: other names of columns, compared without case, spaces and
    punctuation. `files`: a pattern of file names that the table must match to be recognised, where the columns alone
    are too common.
    """

    columns: tuple[str, ...]
    parse: Callable[[Table], Parsed]
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: str = "*"

    def missing(self, table: Table) -> list[str]:
        """The columns that the table lacks."""
        return [column for column in self.columns if self._found(column, table) is None]

    def recognises(self, table: Table) -> bool:
        """Whether the table is of this shape beyond doubt."""
        return not self.missing(table) and fnmatch(PurePath(table.file).name.lower(), self.files)

    def read(self, table: Table) -> Parsed:
        """The records of a table, its columns brought to the names that `columns` and `aliases` use."""
        names = {self._found(column, table): column for column in (*self.columns, *self.aliases)}
        renamed = {old: new for old, new in names.items() if old is not None and old != new}
        if renamed:
            table = replace(table, rows=[_renamed(row, renamed) for row in table.rows])
        return self.parse(table)

    def _found(self, column: str, table: Table) -> str | None:
        if column in table.columns:
            return column
        wanted = {_bare(name) for name in (column, *self.aliases.get(column, ()))} if self.aliases else set()
        return next((name for name in table.columns if _bare(name) in wanted), None)


@dataclass(frozen=True)
class Format:
    """A published set: its name, where a user gets it, and the shapes of its tables."""

    name: str
    about: str
    shapes: tuple[Shape, ...]

    def shape_of(self, table: Table) -> Shape | None:
        """The shape that fits the table, the one with most columns; file names only break a tie."""
        fitting = [shape for shape in self.shapes if not shape.missing(table)]
        return max(fitting, key=lambda shape: (len(shape.columns), shape.recognises(table)), default=None)


def by_row(parse: Callable[[Row], Iterable[Record]]) -> Callable[[Table], Parsed]:
    """A table's reading out of a row's."""
    return lambda table: gather(table.rows, parse, table.problems)


def value_id(name: str) -> str:
    """A value's name as an id: 'Rule of Law' is rule-of-law, 'Self-Direction' self-direction."""
    plain = unicodedata.normalize("NFKC", name).lower()
    return re.sub(r"[^\w]+", "-", plain).strip("-_")


def stem(place: Place) -> str:
    """The name of the file without its suffix."""
    return PurePath(place.file).stem


def _bare(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _renamed(row: Row, names: Mapping[str, str]) -> Row:
    return Row(row.place, {names.get(name, name): value for name, value in row.fields.items()})
