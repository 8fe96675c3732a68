"""CSV, JSON, JSON lines, spreadsheets and what Hugging Face datasets loads, as tables of rows."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from valuescope.data.findings import DataError, Finding, Place, shown
from valuescope.data.readers.file_text import damaged, decode, read_bytes, require_text
from valuescope.data.readers.json_text import is_json_lines, json_entries, json_lines
from valuescope.data.readers.rows import DataRow, DataTable
from valuescope.input_files import CELLS, COLUMNS, FILE_BYTES, ROWS, SHEET_MARKS

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm")
"""Files that a folder's reading looks at."""

ITEM = "(item)"
"""The field of a JSON list's entry that is no object."""
KEY = "(key)"
"""The field with the key of a JSON object's entry."""

_DELIMITERS = ",;\t|"
_EXCEL_MARK = re.compile(r'"?sep=(?P<delimiter>.)"?[,;\t|]*\s*', re.IGNORECASE)
"""The line above the header in which Excel tells a table's delimiter."""


def read_tables(path: Path) -> list[DataTable]:
    """The tables of a file: one, but one per sheet of a spreadsheet.

    Raises:
        DataError: the file cannot be read at all. Damage inside it is in the tables' `problems`.
    """
    content = read_bytes(path)
    if content.startswith(b"PK\x03\x04") or path.suffix.lower() in (".xlsx", ".xlsm"):
        return _spreadsheet(content, path)
    text, encoding = decode(content, path)
    head = text.lstrip()[:1]
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        table = _json_lines(text, str(path))
    elif path.suffix.lower() == ".json" or (head in "[{" and path.suffix.lower() not in (".csv", ".tsv")):
        table = _json_lines(text, str(path)) if is_json_lines(text) else _json(text, str(path))
    else:
        table = _csv(text, str(path))
    table.encoding = encoding
    return [table]


def _json_lines(text: str, file: str) -> DataTable:
    table = DataTable(file)
    for place, value in json_lines(text, file, table.problems.append):
        if isinstance(value, dict):
            table.rows.append(DataRow(place, value))
        else:
            fix = 'write one object per line, such as {"text": "..."}'
            table.problems.append(Finding(place, "", "is not a JSON object", shown(value), fix))
    return _with_columns(table)


def _json(text: str, file: str) -> DataTable:
    """A list's entries, an object's entries if all of them are objects, else the object itself as one row."""
    table = DataTable(file)
    entries = list(json_entries(text, file, table.problems.append))
    if any(key is None for _, key, _ in entries):
        table.rows += [
            DataRow(place, value if isinstance(value, dict) else {ITEM: value}) for place, _, value in entries
        ]
    elif entries and all(isinstance(value, dict) for _, _, value in entries):
        table.rows += [DataRow(place, {KEY: key, **value}) for place, key, value in entries]
    elif entries:
        table.rows.append(DataRow(entries[0][0], {str(key): value for _, key, value in entries}))
    return _with_columns(table)


def _with_columns(table: DataTable) -> DataTable:
    """Columns of rows that each name their own: those in a tenth of the rows at least, the usual ones first."""
    counts = Counter(name for row in table.rows for name in row.fields)
    table.columns = tuple(name for name, count in counts.most_common() if count >= 0.1 * len(table.rows))
    if not table.rows and not table.problems:
        table.problems.append(
            Finding(Place(table.file), "", "holds no entries", "", "fill it or leave it out")
        )
    return table


def _csv(text: str, file: str) -> DataTable:
    table = DataTable(file)
    first = next((line for line in text.splitlines() if line.strip()), "")
    excel = _EXCEL_MARK.fullmatch(first)
    outside = re.sub(r'"[^"]*"', "", first)  # a quoted name may hold other marks
    delimiter = excel["delimiter"] if excel else max(_DELIMITERS, key=outside.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header, start = list[str](), 1
    try:
        for values in reader:
            place, start = Place(file, start), reader.line_num + 1
            if not any(value.strip() for value in values):
                continue
            if excel:
                excel = None
                continue
            if not header:
                header = _header(values, place, table)
                continue
            while len(values) > len(header) and not values[-1].strip():
                values.pop()  # a comma at the end of the row
            if len(values) > len(header):
                rule = f"more fields than the header names ({len(values)} against {len(header)})"
                fix = "put texts with a comma in quotes"
                table.problems.append(Finding(place, "", rule, shown(delimiter.join(values)), fix))
            else:
                _add_row(table, place, values, header)
    except csv.Error as error:
        fix = "check the quoting: every quoted text must end, and a quote inside one is doubled"
        table.problems.append(Finding(Place(file, start), "", f"not valid CSV ({error})", "", fix))
    if header and not table.rows and not table.problems:
        fix = "fill it or leave it out"
        table.problems.append(Finding(Place(file, 1), "", "no rows under the header", "", fix))
    return table


def _header(values: Sequence[Any], place: Place, table: DataTable) -> list[str]:
    """Column names, those without one at the end left out; one that stands twice is numbered from then on: text.2."""
    seen, header = Counter[str](), []
    names = [str(value).strip() if value is not None else "" for value in values]
    while names and not names[-1]:
        names.pop()
    for name in names:
        seen[name] += 1
        header.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    table.columns = tuple(header)
    return header


def _add_row(table: DataTable, place: Place, values: Sequence[Any], header: Sequence[str]) -> None:
    """Add a row, what it lacks at its end as None; DataError where the table is larger than it may be."""
    if len(header) > COLUMNS:
        rule, fix = f"more than {COLUMNS} columns", "keep those with texts and values"
        raise damaged(place, rule, fix, f"{len(header)} columns")
    if len(table.rows) >= ROWS or len(table.rows) * len(header) >= CELLS:
        raise damaged(place, f"more than {ROWS} rows, or {CELLS} rows times columns", "split the file")
    fields = dict(zip(header, values, strict=False))
    table.rows.append(DataRow(place, dict.fromkeys(header) | fields))


def _spreadsheet(content: bytes, path: Path) -> list[DataTable]:
    place = Place(str(path))
    require_text(content, place)
    _require_workbook(content, place)
    try:
        openpyxl: Any = import_module("openpyxl")  # an extra, and slow to import
    except ImportError as error:
        fix = 'pip install "valuescope[data]", or save the sheet as CSV'
        raise damaged(place, "a spreadsheet, and openpyxl is not installed", fix) from error
    try:
        _require_few_marks(content, place)
        workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        return [_sheet(sheet, path) for sheet in workbook.worksheets]
    except DataError:
        raise
    except Exception as error:  # openpyxl raises whatever its parsers do on a damaged workbook
        reason = " ".join(str(error).split())[:120]
        rule = f"a damaged spreadsheet ({type(error).__name__}: {reason})"
        raise damaged(place, rule, "open it in a spreadsheet program and save it anew") from error


def _require_workbook(content: bytes, place: Place) -> None:
    """Refuse what is no workbook, and one that unpacks to far more than it should."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise damaged(
            place, f"not a spreadsheet, or a damaged one ({error})", "save it as .xlsx or CSV again"
        ) from error
    if not any(member.filename == "xl/workbook.xml" for member in members):
        raise damaged(place, "a zip archive, not a spreadsheet", "unpack it and name a file in it")
    unpacked = sum(member.file_size for member in members)
    if unpacked > FILE_BYTES or unpacked > 1000 * len(content):
        rule = f"a spreadsheet of {len(content) >> 10} KB that unpacks to {unpacked >> 20} MB"
        raise damaged(place, rule, "it is no ordinary workbook: export its table as CSV")


def _require_few_marks(content: bytes, place: Place) -> None:
    """Refuse a workbook of more XML than is read in seconds, and one whose XML declares entities."""
    marks = entries = 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            end = b""
            with archive.open(member) as handle:
                while piece := handle.read(1 << 20):
                    marks += piece.count(b"<")
                    entries += sum(map(piece.count, (b"<row", b":row", b"<si", b":si")))
                    if b"<!DOCTYPE" in end + piece or b"<!ENTITY" in end + piece:
                        raise damaged(place, "a spreadsheet that declares XML entities", "save it anew")
                    end = piece[-16:]
                    if marks > SHEET_MARKS or entries > ROWS:
                        rule = f"a spreadsheet of more than {ROWS} rows and texts, or {SHEET_MARKS} XML tags"
                        raise damaged(place, rule, "split it, or export its table as CSV")


def _sheet(sheet: Any, path: Path) -> DataTable:
    table = DataTable(str(path))
    header: list[str] = []
    sheet.reset_dimensions()  # what a sheet says of its size may be anything, and rows are filled up to it
    for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
        place = Place(str(path), number, str(sheet.title))
        if number > ROWS or len(values) > COLUMNS:
            what = f"more than {ROWS} rows" if number > ROWS else f"more than {COLUMNS} columns"
            rule, fix = (
                f"{what}, blank ones included",
                "move the table to a sheet of its own, or export it as CSV",
            )
            raise damaged(place, rule, fix)
        if all(value is None or (isinstance(value, str) and not value.strip()) for value in values):
            continue
        if not header:
            header = _header(values, place, table)
        else:
            _add_row(table, place, values, header)
    if not table.rows and not table.problems:
        fix = "fill it or remove the sheet"
        table.problems.append(
            Finding(Place(str(path), 1, str(sheet.title)), "", "no rows under a header", "", fix)
        )
    return table


PREFIX = "hf:"
_ID = re.compile(
    r"(?P<name>[\w.-]+(/[\w.-]+)?)(\[(?P<config>[^\]]+)\])?(@(?P<revision>[^:]+))?(:(?P<split>.+))?"
)


def is_hub(path: str | Path) -> bool:
    """Whether a path is `hf:owner/name`, with `[config]`, `@revision` and `:split` after it where wanted."""
    return isinstance(path, str) and path.startswith(PREFIX)


def is_saved(path: Path) -> bool:
    """Whether a folder was written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`."""
    try:
        return (path / "dataset_dict.json").is_file() or (
            (path / "state.json").is_file() and (path / "dataset_info.json").is_file()
        )
    except OSError:
        return False


def hub_tables(path: str) -> list[DataTable]:
    """A table per split. Downloads what is on the hub, into the library's own cache.

    Raises:
        DataError: the library is not installed, or the set cannot be loaded; its message says why.
    """
    place = Place(path)
    try:
        datasets: Any = import_module("datasets")  # an extra, and slow to import
    except ImportError as error:
        raise damaged(place, "needs Hugging Face datasets", 'pip install "valuescope[data]"') from error
    try:
        if is_hub(path):
            match = _ID.fullmatch(path.removeprefix(PREFIX))
            if match is None:
                fix = "write hf:owner/name[config]@revision:split, all but owner/name optional"
                raise damaged(place, "is no id", fix)
            loaded = datasets.load_dataset(
                match["name"], match["config"], revision=match["revision"], split=match["split"]
            )
        else:
            loaded = datasets.load_from_disk(path)
        splits = loaded if isinstance(loaded, Mapping) else {str(loaded.split or ""): loaded}
        return [
            _split_table(f"{path}:{name}" if len(splits) > 1 else path, rows) for name, rows in splits.items()
        ]
    except DataError:
        raise
    except Exception as error:  # the library raises errors of its own and of all that it loads with
        reason = " ".join(str(error).split())[:200]
        rule = f"cannot be loaded ({type(error).__name__}: {reason})"
        raise damaged(place, rule, "check the id, the network and your access") from error


def _split_table(name: str, rows: Iterable[Mapping[str, Any]]) -> DataTable:
    table = DataTable(name)
    for number, fields in enumerate(rows, 1):
        table.columns = table.columns or tuple(fields)
        _add_row(table, Place(name, number), list(fields.values()), tuple(fields))
    return table
