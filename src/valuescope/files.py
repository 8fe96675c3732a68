"""Files that are whole or absent: every write goes aside first and is renamed into place."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

LONGEST_NAME = 120
"""Bytes of a name that the user chose: file systems hold 255, and marks and suffixes are put to it."""
CACHE_VARIABLE = "VALUESCOPE_CACHE"
"""The environment variable that moves `cache_folder`."""


def write_bytes_atomic(path: Path, content: bytes) -> Path:
    """Write `content` to `path` so that a reader sees the old file or the new one, never half of it."""
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with naming(path, len(content)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with aside.open("wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(aside, path)
        except BaseException:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
    return path


@contextmanager
def naming(path: Path, size: int | None = None) -> Iterator[None]:
    """Have an OSError of the block name the file, what it needs (`size`, in bytes) and, of a full disk, what is free."""
    try:
        yield
    except OSError as error:
        needed = "" if size is None else f"; it takes {size:,} bytes"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            place = next(above for above in path.absolute().parents if above.exists())
            needed += f", {shutil.disk_usage(place).free:,} are free; make room, and the same command goes on"
        raise OSError(f"{path}: cannot be written: {error.strerror or error}{needed}") from error


def remove_parts(folder: Path) -> None:
    """Remove what killed processes were writing in a folder that no other process works in."""
    for path in list(folder.rglob(".*.part")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def write_text_atomic(path: Path, text: str) -> Path:
    """`write_bytes_atomic` for UTF-8 text."""
    return write_bytes_atomic(path, text.encode("utf-8"))


def write_json_atomic(path: Path, content: Any) -> Path:
    """Write JSON with sorted keys, so that equal content gives equal bytes. NaN is refused."""
    return write_text_atomic(path, dump_json(content) + "\n")


def dump_json(content: Any) -> str:
    """JSON with sorted keys and two spaces; non-finite numbers raise ValueError (missing is null, never NaN)."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)


def save_tensors_atomic(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None
) -> str:
    """Write a safetensors file; returns the sha256 of its bytes.

    `metadata` goes into its header: one entry at most where equal content is to give equal bytes, for safetensors writes
    several in any order.
    """
    from safetensors.torch import save  # which imports torch, and other files are written without it

    contiguous = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    content = save(contiguous, metadata=None if metadata is None else dict(metadata))
    write_bytes_atomic(path, content)
    return hashlib.sha256(content).hexdigest()


def build_folder_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """The folder, filled by `build` where it is not there yet.

    It is filled aside and renamed, so that it is whole or absent also when the process is killed; other processes wait.
    """
    if folder.is_dir():
        return folder
    from filelock import FileLock

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():  # another process may have filled it while this one waited
            aside = folder.with_name(f".{folder.name}.part")
            shutil.rmtree(aside, ignore_errors=True)  # what a killed process left
            try:
                build(aside)
                aside.rename(folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    return folder


def file_name(name: str) -> str:
    """The name as it is, where a file or folder can carry it and stays in the folder that it is put into.

    Raises:
        ValueError: an empty or hidden name, one with a slash, a backslash or a control character, or a too long one.
    """
    size = len(name.encode("utf-8", "replace"))
    if not name.isprintable() or set("/\\") & set(name) or name[:1] in ("", ".") or name != name.strip():
        raise ValueError(
            f"{name!r} becomes the name of a file; give one without slashes, backslashes, control characters, a dot at "
            "its front, or spaces around it"
        )
    if size > LONGEST_NAME:
        raise ValueError(
            f"{name[:20]!r}... becomes the name of a file and has {size} bytes; at most {LONGEST_NAME} are allowed"
        )
    return name


def cache_folder() -> Path:
    """Where what can be made again is kept: `$VALUESCOPE_CACHE`, or `valuescope` in the user's cache."""
    if moved := os.environ.get(CACHE_VARIABLE):
        return Path(moved).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "valuescope"


def sha256_of(content: Any) -> str:
    """sha256 of a JSON-able value in its canonical form."""
    return hashlib.sha256(dump_json(content).encode("utf-8")).hexdigest()


def sha256_of_file(path: Path) -> str:
    """sha256 of a file's bytes."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
