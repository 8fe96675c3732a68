"""A run's folder with one damaged file: every command that takes it says which in one line, or does its work all the same."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from run_samples import dilemma_spec, report_files, save_tiny_model, summary_bytes

import valuescope.files
from valuescope.cli import main
from valuescope.files import remove_parts, save_tensors_atomic, write_text_atomic
from valuescope.judge.reply_store import ModelReply, ReplyStore

Place = Callable[[Path], Path]


def first(pattern: str) -> Place:
    return lambda folder: sorted(folder.glob(pattern))[0]


FILES: dict[str, Place] = {
    "summary": first("summary.json"),
    "run": first("run.json"),
    "spec": first("spec.yaml"),
    "seconds": first("seconds.json"),
    "material": first("data/material.json"),
    "arms": first("arms.json"),
    "answers": first("asks/*/000000.json"),
    "counters": first("activations/counters-*.json"),
    "counted": first("activations/counters-*.safetensors"),
    "location": first("locate/neva-*[0-9a-f].json"),
    "located": first("locate/neva-*.safetensors"),
    "cost": first("locate/*.cost.json"),
}
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "a list": lambda content: b"[]",
    "a list of numbers": lambda content: b"[1, 2]",
    "a number": lambda content: b"3",
    "a text": lambda content: b'"text"',
    "no keys": lambda content: b"{}",
    "other keys": lambda content: b'{"colour": {"deep": [null]}}',
    "no UTF-8": lambda content: b"\xff\xfe" + content,
    "deep": lambda content: b"[" * 100_000,
}


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("material")
    content = dilemma_spec(save_tiny_model(place / "model"))
    content["methods"] = {"neva": content["methods"]["neva"]}
    path = place / "spec.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(spec: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "run"
    assert main(["run", str(spec), "--out", str(out)]) == 0
    return out


def one_line(code: int, error: str, file: Path | None = None) -> None:
    """The command ended as it should: done, or not done for a reason that stands in one line."""
    assert "Traceback" not in error
    if code:
        lines = [line for line in error.splitlines() if line.startswith("error: ")]
        assert (code, len(lines)) == (1, 1), error
        assert file is None or file.name in lines[0] or file.parent.name in lines[0]


# Every file, and every damage, in a third of all combinations.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "damage"),
    [
        (file, damage)
        for row, file in enumerate(FILES)
        for column, damage in enumerate(DAMAGES)
        if (row + column) % 3 == 0
    ],
)
def test_a_damaged_file_is_named_or_made_again(
    spec: Path, finished: Path, file: str, damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    path = FILES[file](out)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    capsys.readouterr()
    for command in (
        ["report", str(out)],
        ["judge", str(out), "--judge", "stance"],
        ["run", str(spec), "--out", str(out)],
    ):
        code = main(command)
        one_line(code, capsys.readouterr().err, path if command[0] == "run" else None)
    if code == 0:
        assert summary_bytes(out) == summary_bytes(finished)
        assert report_files(out) == report_files(finished)


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_gone_is_made_again_or_named(
    spec: Path, finished: Path, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    path = FILES[file](out)
    path.unlink()
    for command in (["report", str(out)], ["run", str(spec), "--out", str(out)]):
        code = main(command)
        one_line(code, capsys.readouterr().err, path if command[0] == "run" else None)
    if code == 0:
        assert summary_bytes(out) == summary_bytes(finished)


@pytest.mark.slow
def test_a_summary_without_some_of_its_keys_is_shown_or_named(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content: dict[str, Any] = json.loads((finished / "summary.json").read_text(encoding="utf-8"))
    path = tmp_path / "summary.json"
    for key in content:
        for changed in (
            {name: part for name, part in content.items() if name != key},
            *({**content, key: other} for other in ([], 3, {"a": 1})),
        ):
            path.write_text(json.dumps(changed), encoding="utf-8")
            code = main(["report", str(tmp_path)])
            one_line(code, capsys.readouterr().err, path)


# A full disk ------------------------------------------------------------------------------------------------


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(handle: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(valuescope.files.os, "fsync", fsync)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    path = write_text_atomic(tmp_path / "a" / "x.json", "old")
    with monkeypatch.context() as patch:
        full(patch)
        for write in (
            lambda: write_text_atomic(path, "new!"),
            lambda: save_tensors_atomic(path, {"x": torch.zeros(3)}),
        ):
            with pytest.raises(
                OSError, match=r"x\.json: cannot be written: No space left on device; it takes"
            ) as caught:
                write()
            assert "bytes, " in str(caught.value)
            assert "are free; make room" in str(caught.value)
    assert [file.name for file in path.parent.iterdir()] == ["x.json"]
    assert path.read_text() == "old"


def test_a_run_on_a_full_disk_says_so_and_goes_on_later(
    spec: Path,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        full(patch)
        assert main(["run", str(spec), "--out", str(out)]) == 1
    error = capsys.readouterr().err
    one_line(1, error, out / "spec.yaml")
    assert "No space left on device" in error
    assert not list(tmp_path.rglob("*.part"))
    assert main(["run", str(spec), "--out", str(out)]) == 0
    assert summary_bytes(out) == summary_bytes(finished)


def test_a_reply_that_does_not_fit_leaves_no_half_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ReplyStore(tmp_path / "replies.jsonl")
    store.put("a", ModelReply("Yes"), {})
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, line: write(file, line[:7]))
        with pytest.raises(OSError, match=r"replies\.jsonl: cannot be written: No space left on device"):
            store.put("b", ModelReply("No"), {})
    store.put("c", ModelReply("No"), {})
    store.close()
    again = ReplyStore(tmp_path / "replies.jsonl")
    assert [again.get(key) is not None for key in "abc"] == [True, False, True]
    assert len((tmp_path / "replies.jsonl").read_bytes().splitlines()) == 2
    again.close()


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    (tmp_path / "a" / ".b.part").mkdir(parents=True)
    (tmp_path / "a" / ".b.part" / "x").touch()
    (tmp_path / "a" / ".x.json.123.part").touch()
    (tmp_path / "a" / "x.part").touch()
    remove_parts(tmp_path)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x.part"]
