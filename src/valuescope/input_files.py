"""Reading what others wrote: regular files only, none beyond its limits, and one line that says what is wrong.

Every reader of a file takes its limits from here, so that no file can hang a command or fill the memory.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from valuescope.json_values import DEPTH, parse_json

FILE_BYTES = 256 << 20
"""Bytes of a data file, or of what a spreadsheet unpacks to."""
DOCUMENT_BYTES = 16 << 20
"""Bytes of a JSON document: an edit, a manifest of tensors, a questionnaire."""
TOML_BYTES = 256 << 10
"""Bytes of a value system or of prompts in TOML."""
YAML_BYTES = 64 << 10
"""Bytes of a specification; YAML is read slowly."""
ROWS = 100_000
"""Rows of one table, blank ones of a spreadsheet included."""
LINES = 1_000_000
"""Lines of a text file, blank ones included."""
COLUMNS = 1000
"""Columns of one table."""
CELLS = 2_000_000
"""Rows times columns of one table."""
TEXT_LENGTH = 1 << 17
"""Characters of one text in a table."""
ENTRY_LENGTH = 1 << 20
"""Characters of one entry of a JSON list or object, or of one line of JSON."""
SHEET_MARKS = 2_000_000
"""XML tags of a spreadsheet; four make a cell."""
ALIASES = 100
"""Aliases (`*name`) of a YAML text."""
NODES = 10_000
"""Values of a YAML text, each alias counted as what it stands for."""

_DOTTED = re.compile(rf"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{DEPTH}}}""")
"""A dotted name whose reading takes time and memory by the square of its parts."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class InputError(ValueError):
    """A file that cannot be read. `line` is 0 where it is about the whole file, `value` what was found there."""

    def __init__(self, path: Path | str, problem: str, fix: str, *, line: int = 0, value: str = "") -> None:
        place = f"{path}: line {line}" if line else str(path)
        found = f" (found {value})" if value else ""
        super().__init__(f"{place}: {problem}{found}; {fix}")
        self.problem, self.fix, self.line, self.value = problem, fix, line, value


@contextmanager
def told_as(kind: type[Exception]) -> Iterator[None]:
    """An InputError inside the block is raised as the caller's own kind of error."""
    try:
        yield
    except InputError as error:
        raise kind(str(error)) from error


def require_regular(path: Path) -> os.stat_result:
    """What the system says of a regular file.

    Raises:
        InputError: there is none, or it is a folder, a pipe, a socket or a device, whose reading might never end.
    """
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(path, "no such file", "check the path") from error
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(facts.st_mode):
        raise InputError(path, "a folder, not a file", "name a file in it")
    if not stat.S_ISREG(facts.st_mode):
        kind = next((name for test, name in _KINDS if test(facts.st_mode)), "something else")
        raise InputError(path, f"not a regular file but {kind}", "save the content in a file and name that")
    return facts


def read_bytes(path: Path | str, limit: int = FILE_BYTES) -> bytes:
    """The content of a regular file of `limit` bytes at most; InputError where it cannot be had."""
    path = Path(path)
    size = require_regular(path).st_size
    if size > limit:
        rule = f"larger than {_size(limit)}, the limit for such a file"
        raise InputError(path, rule, "split it, or name the right file", value=_size(size))
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def decode(content: bytes, path: Path | str) -> tuple[str, str]:
    """A text and its encoding: UTF-8, UTF-16 or UTF-32 with a mark, or UTF-16 without one.

    Raises:
        InputError: another encoding, NUL characters, or too many lines.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    encoding = encoding or _unmarked_utf16(content) or "utf-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        name = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
        line, value = content[: error.start].count(b"\n") + 1, f"byte 0x{content[error.start]:02x}"
        raise InputError(path, f"not {name}", "save the file as UTF-8", line=line, value=value) from error
    return require_plain(text, path), encoding


def require_plain(text: str, path: Path | str) -> str:
    """A decoded text without its mark; InputError where it holds NUL characters or too many lines."""
    if "\0" in text:
        line, rule = (
            text.count("\n", 0, text.index("\0")) + 1,
            "holds NUL bytes, so it is no text file or a broken one",
        )
        raise InputError(path, rule, "save the file as UTF-8 text again", line=line)
    if text.count("\n") > LINES:
        raise InputError(path, f"more than {LINES} lines", "split the file")
    return text.removeprefix("\ufeff")


def read_text(path: Path | str, limit: int = DOCUMENT_BYTES) -> str:
    """The text of a regular file, not empty; InputError where it cannot be had."""
    text, _ = decode(read_bytes(path, limit), path)
    if not text.strip():
        raise InputError(path, "the file is empty", "fill it, or name another")
    return text


def read_json(path: Path | str, limit: int = DOCUMENT_BYTES) -> Any:
    """The value of a JSON document; InputError where it cannot be read, or holds what JSON does not know."""
    text = read_text(path, limit)
    try:
        return parse_json(text)
    except ValueError as error:
        raise InputError(path, f"not JSON ({error})", "correct it there, or save it again") from error


def read_toml(path: Path | str) -> dict[str, Any]:
    """`parse_toml` of a file."""
    return parse_toml(read_bytes(path, TOML_BYTES), path)


def parse_toml(content: bytes, path: Path | str) -> dict[str, Any]:
    """The tables of a TOML document; InputError where it is none."""
    text, _ = decode(content, path)
    if found := _DOTTED.search(text):
        rule = f"nested too deeply, a name of more than {DEPTH} parts"
        raise InputError(path, rule, "shorten it", line=text.count("\n", 0, found.start()) + 1)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(path, f"not valid TOML: {error}", "correct that line") from error
    except RecursionError as error:
        raise InputError(path, "nested too deeply", "take the brackets away that are too many") from error
    except ValueError as error:  # a number of more than 4300 digits, a date that is none
        raise InputError(path, f"not valid TOML: {error}", "correct that value") from error


def _unreadable(path: Path, error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InputError(path, f"cannot be read: {reason}", "check the path and its permissions")


def _size(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count >> 10} KB"


def _unmarked_utf16(content: bytes) -> str | None:
    """UTF-16 without a mark, by its line ends and commas: every other byte of ASCII is zero."""
    head = content[:4096]
    half = len(head) // 2
    if half and head[1::2].count(0) > 0.3 * half and head[::2].count(0) == 0:
        return "utf-16-le"
    if half and head[::2].count(0) > 0.3 * half and head[1::2].count(0) == 0:
        return "utf-16-be"
    return None
