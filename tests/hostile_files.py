"""Files that no command can use, whatever it reads: each is made at a path, and some are made to hang or to eat memory."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

Maker = Callable[[Path], Path]


def holding(content: bytes) -> Maker:
    """A file with this content."""

    def make(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


def _loop(path: Path) -> Path:
    path.symlink_to(path)
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _socket(path: Path) -> Path:
    short = Path("/tmp") / f"vs-{os.getpid()}-{abs(hash(path)) % 10**6}"  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(short))
    short.rename(path)
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _sparse(path: Path) -> Path:
    with path.open("wb") as handle:
        handle.truncate(1 << 40)
    return path


NO_FILES: Mapping[str, Maker] = {
    "no such file": lambda path: path,
    "a name too long": lambda path: path.with_name("a" * 300),
    "a link to itself": _loop,
    "a pipe": _pipe,
    "a socket": _socket,
    "zeros without end": lambda path: Path("/dev/zero"),
    "the null device": lambda path: Path("/dev/null"),
    "an empty folder": _folder,
    "a terabyte": _sparse,
}
"""What is no file that could be read."""

_DEEP = 100_000
RUBBISH: Mapping[str, Maker] = {
    "empty": holding(b""),
    "blank": holding(b" \n\n"),
    "random bytes": holding(bytes(range(128, 256)) * 20),
    "NUL bytes": holding(b"a: \0b\n"),
    "a picture": holding(b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
    "a pickle": holding(b"\x80\x04\x95\x10\x00"),
    "half a character in bytes": holding(b'{"a": "\xed\xa0\x80"}'),
    "half a character": holding(b'{"\\ud800": "\\udfff"}'),
    "cut off": holding(b'{"a": [1, {"b": "c'),
    "a list": holding(b"[1, 2, 3]"),
    "a list of lists": holding(b"[[1], [2]]"),
    "an empty list": holding(b"[]"),
    "an empty object": holding(b"{}"),
    "a number": holding(b"42"),
    "a text": holding(b'"hello"'),
    "null": holding(b"null"),
    "true": holding(b"true"),
    "not a number": holding(b'{"a": NaN}'),
    "a key twice": holding(b'{"a": 1, "a": 2}'),
    "5000 digits": holding(b'{"a": ' + b"9" * 5000 + b"}"),
    "a date that is none": holding(b"a: 2020-99-99\n"),
    "a deep list": holding(b"[" * _DEEP),
    "a deep object": holding(b'{"a":' * _DEEP),
    "a deep list that ends": holding(b"a = " + b"[" * 5000 + b"]" * 5000),
    "a long name of a million": holding(b'{"' + b"x" * 10**6 + b'": 1}'),
    "a dotted name without end": holding(b".".join([b"a"] * 100_000) + b" = 1\n"),
    "aliases of aliases": holding(
        b"a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 10))
    ),
    "merges of merges": holding(
        b"a0: &a0 {k: 1}\n"
        + b"".join(
            b"a%d: &a%d {<<: [%s], k%d: 1}\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9), n)
            for n in range(1, 10)
        )
    ),
    "an alias of itself": holding(b"a: &a [*a]\n"),
}
"""Files without anything that a command could use."""
