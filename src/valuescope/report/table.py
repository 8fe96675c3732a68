"""A table with three faces: rows and columns of the page, a CSV file, and plain text for a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Generic, TypeAlias, TypeVar

from rich.cells import cell_len

from valuescope.metrics import Estimate
from valuescope.report.numbers import MINUS, MISSING, SHARES, Numbers, grouped, sample
from valuescope.report.text import clean, visible

Row = TypeVar("Row")
_DASHES = str.maketrans({MINUS: "-", "–": "-"})
ESTIMATE_PARTS = ("mean", "low", "high", "n", "missing")


@dataclass(frozen=True)
class Verdict:
    """What numbers say in words. `clear`: True is good, False bad, None where it cannot be said."""

    clear: bool | None
    words: str


@dataclass(frozen=True)
class Code:
    """A word of a program or of a file: a name, a hash."""

    text: str


Cell: TypeAlias = bool | int | float | str | Estimate | Verdict | Code | tuple[Verdict, ...] | None


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column. Without `key` it is not in the CSV, without `title` not on the page, without `terminal` not there.

    `numbers` and `signed` say how floats and estimates are written on the page and in a terminal, `absent` what
    None is written as there. `small` gives lines below the cell on the page. `estimate`: the cells are estimates,
    and the CSV has `key_mean, key_low, key_high, key_n, key_missing` (`mean, low, ...` where the key is `*`).
    """

    key: str
    title: str
    cell: Callable[[Row], Cell]
    numbers: Numbers = SHARES
    signed: bool = True
    small: Callable[[Row], str | Sequence[str]] | None = None
    terminal: str = ""
    absent: str = MISSING
    estimate: bool = False

    def heads(self) -> list[str]:
        """The heads of its columns in a CSV."""
        if not self.estimate:
            return [self.key]
        return [part if self.key == "*" else f"{self.key}_{part}" for part in ESTIMATE_PARTS]

    def facts(self, row: Row) -> list[str]:
        """Its cells in a CSV: numbers in full, an empty cell for what is missing."""
        cell = self.cell(row)
        if not self.estimate:
            return [_fact(cell)]
        if cell is not None and not isinstance(cell, Estimate):
            raise TypeError(f"column {self.key!r} holds estimates, but a cell is {cell!r}")
        return ["" if cell is None else _fact(getattr(cell, part)) for part in ESTIMATE_PARTS]

    def words(self, row: Row) -> str:
        """Its cell in a terminal, in one line, with the dash and the minus that every terminal has."""
        written = _written(self.cell(row), self.numbers.ascii(), signed=self.signed)
        plain = visible(self.absent if written is None else written).translate(_DASHES)
        return " ".join(plain.split())

    def shown(self, row: Row) -> Shown:
        """Its cell on the page."""
        cell = self.cell(row)
        below = () if self.small is None else self.small(row)
        lines = tuple(line for line in ([below] if isinstance(below, str) else below) if line)
        if isinstance(cell, Verdict):
            return Shown(badges=(cell,), lines=lines)
        if isinstance(cell, tuple):
            return Shown(badges=cell, lines=lines)
        if isinstance(cell, Code):
            return Shown(code=cell.text, lines=lines)
        if isinstance(cell, Estimate) and cell.mean is not None:
            write = self.numbers.signed if self.signed else self.numbers.plain
            interval = self.numbers.interval(cell, signed=self.signed)
            figures = tuple(line for line in (interval, sample(cell)) if line)
            return Shown(write(cell.mean), bold=True, figures=figures, lines=lines)
        written = _written(cell, self.numbers, signed=self.signed)
        if written is None or written == MISSING:
            rest = (sample(cell),) if isinstance(cell, Estimate) and sample(cell) else ()
            return Shown(self.absent if written is None else written, missing=True, figures=rest, lines=lines)
        return Shown(grouped(cell) if isinstance(cell, int) else written, lines=lines)


@dataclass(frozen=True)
class Shown:
    """One cell of the page: its text, badges or code, and small lines of `figures` and of words under it."""

    text: str = ""
    code: str = ""
    badges: tuple[Verdict, ...] = ()
    bold: bool = False
    missing: bool = False
    figures: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table(Generic[Row]):
    """Rows with columns. `name` is its file's (`tables/NAME.csv`; none where empty); `page`: whether it stands there.

    The first `left` columns of a terminal hold words and begin at the left, the others end at the right.
    """

    name: str
    caption: str
    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    page: bool = True
    left: int = 1

    def csv(self) -> str:
        """The facts with a head, one row a line; a table without rows still has its head."""
        columns = [column for column in self.columns if column.key]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([head for column in columns for head in column.heads()])
        writer.writerows([fact for column in columns for fact in column.facts(row)] for row in self.rows)
        return text.getvalue()

    def terminal(self) -> str:
        """Columns of even width, the same at every width of the terminal."""
        columns = [column for column in self.columns if column.terminal]
        lines = [[column.words(row) for column in columns] for row in self.rows]
        return plain_table([column.terminal for column in columns], lines, left=self.left)

    def titles(self) -> list[str]:
        """The heads on the page."""
        return [column.title for column in self.columns if column.title]

    def body(self) -> list[list[Shown]]:
        """The cells on the page, row by row."""
        columns = [column for column in self.columns if column.title]
        return [[column.shown(row) for column in columns] for row in self.rows]


def records(name: str, columns: str, rows: Iterable[Sequence[Any]]) -> Table[Sequence[Any]]:
    """A table that is a file alone, with the fields of its rows in the order of the names in `columns`.

    A name with `*` behind it holds estimates and takes five columns, which carry no name of their own where it is `*` alone.
    """
    fields = [
        Column[Sequence[Any]](
            field if field == "*" else field.removesuffix("*"), "", itemgetter(place), estimate="*" in field
        )
        for place, field in enumerate(columns.split())
    ]
    return Table(name, name, fields, list(rows), page=False)


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> str:
    """Columns of even width: the first `left` begin at the left, the others end at the right."""
    widths = [max(map(cell_len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(_line(cells, widths, left) for cells in (head, ["-" * width for width in widths], *rows))


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    placed = []
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        pad = " " * (width - cell_len(cell))
        placed.append(cell + pad if place < left else pad + cell)
    return "  ".join(placed).rstrip()


def _fact(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return repr(cell)
    return clean(_written(cell, SHARES, signed=True) or "")


def _written(cell: Cell, numbers: Numbers, *, signed: bool) -> str | None:
    """A cell in words; None where it is missing."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return numbers.signed(cell) if signed else numbers.plain(cell)
    if isinstance(cell, Estimate):
        return numbers.full(cell, signed=signed)
    if isinstance(cell, Verdict):
        return cell.words
    if isinstance(cell, tuple):
        return ", ".join(verdict.words for verdict in cell)
    if isinstance(cell, Code):
        return cell.text
    return None if cell is None else str(cell)
