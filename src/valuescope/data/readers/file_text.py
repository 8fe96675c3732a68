"""From a path to text: files that cannot be read, other kinds of files, and encodings."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from valuescope import input_files
from valuescope.data.findings import DataError, Finding, Place
from valuescope.input_files import InputError, require_plain

_MAGIC = (
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"BZh", "a bzip2 archive", "unpack it first"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first"),
    (b"7z\xbc\xaf", "a 7-zip archive", "unpack it first"),
    (b"(\xb5/\xfd", "a zstandard archive", "unpack it first"),
    (b"%PDF", "a PDF document", "export its table as CSV"),
    (b"\x89PNG", "a picture", "give a file of texts"),
    (b"\xff\xd8\xff", "a picture", "give a file of texts"),
    (b"PAR1", "a Parquet file", "load its folder with Hugging Face datasets, or export it as JSON lines"),
    (b"ARROW1", "an Arrow file", "give the folder that datasets saved, or export it as JSON lines"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "save it as .xlsx or CSV"),
    (b"\x7fELF", "a program", "give a file of texts"),
    (b"SQLite format 3", "an SQLite database", "export its table as CSV"),
    (b"\x80\x04\x95", "a Python pickle, which is never opened", "export it as JSON lines"),
)
_LOOKED_AT = 1 << 20
"""Characters beyond ASCII that tell whether a text reads like Chinese."""


def damaged(place: Place, rule: str, fix: str, value: str = "") -> DataError:
    """The error about a file or line that stops its reading."""
    finding = Finding(place, "", rule, value, fix)
    return DataError(str(finding), [finding])


def read_bytes(path: Path) -> bytes:
    """The content of a file; DataError where it cannot be had."""
    try:
        return input_files.read_bytes(path)
    except InputError as error:
        raise _told(path, error) from error


def _told(path: Path, error: InputError) -> DataError:
    return damaged(Place(str(path), error.line), error.problem, error.fix, error.value)


def require_text(content: bytes, place: Place) -> None:
    """Refuse an empty file, and one whose first bytes say that it is something else."""
    if not content.strip():
        raise damaged(place, "the file is empty", "fill it or leave it out")
    for start, kind, fix in _MAGIC:
        if content.startswith(start):
            raise damaged(place, f"{kind}, not a text file", fix)


def decode(content: bytes, path: Path) -> tuple[str, str]:
    """The text of a file and its encoding: UTF-8, UTF-16 or UTF-32 with a mark, UTF-16 without, or GB18030.

    GB18030 is taken only where the result reads like Chinese, since it accepts most bytes.
    """
    require_text(content, Place(str(path)))
    try:
        return input_files.decode(content, path)
    except InputError as error:
        chinese = _gb18030(content) if error.problem == "not UTF-8" else None
        if chinese is None:
            raise _told(path, error) from error
    try:
        return require_plain(chinese, path), "gb18030"
    except InputError as error:
        raise _told(path, error) from error


def _gb18030(content: bytes) -> str | None:
    """The text if it is Chinese: most characters beyond ASCII are among the common ones of GB 2312."""
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        return None
    beyond = list(islice((character for character in text if character > "\x7f"), _LOOKED_AT))
    common = 0
    for character in beyond:
        encoded = character.encode("gb18030")
        common += len(encoded) == 2 and (0xB0 <= encoded[0] <= 0xD7 or 0xA1 <= encoded[0] <= 0xA3)
    return text if len(beyond) >= 2 and common >= 0.8 * len(beyond) else None
