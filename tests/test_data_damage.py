"""Damaged files: each gives an error that says where and what to do, keeps the good rows, and never a traceback."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from damaged_files import BBQ, CHOICE, DAMAGES, GOOD_PAIRS, PVQ, Damage, lines

from valuescope.cli.main import run_command
from valuescope.data import DataError, read_data
from valuescope.data.readers import table_files as tables


@pytest.fixture(params=DAMAGES, ids=[damage.name for damage in DAMAGES])
def damage(request: pytest.FixtureRequest) -> Damage:
    found: Damage = request.param
    return found


def test_there_are_fifty_kinds_of_damage() -> None:
    assert len({damage.name for damage in DAMAGES}) == len(DAMAGES) >= 50


def test_the_place_the_fault_and_the_fix_are_named_and_good_rows_are_kept(
    damage: Damage, tmp_path: Path
) -> None:
    path = damage.make(tmp_path / f"broken{damage.suffix}")
    if damage.kept:
        dataset = read_data(path, damage.reader)
        assert len(dataset) == damage.kept
        message = "\n".join(map(str, dataset.problems))
    else:
        with pytest.raises(DataError) as error:
            read_data(path, damage.reader)
        message = str(error.value)
    with pytest.raises(DataError, match=damage.message):
        read_data(path, damage.reader, strict=True)
    assert path.name in message
    assert all("; " in line for line in message.splitlines() if "problems:" not in line)
    assert max(map(len, message.splitlines())) < 900


def test_the_command_says_so_without_a_traceback(
    damage: Damage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damage.make(tmp_path / f"broken{damage.suffix}")
    reader = ["--as", damage.reader] if damage.reader else []
    arguments = ["data", str(path), *reader, "--sample", "0"]
    if damage.kept:
        assert run_command(arguments) == 0
        assert "problems; rows that cannot be read are left out" in capsys.readouterr().out
    else:
        with pytest.raises(DataError):  # which the command's entry point prints on one line
            run_command(arguments)


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lines(CHOICE)(tmp_path / "locked.jsonl")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(
        DataError, match=r"locked\.jsonl: cannot be read: Permission denied; check the path and its"
    ):
        read_data(path)


def test_a_spreadsheet_without_openpyxl_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next(damage for damage in DAMAGES if damage.name == "an empty spreadsheet").make(
        tmp_path / "a.xlsx"
    )

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(tables, "import_module", missing)
    with pytest.raises(DataError, match=r'pip install "valuescope\[data\]"'):
        read_data(path)


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="format 'nonsense' is unknown; the formats are valuescope, c-voice"):
        read_data(lines(CHOICE)(tmp_path / "a.jsonl"), "nonsense")


TOKENS = [
    b"null",
    b"[]",
    b"{}",
    b'"',
    b",",
    b"\n",
    b"\0",
    b"\xff",
    b"1e999",
    b"-1",
    b"true",
    b"}",
    b"]",
    b"\\ud800",
]
WHOLE = {
    "power.csv": GOOD_PAIRS.encode(),
    "a.jsonl": "\n".join(json.dumps(row) for row in (CHOICE, CHOICE)).encode(),
    "b.json": json.dumps([BBQ]).encode(),
    "c.json": json.dumps(PVQ).encode(),
    "d.jsonl": json.dumps({"dialogue": "Human: a\nBob: b", "value_types": ["power: +1"]}).encode(),
    "e.json": json.dumps(
        [{"value": "Power", "definition": "x", "items": [{"item": "a", "definition": "b"}]}]
    ).encode(),
    "f.jsonl": json.dumps(
        {
            "key": "a",
            "value": "b",
            "topic": {"en": "c"},
            "story": {"en": "d"},
            "aligned": {"en": "e"},
            "violating": {"en": "f"},
        }
    ).encode(),
}


@pytest.mark.parametrize("name", WHOLE)
def test_no_change_of_a_good_file_gives_anything_but_records_or_a_clear_error(
    name: str, tmp_path: Path
) -> None:
    rng = random.Random(name)
    assert read_data(_written(tmp_path / name, WHOLE[name])).problems == ()
    for _ in range(150):
        content = bytearray(WHOLE[name])
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(content) + 1)
            content[place : place + rng.randint(0, 12)] = rng.choice(
                [*TOKENS, b"", content[place : place + 40]]
            )
        try:
            problems = read_data(_written(tmp_path / name, bytes(content))).problems
        except DataError as error:
            problems = error.findings
        assert all(finding.fix and finding.rule and name in finding.file for finding in problems)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
