"""Whatever file a command is given, it answers soon and with one line: `error:`, the file and what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hostile_files import NO_FILES, RUBBISH, Maker
from tiny_models import save_tiny_model

from valuescope.cli.main import main

SECONDS = 5.0
"""That an answer may take on a busy machine; alone each takes less than one."""
ANSWER = {"question": "Q?", "answer": "A.", "value": "power"}
Arguments = Callable[[str, str, Path], list[str]]
COMMANDS: Mapping[str, Arguments] = {
    "data": lambda file, model, here: ["data", file, "--sample", "0"],
    "data as": lambda file, model, here: ["data", file, "--as", "conva"],
    "run": lambda file, model, here: ["run", file, "--dry-run"],
    "values": lambda file, model, here: [
        *("judge", str(here / "answers.jsonl"), "--by", "mockllm/model", "--value-system", file)
    ],
    "values of locate": lambda file, model, here: [
        *("locate", model, "--method", "neva", "--values", file, "--out", str(here / "out"))
    ],
    "answers": lambda file, model, here: ["judge", file, "--by", "mockllm/model"],
    "edit": lambda file, model, here: ["generate", model, "--edit", file, "--prompt", "care"],
    "edit served": lambda file, model, here: ["serve", model, "--edit", file],
    "questionnaire": lambda file, model, here: ["questionnaire", model, file],
    "text": lambda file, model, here: ["ability", model, "--text", file],
    "mmlu": lambda file, model, here: ["ability", model, "--mmlu", file],
    "material": lambda file, model, here: [
        *("locate", model, "--method", "neva", "--source", "files", "-d", f"path={file}", "--out", str(here / "out"))
    ],
    "model": lambda file, model, here: ["sites", file],
}
READ_AS_IT_IS = {"text"}
"""Commands for which any text is one."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "answers.jsonl").write_text(json.dumps(ANSWER) + "\n", encoding="utf-8")
    return tmp_path


def line_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command says of what it cannot do, within the time that it may take."""
    start = time.monotonic()
    code = main(arguments)
    seconds, said = time.monotonic() - start, capsys.readouterr().err
    assert code in (1, 2), said
    assert "Traceback" not in said and "nobody foresaw" not in said
    assert seconds < SECONDS
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert said.splitlines()[-1] == line
    assert len(line) < 3100
    return line


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_file_is_refused(
    command: str, kind: str, model: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = NO_FILES[kind](here / "given.json")
    line = line_of(COMMANDS[command](str(file), model, here), capsys)
    assert file.name[:80] in line


@pytest.mark.parametrize("kind", RUBBISH)
@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in READ_AS_IT_IS])
def test_rubbish_is_refused(
    command: str, kind: str, model: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = RUBBISH[kind](here / "given.json")
    line = line_of(COMMANDS[command](str(file), model, here), capsys)
    assert file.name in line
