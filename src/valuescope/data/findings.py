"""What is wrong with a data file, and where: the same shape for readers, checks and writers."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_LISTED = 20


class DataError(ValueError):
    """A data file that cannot be used; the message names file, line, field and the fix.

    `findings` are all that was found, of which the message lists the first 20; empty where it is about a parameter.
    """

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


@dataclass(frozen=True)
class Place:
    """Where a record stands: a file, and its line from 1 on (the row of a spreadsheet; 0: the whole file).

    `entry`: its number in the list or object of a JSON file, whose entries may all stand on one line (0: no such file).
    """

    file: str
    line: int = 0
    sheet: str = ""
    entry: int = 0

    @property
    def number(self) -> int:
        """What tells the records of one table apart: the entry's number, else the line."""
        return self.entry or self.line

    def __str__(self) -> str:
        where = f"{self.file}: " + (f"sheet {self.sheet!r}, " if self.sheet else "")
        if not self.line:
            return where.removesuffix(", ").removesuffix(": ")
        entry = f"entry {self.entry}, " if self.entry else ""
        return f"{where}{entry}{'row' if self.sheet else 'line'} {self.line}"


@dataclass(frozen=True)
class Finding:
    """One departure from a rule.

    `field` is empty where the finding is about a whole line or file. `value` is what was found, shortened; `fix` says
    what to do.
    """

    place: Place
    field: str
    rule: str
    value: str
    fix: str

    @property
    def file(self) -> str:
        """The file."""
        return self.place.file

    @property
    def line(self) -> int:
        """The line or row, 0 for the whole file."""
        return self.place.line

    def __str__(self) -> str:
        field = f"field {self.field!r}: " if self.field else ""
        found = f" (found {self.value})" if self.value else ""
        return f"{self.place}: {field}{self.rule}{found}; {self.fix}"


def shown(value: object) -> str:
    """A found value as it is put into a finding: quoted and shortened, never more than one line."""
    return _SHORT.repr(value)


def refuse(findings: Iterable[Finding]) -> None:
    """Raise one DataError that lists the findings; do nothing where there is none."""
    problems = tuple(findings)
    if problems:
        lines = [f"{len(problems)} problems:"] if len(problems) > 1 else []
        lines += map(str, problems[:_LISTED])
        if len(problems) > _LISTED:
            lines.append(f"... and {len(problems) - _LISTED} more")
        raise DataError("\n".join(lines), problems)
