"""Fifty and more files that no program should choke on: each with the reader it is given to, and what must be said."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAIR_HEAD = "question_1,question_2\n"
GOOD_PAIRS = PAIR_HEAD + "I lead the group.,I follow the group.\nI chose the song.,They chose the song.\n"
CHOICE = {"question": "One or two?", "subject": "counting", "choices": ["one", "two"], "answer": 1}
OWN = {"key": "power/01", "value": "power", "scene": "choir", "question": "Should I lead the choir?"}


@dataclass(frozen=True)
class Damage:
    """`make` writes something at a path and gives the path to read. `kept`: good records that stay readable."""

    name: str
    suffix: str
    make: Callable[[Path], Path]
    message: str
    reader: str | None = None
    kept: int = 0


def content(data: bytes | str) -> Callable[[Path], Path]:
    """A file with this content."""

    def make(path: Path) -> Path:
        path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
        return path

    return make


def lines(*rows: Any) -> Callable[[Path], Path]:
    """A file of JSON lines; texts are lines as they are."""
    return content("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))


def workbook(*rows: list[Any]) -> Callable[[Path], Path]:
    """A spreadsheet."""

    def make(path: Path) -> Path:
        from openpyxl import Workbook

        book = Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
        return path

    return make


def zipped(**members: bytes) -> Callable[[Path], Path]:
    """A zip archive; double underscores in names stand for slashes."""

    def make(path: Path) -> Path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), data)
        return path

    return make


def half_a_workbook(path: Path) -> Path:
    whole = io.BytesIO()
    from openpyxl import Workbook

    book = Workbook()
    for number in range(200):
        book.active.append([f"text {number}", number])
    book.save(whole)
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def folder_of(**members: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.mkdir()
        for name, text in members.items():
            (path / name.replace("__", ".")).write_text(text, encoding="utf-8")
        return path

    return make


def loop(path: Path) -> Path:
    path.symlink_to(path)
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def absent(path: Path) -> Path:
    return path


def with_change(**changes: Any) -> dict[str, Any]:
    return {**CHOICE, **changes}


SCORES = ["Prosperity", "Democracy", "Civility", "Harmony", "Freedom", "Equality", "Justice"]
SCORES += ["Rule of Law", "Patriotism", "Dedication", "Integrity", "Friendliness"]
HEAD = ["text", *(f"{name}_scr" for name in SCORES)]
ROW = ["一段话", *[0] * 12]
PVQ: dict[str, Any] = {
    "name": "PVQ",
    "scale": ["no", "yes"],
    "key": {"power": [1, 2]},
    "items": {"1": "One.", "2": "Two."},
}
BBQ = {
    "example_id": 1,
    "category": "Age",
    "context": "Two people met.",
    "question": "Who forgot?",
    "ans0": "The old one",
    "ans1": "Unknown",
    "ans2": "The young one",
    "label": 1,
    "answer_info": {"ans0": ["a", "old"], "ans1": ["b", "unknown"], "ans2": ["c", "nonOld"]},
    "additional_metadata": {"stereotyped_groups": ["old"]},
}

DAMAGES = (
    # The path
    Damage("no such file", ".csv", absent, "no such file"),
    Damage(
        "a name that is too long",
        ".csv",
        lambda path: path.with_name("a" * 300),
        "cannot be read|no such file",
    ),
    Damage("an empty folder", "", folder, "a folder without data files"),
    Damage("a folder of pictures", "", folder_of(a__png="x"), "a folder without data files"),
    Damage("a link to itself", ".csv", loop, "cannot be read|no such file"),
    Damage("a pipe", ".csv", pipe, "not a regular file"),
    Damage("a folder named like a table", ".csv", folder, "a folder without data files"),
    # What is no text
    Damage("an empty file", ".jsonl", content(b""), "the file is empty"),
    Damage("blank lines only", ".csv", content(b"\n\n  \n"), "the file is empty"),
    Damage(
        "a picture", ".csv", content(b"\x89PNG\r\n\x1a\n" + bytes(range(256))), "a picture, not a text file"
    ),
    Damage("a PDF", ".json", content(b"%PDF-1.7\n\xe2\xe3"), "a PDF document"),
    Damage("a gzip archive", ".jsonl", content(b"\x1f\x8b\x08\x00abc"), "a gzip archive"),
    Damage("a Parquet file", ".json", content(b"PAR1\x15\x04\x15"), "a Parquet file"),
    Damage("a pickle", ".json", content(b"\x80\x04\x95\x10\x00"), "a Python pickle, which is never opened"),
    Damage("an old workbook", ".xlsx", content(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an old Excel workbook"),
    Damage("random bytes", ".csv", content(bytes(range(128, 256)) * 20), "not UTF-8"),
    Damage("NUL bytes", ".csv", content(GOOD_PAIRS.replace("song", "so\0ng")), "line 3: holds NUL bytes"),
    # Encodings
    Damage(
        "Latin-1", ".csv", content((PAIR_HEAD + "größer,schöner\n").encode("latin-1")), "line 2: not UTF-8"
    ),
    Damage("UTF-8 cut in a letter", ".csv", content((GOOD_PAIRS + "é").encode()[:-1]), "line 4: not UTF-8"),
    Damage("UTF-16 cut in half a letter", ".csv", content(GOOD_PAIRS.encode("utf-16")[:-1]), "not UTF-16"),
    Damage(
        "GB18030 cut in a character",
        ".csv",
        content((PAIR_HEAD + "我来带队，").encode("gb18030")[:-1]),
        "not UTF-8",
    ),
    # CSV
    Damage("no column of any set", ".csv", content("a,b\n1,2\n"), "of no known format .*'a', 'b'"),
    Damage("a missing column", ".csv", content("question_1\nI lead.\n"), "'question_2': is missing", "conva"),
    Damage("a header alone", ".csv", content(PAIR_HEAD), "no rows under the header"),
    Damage(
        "a quote that never ends",
        ".csv",
        content(GOOD_PAIRS + '"I lead,I follow\n'),
        "line 4: not valid CSV",
        kept=2,
    ),
    Damage(
        "a quote inside a quote", ".csv", content(GOOD_PAIRS + '"a"b,c\n'), "line 4: not valid CSV", kept=2
    ),
    Damage(
        "more fields than names",
        ".csv",
        content(GOOD_PAIRS + "I lead, always,I follow\n"),
        "line 4: more fields",
        kept=2,
    ),
    Damage(
        "fewer fields than names",
        ".csv",
        content(GOOD_PAIRS + "I lead\n"),
        "line 4: field 'question_2': is empty",
        kept=2,
    ),
    Damage(
        "an empty field",
        ".csv",
        content(GOOD_PAIRS + "I lead,  \n"),
        "line 4: field 'question_2': is empty",
        kept=2,
    ),
    Damage(
        "a field of a megabyte",
        ".csv",
        content(PAIR_HEAD + "a" * 2**20 + ",b\n"),
        "line 2: not valid CSV .*limit",
    ),
    Damage(
        "a label out of range",
        ".csv",
        content("question,choice0,choice1,choice2,choice3,answer\nq,a,b,c,d,3\nq,a,b,c,d,7\n"),
        "line 3: field 'answer': is not between 0 and 3 .found '7'.",
        kept=1,
    ),
    Damage(
        "a label that is a word",
        ".csv",
        content("question,choice0,choice1,choice2,choice3,answer\nq,a,b,c,d,3\nq,a,b,c,d,B\n"),
        "line 3: field 'answer': is not a whole number",
        kept=1,
    ),
    Damage(
        "an agreement of zero",
        ".csv",
        content("questionnaire,item,value,agreement\nX,I lead.,Power,1\nX,I rest.,Power,0\n"),
        "line 3: field 'agreement': is neither 1 nor -1",
        kept=1,
    ),
    # JSON
    Damage(
        "JSON cut off",
        ".json",
        content('[{"instruction_id": 1, "instruction": "a", "category": "b"}, {"instr'),
        "not valid JSON",
        kept=1,
    ),
    Damage(
        "JSON without its end",
        ".json",
        content('[{"class": "a", "data": "b"}'),
        "the file ends too early",
        kept=1,
    ),
    Damage(
        "a comma too many",
        ".json",
        content('[{"class": "a", "data": "b"},]'),
        "line 1: not valid JSON",
        kept=1,
    ),
    Damage(
        "text after the JSON",
        ".json",
        content('[{"class": "a", "data": "b"}]\nthe end'),
        "line 2: something follows",
        kept=1,
    ),
    Damage("a number as JSON", ".json", content("42"), "is not JSON"),
    Damage("a text as JSON", ".json", content('"hello"'), "is not JSON"),
    Damage("an empty list", ".json", content("[]"), "holds no entries"),
    Damage("an empty object", ".json", content("{}"), "holds no entries"),
    Damage("a deep nest", ".json", content("[" * 200_000), "nested too deeply|not valid JSON"),
    Damage(
        "a number of 5000 digits", ".json", content('[{"class": "a", "data": ' + "9" * 5000 + "}]"), "digits"
    ),
    Damage(
        "NaN",
        ".jsonl",
        lines(CHOICE, '{"question": "x", "subject": "y", "choices": ["a"], "answer": NaN}'),
        "line 2: NaN is not",
        kept=1,
    ),
    Damage(
        "a key twice",
        ".jsonl",
        lines(CHOICE, '{"question": "x", "question": "y"}'),
        "line 2: the key 'question' stands twice",
        kept=1,
    ),
    Damage(
        "a line cut off", ".jsonl", lines(CHOICE, '{"question": "x", "sub'), "line 2: not valid JSON", kept=1
    ),
    Damage(
        "two values on a line",
        ".jsonl",
        lines(CHOICE, '{"a": 1} {"b": 2}'),
        "line 2: more than one JSON value",
        kept=1,
    ),
    Damage("a list on a line", ".jsonl", lines(CHOICE, [1, 2]), "line 2: is not a JSON object", kept=1),
    Damage(
        "half a character",
        ".jsonl",
        lines(CHOICE, with_change(question="\ud83d")),
        "line 2: field 'question': holds half a",
        kept=1,
    ),
    # Values of the wrong kind
    Damage(
        "a text that is a list",
        ".jsonl",
        lines(CHOICE, with_change(question=["x"])),
        "line 2: field 'question': is not a text",
        kept=1,
    ),
    Damage(
        "a field that is null",
        ".jsonl",
        lines(CHOICE, with_change(question=None)),
        "line 2: field 'question': is empty",
        kept=1,
    ),
    Damage(
        "a field that is gone",
        ".jsonl",
        lines(CHOICE, {"question": "x", "subject": "y", "answer": 0}),
        "line 2: field 'choices': is missing",
        kept=1,
    ),
    Damage(
        "options that are a text",
        ".jsonl",
        lines(CHOICE, with_change(choices="one two")),
        "line 2: field 'choices': is not a list",
        kept=1,
    ),
    Damage(
        "an answer that is true",
        ".jsonl",
        lines(CHOICE, with_change(answer=True)),
        "line 2: field 'answer': is not a whole",
        kept=1,
    ),
    Damage(
        "an answer and a half",
        ".jsonl",
        lines(CHOICE, with_change(answer=0.5)),
        "line 2: field 'answer': is not a whole",
        kept=1,
    ),
    Damage(
        "an unknown field",
        ".jsonl",
        lines(OWN, {**OWN, "key": "power/02", "mood": "good"}),
        "line 2: field 'mood': is an unknown",
        kept=1,
    ),
    Damage("a key of two rows", ".jsonl", lines(OWN, OWN), "line 2: field 'key': stands twice", kept=2),
    Damage(
        "a stance of neither kind",
        ".jsonl",
        lines({"description": "You wait.", "stance": "maybe", "value": "x"}),
        "line 1: field 'stance': says neither",
    ),
    Damage(
        "a rating that cannot be read",
        ".jsonl",
        lines({"dialogue": "Human: a\nBob: b", "value_types": ["power: 1+"]}),
        "field 'value_types': holds a rating",
    ),
    Damage(
        "a dialogue without ratings",
        ".jsonl",
        lines({"dialogue": "Human: a\nBob: b", "value_types": []}, {"dialogue": "Human: a\nBob: b"}),
        "line 2: field 'value_types': is missing",
        kept=1,
    ),
    Damage(
        "a type without items",
        ".json",
        content('[{"value": "Power", "definition": "x", "items": []}]'),
        "field 'items': is an empty list",
    ),
    Damage(
        "a dialogue of one",
        ".jsonl",
        lines({"dialogue": "Human: hello", "value_types": []}),
        "field 'dialogue': is not 'Human",
    ),
    Damage(
        "a target that is nobody",
        ".jsonl",
        lines(BBQ, {**BBQ, "example_id": 2, "additional_metadata": {"stereotyped_groups": ["tall"]}}),
        "line 2: field 'answer_info': 0 options name",
        kept=1,
    ),
    Damage(
        "an item without a score",
        ".json",
        content(json.dumps({**PVQ, "items": {**PVQ["items"], "3": "Three."}})),
        "field 'key': does not score item '3'",
    ),
    Damage(
        "a score without an item",
        ".json",
        content(json.dumps({**PVQ, "key": {"power": [1, 2, 9]}})),
        "field 'key': names item '9'",
    ),
    Damage(
        "a story without a value",
        ".jsonl",
        lines({"Type": "t", "Context": "I wait.", "Action1": "a", "Action2": "b"}),
        "field 'value': is missing",
    ),
    # Spreadsheets
    Damage("half a spreadsheet", ".xlsx", half_a_workbook, "not a spreadsheet, or a damaged one"),
    Damage("a zip archive", ".xlsx", zipped(readme=b"hello"), "a zip archive, not a spreadsheet"),
    Damage(
        "a workbook without sheets", ".xlsx", zipped(xl__workbook_xml=b"<workbook/>"), "a damaged spreadsheet"
    ),
    Damage(
        "a spreadsheet bomb",
        ".xlsx",
        zipped(xl__workbook_xml=b"<workbook/>", xl__worksheets__sheet1_xml=bytes(2**25)),
        "unpacks to 32 MB",
    ),
    Damage("an empty spreadsheet", ".xlsx", workbook(), "no rows under a header"),
    Damage(
        "a spreadsheet cell out of range",
        ".xlsx",
        workbook(HEAD, ROW, [*ROW[:-1], 2]),
        "sheet 'Sheet', row 3: field 'Friendliness_scr': is not between",
        kept=1,
    ),
    Damage(
        "a spreadsheet row of sums",
        ".xlsx",
        workbook(HEAD, ROW, [None, *[9] * 12]),
        "row 3: field 'text': is empty",
        kept=1,
    ),
    # Sets
    Damage(
        "two sets in a folder",
        "",
        folder_of(power__csv=GOOD_PAIRS, b__jsonl=json.dumps(CHOICE) + "\n"),
        "sets of more than one format",
    ),
    Damage(
        "another set than named", ".csv", content(GOOD_PAIRS), "'questionnaire': is missing", "valuebench"
    ),
)
