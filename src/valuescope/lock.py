"""One process at a time works in a folder: a lock that names who holds it, and ends with the process that does."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

SUFFIX = ".lock"
"""Of the file that is locked. It holds the holder's process, host and start, and stays, empty, when it is let go of a folder with
anything in it: who waited for a removed file would hold what no other process sees."""


class InUseError(RuntimeError):
    """A folder or file that another process works on; the message names the process."""


@contextmanager
def sole_use(folder: Path, name: str = "in-use") -> Iterator[None]:
    """Hold a folder, or the file of it that `name` says, for the block; again in the same thread it is no second hold.

    The operating system lets go of the lock when its process ends, in whatever way, so what a killed process held is
    simply taken over.

    Raises:
        InUseError: where another process (or thread) holds it; nothing waits.
    """
    path = Path(folder).resolve() / f"{name}{SUFFIX}"
    is_new = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, is_singleton=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        what = path.parent if name == "in-use" else path.with_suffix("")
        raise InUseError(
            f"{what} is in use by {_holder(path)}; wait until it ends, or choose another --out"
        ) from None
    outermost = lock.lock_counter == 1
    try:
        if outermost:
            start = datetime.now(UTC).isoformat(timespec="seconds")
            holder = {"pid": os.getpid(), "host": socket.gethostname(), "start": start}
            path.write_text(json.dumps(holder) + "\n", encoding="utf-8")
        yield
    finally:
        if outermost and list(path.parent.iterdir()) == [path]:  # nothing was made, so nothing is left
            path.unlink()
            with suppress(OSError):
                if is_new:
                    path.parent.rmdir()
        elif outermost:
            os.truncate(path, 0)
        lock.release()


def _holder(path: Path) -> str:
    """Who holds a lock, as its file says."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']} since {holder['start']}"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process, which has only just begun"
