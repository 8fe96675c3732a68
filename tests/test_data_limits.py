"""A list with a bad entry loses that entry alone; tables as people save them are read; no file takes long to refuse."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from valuescope.data import ContrastPair, DataError, Dataset, MultipleChoice, read_data
from valuescope.data.readers.json_text import json_entries, json_lines
from valuescope.input_files import CELLS, COLUMNS, ENTRY_LENGTH, LINES, ROWS, SHEET_MARKS, TEXT_LENGTH

SECONDS = 20.0
"""That a refusal may take where many share the machine; alone each takes one or two."""
COUNT = 200
ROWS_OF_CHOICE = [
    {"question": f"Number {number}?", "subject": "counting", "choices": ["one", "two"], "answer": 1}
    for number in range(COUNT)
]

# JSON lists ------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[str, str]] = {
    "NaN": ('"Number 1?"', "NaN"),
    "minus infinity": ('"Number 1?"', "-Infinity"),
    "a number out of range": ('"Number 1?"', "1e999"),
    "5000 digits": ('"Number 1?"', "9" * 5000),
    "a key twice": ('"Number 1?"', '"a", "question": "b"'),
    "a key twice inside": ('"Number 1?"', '{"a": 1, "a": 2}'),
    "nested too deeply": ('"Number 1?"', "[" * 100 + "]" * 100),
    "an unknown word": ('"Number 1?"', "undefined"),
    "single quotes": ('"Number 1?"', "'Number 1?'"),
    "a quote that does not end": ('"Number 1?"', '"Number 1?'),
    "a quote that does not begin": ('"Number 1?"', 'Number 1?"'),
    "a quote inside a text": ('"Number 1?"', '"Number "1"?"'),
    "a bracket that does not end": ('"Number 1?"', "[1, 2"),
    "a comma too many": ('"Number 1?"', '"Number 1?",'),
    "a comma missing": ('"Number 1?",', '"Number 1?"'),
    "a colon missing": ('"question": "Number 1?"', '"question" "Number 1?"'),
    "an unknown escape": ('"Number 1?"', '"Number \\x 1?"'),
}


def entries_of(text: str) -> tuple[list[int], list[str]]:
    """The numbers of the entries that are read, and what is told of the others."""
    problems: list[str] = []
    read = json_entries(text, "f.json", lambda finding: problems.append(str(finding)))
    return [place.number for place, _, _ in read], problems


def with_bad(kind: str, indent: int | None) -> str:
    before, after = BAD[kind]
    text = json.dumps(ROWS_OF_CHOICE, indent=indent)
    assert before in text
    return text.replace(before, after, 1)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("kind", BAD)
def test_one_bad_entry_loses_itself_alone(kind: str, indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(with_bad(kind, indent), encoding="utf-8")
    dataset = read_data(path)
    assert [one.question for one in dataset.records if isinstance(one, MultipleChoice)] == [
        row["question"] for number, row in enumerate(ROWS_OF_CHOICE) if number != 1
    ]
    assert len({record.key for record in dataset.records}) == COUNT - 1
    (problem,) = dataset.problems
    assert "c.json: entry 2, line " in str(problem)
    assert dataset.unread == 1


def test_entries_of_one_line_have_numbers_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(ROWS_OF_CHOICE), encoding="utf-8")
    dataset = read_data(path)
    assert (len(dataset), dataset.problems, dataset.unread) == (COUNT, (), 0)
    assert [place.number for place in dataset.places] == list(range(1, COUNT + 1))
    assert {place.line for place in dataset.places} == {1}


def test_several_bad_entries_are_counted_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from valuescope.cli.main import main

    text = json.dumps(ROWS_OF_CHOICE)
    for number, bad in ((1, "NaN"), (50, "nope"), (199, '"x" "y"')):
        text = text.replace(f'"Number {number}?"', bad)
    path = tmp_path / "c.json"
    path.write_text(text, encoding="utf-8")
    assert main(["data", str(path), "--sample", "0"]) == 0
    said = capsys.readouterr().out
    assert "197 records read as mmlu" in said
    assert "3 rows could not be read" in said
    assert [f"entry {number}, line 1" in said for number in (2, 51, 200)] == [True] * 3


@pytest.mark.parametrize(
    ("text", "read", "told"),
    [
        ("[1, nope, 3]", [1, 3], "entry 2, line 1: not valid JSON"),
        ('[{"a": 1} {"a": 2}]', [1, 2], "Expecting ',' or ']'"),
        ('[{"a": 1} x, {"a": 2}]', [1, 2], "Expecting ',' or ']'"),
        ('[{"a": 1}, {"a": 2', [1], "entry 2, line 1: not valid JSON"),
        ('{"x": {"a": 1}, "y": {"a": NaN}, "z": {"a": 2}}', [1, 3], "entry 2, line 1: NaN"),
        ('{"x": {"a": 1}, "y": {"a": no}, "z": {"a": 2}}', [1, 3], "entry 2, line 1: not valid"),
        ('{"x": {"a": 1}, "x": {"a": 2}, "z": {"a": 2}}', [1, 3], "the key 'x' stands twice"),
        ('[{"a": {"b": [1, {"a": 2}, {"a": 3}], "c": no}}, {"a": 4}]', [2], "entry 1, line 1: not valid"),
    ],
)
def test_what_follows_damage_is_read(text: str, read: list[int], told: str) -> None:
    numbers, problems = entries_of(text)
    assert numbers == read
    assert told in problems[0]


def test_brackets_inside_texts_are_no_brackets() -> None:
    assert entries_of('[{"a": 1}, {"a": "}], [{"}, {"a": 3}]') == ([1, 2, 3], [])


def test_lines_with_a_bad_first_one_are_still_lines(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    lines = [json.dumps(row) for row in ROWS_OF_CHOICE[:5]]
    path.write_text("\n".join([lines[0][:-3], *lines[1:]]), encoding="utf-8")
    dataset = read_data(path)
    assert (len(dataset), dataset.unread) == (4, 1)
    assert "c.json: line 1: not valid JSON" in str(dataset.problems[0])


# Tables as people save them --------------------------------------------------------------------------------

PAIRS = [("I lead the group.", "I follow the group."), ("I chose, of course.", "They chose.")]
TABLES: dict[str, bytes] = {
    "a comma at the end of rows": b'question_1,question_2\n%s,%s,\n"%s",%s,,\n',
    "commas at the end of all": b'question_1,question_2,\n%s,%s,\n"%s",%s,\n',
    "Excel's separator": b'sep=;\nquestion_1;question_2\n%s;%s\n"%s";%s\n',
    "Excel's separator in quotes": b'"sep=|"\r\nquestion_1|question_2\r\n%s|%s\r\n"%s"|%s\r\n',
    "spaces and case": b'Question 1,QUESTION 2\n%s,%s\n"%s",%s\n',
    "hyphens": b'question-1, Question-2 \n%s,%s\n"%s",%s\n',
    "a quoted heading with commas": b'"notes, ours";question_1;question_2\n;%s;%s\n;"%s";%s\n',
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


def pairs_of(dataset: Dataset) -> list[tuple[str, str]]:
    return [(one.positive, one.negative) for one in dataset.records if isinstance(one, ContrastPair)]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", TABLES)
def test_tables_as_people_save_them(kind: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    filled = TABLES[kind] % tuple(text.encode() for pair in PAIRS for text in pair)
    path.write_bytes(filled.decode().encode(encoding))
    dataset = read_data(path)
    assert pairs_of(dataset) == PAIRS
    assert (dataset.format, dataset.problems) == ("conva", ())


@pytest.mark.parametrize(
    "head", ["value,positive,negative", "Value, Positive ,NEGATIVE,Topic", "sep=,\nvalue,positive,negative"]
)
def test_a_table_of_value_and_two_sides(head: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        f'{head}\nPower,{PAIRS[0][0]},{PAIRS[0][1]}\npower,"{PAIRS[1][0]}",{PAIRS[1][1]}\n', encoding="utf-8"
    )
    dataset = read_data(path)
    assert pairs_of(dataset) == PAIRS
    assert {one.value for one in dataset.records} == {"power"}
    assert len({one.key for one in dataset.records}) == 2


@pytest.mark.parametrize("reader", [None, "conva"])
def test_a_heading_with_a_slip_names_what_was_expected_and_what_is_nearest(
    reader: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "power.csv"
    path.write_text("question_1,qestion 2\na,b\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_data(path, reader)
    said = str(error.value)
    assert "found columns 'question_1', 'qestion 2'" in said
    assert "rename 'qestion 2' to 'question_2'" in said
    assert "has 'question_1', 'question_2'" in said


# Limits ----------------------------------------------------------------------------------------------------

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def workbook(sheet: bytes = b"", strings: bytes = b"") -> bytes:
    """A workbook with these rows in its sheet, and these entries among its strings."""
    from openpyxl import Workbook

    plain, changed = io.BytesIO(), io.BytesIO()
    book = Workbook()
    book.active.append(["question_1", "question_2"])
    book.save(plain)
    with (
        zipfile.ZipFile(plain) as old,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = content.replace(b"</sheetData>", sheet + b"</sheetData>")
            new.writestr(name, content)
        new.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">'.encode() + strings + b"</sst>")
        new.writestr("docProps/filler.bin", bytes(i * 7919 % 251 for i in range(60_000)))
    return changed.getvalue()


def cell(place: bytes) -> bytes:
    return b'<row><c r="%s" t="inlineStr"><is><t>x</t></is></c></row>' % place


HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a row number beyond all": (".xlsx", lambda: workbook(b'<row r="9999999999"><c><v>1</v></c></row>'), f"more than {ROWS} rows"),
    "Excel's last row": (".xlsx", lambda: workbook(b'<row r="1048576"><c><v>1</v></c></row>'), f"more than {ROWS} rows"),
    "a column far out": (".xlsx", lambda: workbook(cell(b"XFD2") * 2000), f"more than {COLUMNS} columns"),
    "empty strings by millions": (".xlsx", lambda: workbook(strings=b"<si><t></t></si>" * 3_000_000), f"{SHEET_MARKS} XML tags"),
    "empty rows by millions": (".xlsx", lambda: workbook(b"<row/>" * 3_000_000), f"{SHEET_MARKS} XML tags"),
    "entities": (".xlsx", lambda: workbook(b'<!DOCTYPE x [<!ENTITY a "b">]>'), "declares XML entities"),
    "empty texts by millions": (".json", lambda: b"[" + b'"",' * 5_000_000 + b'""]', f"more than {ROWS} entries"),
    "lists by millions": (".json", lambda: b"[[" + b"[]," * 10_000_000 + b"1]]", f"more than {ENTRY_LENGTH} characters"),
    "a text of megabytes": (".json", lambda: b'["' + b"x" * 30_000_000 + b'"]', f"more than {ENTRY_LENGTH} characters"),
    "broken entries": (".json", lambda: b"[" + b'{"a": x "},' * 60_000 + b"1]", "not valid JSON"),
    "brackets": (".json", lambda: b"[" + b"{" * 10_000_000, "not valid JSON"),
    "lines by millions": (".jsonl", lambda: b"{}\n" * 900_000, f"more than {ROWS} rows"),
    "blank lines by millions": (".jsonl", lambda: b"{}" + b"\n" * (LINES + 1), f"more than {LINES} lines"),
    "a line of megabytes": (".jsonl", lambda: b'{"a": "' + b"x" * 30_000_000 + b'"}', f"longer than {ENTRY_LENGTH}"),
    "rows by millions": (".csv", lambda: b"question_1,question_2\n" + b"a,b\n" * 900_000, f"more than {ROWS} rows"),
    "columns by thousands": (".csv", lambda: b",".join(b"c%d" % n for n in range(5000)) + b"\n1\n", f"more than {COLUMNS} columns"),
    "a wide head over short rows": (
        ".csv",
        lambda: b"question_1,question_2," + b",".join(b"c%d" % n for n in range(900)) + b"\n" + b"a,b\n" * 100_000,
        f"{CELLS} rows times columns",
    ),
    "blank lines in a table": (".csv", lambda: b"question_1,question_2\n" + b"\n" * 10_000_000, f"more than {LINES} lines"),
    "bytes of no encoding": (".csv", lambda: bytes(range(128, 256)) * 200_000, "not UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_told_soon(kind: str, tmp_path: Path) -> None:
    if HOSTILE[kind][0] == ".xlsx":
        pytest.importorskip("openpyxl")
    suffix, make, told = HOSTILE[kind]
    path = tmp_path / f"power{suffix}"
    path.write_bytes(make())
    start = time.process_time()
    with pytest.raises(DataError) as error:
        read_data(path, strict=True)
    assert time.process_time() - start < SECONDS
    assert told in str(error.value)
    assert path.name in str(error.value)


def test_a_text_may_be_as_long_as_the_limit_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    rows = [{**ROWS_OF_CHOICE[0], "question": "x" * (TEXT_LENGTH + more)} for more in (0, 1)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    dataset = read_data(path)
    assert len(dataset) == 1
    assert f"line 2: field 'question': is longer than {TEXT_LENGTH} characters" in str(dataset.problems[0])


def test_lines_are_numbered_over_blank_ones() -> None:
    assert [place.line for place, _ in json_lines("{}\n\n \n{}\n{}", "f", print)] == [1, 4, 5]
