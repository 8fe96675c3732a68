"""Rows of JSON lines that people write: checked field by field, with errors that name file, line and field."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valuescope.data.records import Dilemma
from valuescope.input_files import ENTRY_LENGTH, FILE_BYTES, ROWS, read_text, told_as
from valuescope.json_values import parse_json
from valuescope.judge.missing import JudgeError

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class JsonLine:
    """One line of a file."""

    path: Path
    line: int
    content: dict[str, Any]

    def text(self, name: str, default: str | None = None, *, empty: bool = False) -> str:
        """A text; `default` where it is absent or null.

        Raises:
            JudgeError: it is absent, no text, or empty where it may not be.
        """
        text = self.content.get(name)
        if text is None and default is not None:
            return default
        if text is None:
            raise self.error(
                name,
                f"is absent; the line has {', '.join(name[:40] for name in list(self.content)[:12]) or 'no fields'}",
            )
        if not isinstance(text, str):
            raise self.error(name, f"is {reprlib.repr(text)}, which is no text; put it in quotes")
        if not text.strip() and not empty:
            raise self.error(name, "is empty; write a text, or take the line out")
        return text

    def one_of(self, name: str, known: tuple[str, ...], default: str) -> str:
        """A text that is one of `known`."""
        text = self.text(name, default)
        if text not in known:
            raise self.error(name, f"is {reprlib.repr(text)}; write one of {', '.join(known)}")
        return text

    def error(self, name: str, problem: str) -> JudgeError:
        """The error about one field."""
        return JudgeError(f"{self.path}: line {self.line}: field {name!r} {problem}")


def read_rows(path: Path) -> Iterator[JsonLine]:
    """The objects of a file of JSON lines; empty lines are passed over.

    Raises:
        JudgeError: no such file, not UTF-8, or a line that is no JSON object.
    """
    with told_as(JudgeError):
        text = read_text(path, FILE_BYTES)
    for number, line in enumerate(text.split("\n"), start=1):
        place = f"{path}: line {number}"
        if not line.strip():
            continue
        if number > ROWS or len(line) > ENTRY_LENGTH:
            raise JudgeError(
                f"{place}: more than {ROWS} lines, or one of more than {ENTRY_LENGTH} characters; split the file"
            )
        try:
            content = parse_json(line.strip())
        except json.JSONDecodeError as error:
            reason = f"{error.msg} at column {error.colno}"
            raise JudgeError(f"{place}: not JSON: {reason}; write one object a line") from error
        except ValueError as error:
            raise JudgeError(f"{place}: not JSON: {error}; correct the line") from error
        if not isinstance(content, dict):
            raise JudgeError(f"{place}: {type(content).__name__} is no object; write {{...}}")
        yield JsonLine(Path(path), number, content)


def read_dilemmas(path: Path) -> list[Dilemma]:
    """Dilemmas from JSON lines with `story`, `aligned` and `violating`, and optionally `key`, `value` and `language`.

    Raises:
        JudgeError: a line that is not that, two lines of one key, or none at all.
    """
    dilemmas = [
        Dilemma(
            key=row.text("key", str(row.line)),
            value=row.text("value", ""),
            story=row.text("story"),
            aligned=row.text("aligned"),
            violating=row.text("violating"),
            language=row.one_of("language", LANGUAGES, "en"),
        )
        for row in read_rows(path)
    ]
    require_keys(path, [dilemma.key for dilemma in dilemmas])
    return dilemmas


def require_keys(path: Path, keys: list[str]) -> None:
    """Raise JudgeError where there is no row, or where two have the same key."""
    if not keys:
        raise JudgeError(f"{path}: holds no lines")
    seen = set[str]()
    for key in keys:
        if key in seen:
            raise JudgeError(f"{path}: two lines have the key {key!r}; give each its own")
        seen.add(key)
