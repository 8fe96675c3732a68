"""From a path to text: files that cannot be read, other kinds of files, and encodings."""

from __future__ import annotations

import codecs
from pathlib import Path

from valuescope.data.findings import DataError, Finding, Place

LARGEST = 512 * 2**20
"""Bytes of a file, or of what a spreadsheet unpacks to, that are read at most."""

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
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def damaged(place: Place, rule: str, fix: str, value: str = "") -> DataError:
    """The error about a file or line that stops its reading."""
    finding = Finding(place, "", rule, value, fix)
    return DataError(str(finding), [finding])


def read_bytes(path: Path) -> bytes:
    """The content of a file; DataError where it cannot be had."""
    place = Place(str(path))
    try:
        if path.is_dir():
            raise damaged(place, "a folder, not a file", "name a file in it")
        if not path.is_file():
            rule = "not a regular file" if path.exists() else "no such file"
            raise damaged(place, rule, "check the path")
        length = path.stat().st_size
        if length > LARGEST:
            raise damaged(place, f"larger than {LARGEST >> 20} MB", "split the file", f"{length >> 20} MB")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise damaged(place, f"cannot be read: {reason}", "check the path and its permissions") from error


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
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), None)
    encoding = encoding or _unmarked_utf16(content) or "utf-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        chinese = _gb18030(content) if encoding == "utf-8" else None
        if chinese is None:
            line = content[: error.start].count(b"\n") + 1
            name = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
            raise damaged(
                Place(str(path), line),
                f"not {name}",
                "save the file as UTF-8",
                f"byte 0x{content[error.start]:02x}",
            ) from error
        text, encoding = chinese, "gb18030"
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        rule = "holds NUL bytes, so it is no text file or a broken one"
        raise damaged(Place(str(path), line), rule, "save the file as UTF-8 text again")
    return text.removeprefix("\ufeff"), encoding


def _unmarked_utf16(content: bytes) -> str | None:
    """UTF-16 without a mark, by its line ends and commas: every other byte of ASCII is zero."""
    head = content[:4096]
    half = len(head) // 2
    if half and head[1::2].count(0) > 0.3 * half and head[::2].count(0) == 0:
        return "utf-16-le"
    if half and head[::2].count(0) > 0.3 * half and head[1::2].count(0) == 0:
        return "utf-16-be"
    return None


def _gb18030(content: bytes) -> str | None:
    """The text if it is Chinese: most characters beyond ASCII are among the common ones of GB 2312."""
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        return None
    beyond = [character for character in text if character > "\x7f"]
    common = 0
    for character in beyond:
        encoded = character.encode("gb18030")
        common += len(encoded) == 2 and (0xB0 <= encoded[0] <= 0xD7 or 0xA1 <= encoded[0] <= 0xA3)
    return text if len(beyond) >= 2 and common >= 0.8 * len(beyond) else None
