"""Reading a data set from a file or a folder, its format named or found by its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from valuescope.data.findings import DataError, Finding, Place, refuse, shown
from valuescope.data.readers import choice_sets, dilemma_sets, own_lines, text_sets
from valuescope.data.readers.file_text import damaged
from valuescope.data.readers.rows import DataTable, Format, Shape, bare
from valuescope.data.readers.table_files import SUFFIXES, hub_tables, is_hub, is_saved, read_tables
from valuescope.data.records import Record

_SHOWN = 16
"""Columns that a message lists."""
FORMATS: dict[str, Format] = {
    published.name: published
    for published in (
        own_lines.OWN,
        dilemma_sets.C_VOICE,
        dilemma_sets.VALUEINSIGHT,
        dilemma_sets.CONVA,
        text_sets.VALUEBENCH,
        text_sets.PVQ,
        text_sets.VALUECSV,
        text_sets.FULCRA,
        choice_sets.BBQ,
        choice_sets.SAFETYBENCH,
        text_sets.VLSBENCH,
        dilemma_sets.MORALCHOICE,
        dilemma_sets.DAILY_DILEMMAS,
        choice_sets.MMLU,
        choice_sets.QRNCA,
        text_sets.ULTRACHAT,
    )
}
"""name -> what the set's files look like."""


@dataclass(frozen=True)
class Dataset:
    """What was read: records, where each stands, and what could not be read.

    `notes` say what was left out or assumed. `unread`: how many rows or entries could not be read.
    """

    format: str
    path: str
    records: tuple[Record, ...]
    places: tuple[Place, ...]
    problems: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    unread: int = 0

    def __len__(self) -> int:
        return len(self.records)


def read_data(path: str | Path, reader: str | None = None, *, strict: bool = False) -> Dataset:
    """Read a file, a folder, a folder that Hugging Face datasets saved, or a hub id (`hf:owner/name`).

    Args:
        path: what to read. Of a folder all files of a known kind, its folders included.
        reader: the name of the format; None: found by the columns, refused where more than one fits.
        strict: refuse a set with a malformed row instead of leaving the row out.

    Raises:
        DataError: nothing could be read, the format is unknown or unclear, or `strict` and anything is malformed.
    """
    if reader is not None and reader not in FORMATS:
        raise DataError(f"format {reader!r} is unknown; the formats are {', '.join(FORMATS)}")
    tables, failures = _tables(path)
    by_format: dict[str, list[tuple[DataTable, Shape]]] = {}
    left_out = list[DataTable]()
    for table in tables:
        fitting = _shapes(
            table, FORMATS.values() if reader is None else [FORMATS[reader]], named=reader is not None
        )
        if len(fitting) > 1:
            names = " or ".join(form.name for form, _ in fitting)
            raise damaged(Place(table.file), f"could be {names}", "say which with --as NAME", _columns(table))
        if fitting:
            by_format.setdefault(fitting[0][0].name, []).append((table, fitting[0][1]))
        elif table.rows or table.problems:
            left_out.append(table)
    if len(by_format) > 1:
        held = "; ".join(f"{name}: {Path(matched[0][0].file).name}" for name, matched in by_format.items())
        raise damaged(Place(str(path)), "holds sets of more than one format", "name one with --as NAME", held)
    if not by_format:
        refuse([*failures, *(_unrecognised(table, reader) for table in left_out)])
        raise damaged(Place(str(path)), "holds no rows", "name a file that does")
    ((name, matched),) = by_format.items()
    parts = [shape.read(table) for table, shape in matched]
    unread = [problem for table in left_out if not table.rows for problem in table.problems]
    failures += [problem for problem in unread if not problem.place.sheet]  # an empty sheet is no fault
    problems = (*failures, *(problem for table, _ in matched for problem in table.problems))
    records = tuple(record for part, _ in parts for record in part)
    places = tuple(place for _, part in parts for place in part)
    unread_places = {problem.place for problem in problems if problem.line}
    problems += tuple(_repeated_keys(records, places))
    if strict or not records:
        refuse(problems)
    if not records:
        raise damaged(
            Place(str(path)), f"holds nothing to read as {name}", "name the file or folder that does"
        )
    return Dataset(
        name, str(path), records, places, problems, tuple(_notes(matched, left_out)), len(unread_places)
    )


READERS: dict[str, Callable[[str | Path], Dataset]] = {
    name: partial(read_data, reader=name) for name in FORMATS
}
"""name -> function(path) that reads a set of that format."""


def _tables(path: str | Path) -> tuple[list[DataTable], list[Finding]]:
    """The tables of a path; of a folder's files those that can be read, and why the others cannot."""
    if is_hub(path):
        return hub_tables(str(path)), []
    place = Path(path).expanduser()
    try:
        if is_saved(place):
            return hub_tables(str(place)), []
        if not place.is_dir():
            return read_tables(place), []
        files = sorted(file for file in place.rglob("*") if _is_data(file.relative_to(place)))
    except OSError as error:
        rule = f"cannot be read: {error.strerror or error}"
        raise damaged(Place(str(path)), rule, "check the path and its permissions") from error
    if not files:
        fix = f"name a file, or a folder with files of {', '.join(SUFFIXES)}"
        raise damaged(Place(str(path)), "a folder without data files", fix)
    tables, failures = list[DataTable](), list[Finding]()
    for file in files:
        try:
            tables += read_tables(file)
        except DataError as error:
            failures += error.findings
    return tables, failures


def _is_data(path: Path) -> bool:
    """Whether a file of a folder is looked at: of a known kind, and not hidden."""
    return path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.parts)


def _shapes(table: DataTable, formats: Iterable[Format], *, named: bool) -> list[tuple[Format, Shape]]:
    """The formats that a table may be of, with the shape of each; only those with the most columns."""
    fitting = [
        (form, shape)
        for form in formats
        for shape in [form.shape_of(table)]
        if shape is not None and (named or shape.recognises(table))
    ]
    most = max((len(shape.columns) for _, shape in fitting), default=0)
    return [(form, shape) for form, shape in fitting if len(shape.columns) == most]


def _unrecognised(table: DataTable, reader: str | None) -> Finding:
    """Why a table cannot be read: its own damage, where there is more of that than of rows, or its columns."""
    if len(table.problems) > len(table.rows):
        return table.problems[0]
    place = table.rows[0].place
    head = Place(place.file, 1, place.sheet)
    formats = FORMATS.values() if reader is None else [FORMATS[reader]]
    form, nearest = min(
        ((form, shape) for form in formats for shape in form.shapes),
        key=lambda near: (len(near[1].missing(table)) - _hints(near[1], table)) / len(near[1].columns),
    )
    missing = nearest.missing(table)
    near = [f"{old} to {new!r}" for new in missing for old in map(shown, near_columns(new, table.columns))]
    rename = f"rename {' and '.join(near)}, or " if near else ""
    if reader is not None:
        expected = " or ".join(_listed(shape.columns) for shape in FORMATS[reader].shapes)
        fix = f"{rename}give a file of {reader}, which has {expected}"
        return Finding(head, missing[0], "is missing", _columns(table), fix)
    fix = f"{rename}say what it is with --as NAME, one of {', '.join(FORMATS)}"
    if near or len(missing) < len(nearest.columns):
        lacking = f"it lacks {_listed(missing)}" if missing else "by its name it may be another"
        fix = f"the nearest, {form.name}, has {_listed(nearest.columns)}, and {lacking}: {fix}"
    return Finding(head, "", "is of no known format", _columns(table), fix)


def _hints(shape: Shape, table: DataTable) -> float:
    """How many of a shape's missing columns may be there under another spelling, each counted half."""
    return sum(0.5 for column in shape.missing(table) if near_columns(column, table.columns))


def near_columns(column: str, columns: Sequence[str]) -> list[str]:
    """The heading of a table that is most like a column, if any is."""
    bare_names = {bare(name): name for name in columns[:_SHOWN]}
    return [bare_names[near] for near in get_close_matches(bare(column), bare_names, n=1, cutoff=0.7)]


def _columns(table: DataTable) -> str:
    return "columns " + (_listed(table.columns) or "none")


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(shown, columns[:_SHOWN])) + (", ..." if len(columns) > _SHOWN else "")


def _repeated_keys(records: Sequence[Record], places: Sequence[Place]) -> list[Finding]:
    """Keys pair answers and seed noise, so they are unique."""
    counts = Counter(record.key for record in records)
    seen, repeats = set[str](), list[Finding]()
    for record, place in zip(records, places, strict=True):
        if counts[record.key] > 1 and record.key in seen:
            repeats.append(
                Finding(place, "key", "stands twice", repr(record.key), "give every row its own key")
            )
        seen.add(record.key)
    return repeats


def _notes(matched: Sequence[tuple[DataTable, Shape]], left_out: Sequence[DataTable]) -> list[str]:
    notes = list[str]()
    encodings = sorted({table.encoding for table, _ in matched} - {"", "utf-8"})
    if encodings:
        notes.append(f"read as {', '.join(encodings)}")
    if unknown := [table for table in left_out if table.rows]:
        notes.append(f"left out, of no known format: {', '.join(map(_name, unknown))}")
    return notes


def _name(table: DataTable) -> str:
    """The last folder and the name of a table's file, and its sheet."""
    sheet = table.rows[0].place.sheet
    return "/".join(Path(table.file).parts[-2:]) + (f" (sheet {sheet})" if sheet else "")
