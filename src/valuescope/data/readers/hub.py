"""Hugging Face `datasets`: ids on the hub, and folders that the library saved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from valuescope.data.findings import Place
from valuescope.data.readers.file_text import damaged
from valuescope.data.readers.rows import DataRow, DataTable

PREFIX = "hf:"
_ID = re.compile(
    r"(?P<name>[\w.-]+(/[\w.-]+)?)(\[(?P<config>[^\]]+)\])?(@(?P<revision>[^:]+))?(:(?P<split>.+))?"
)


def is_hub(path: str | Path) -> bool:
    """Whether a path is `hf:owner/name`, with `[config]`, `@revision` and `:split` after it where wanted."""
    return isinstance(path, str) and path.startswith(PREFIX)


def is_saved(path: Path) -> bool:
    """Whether a folder was written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`."""
    try:
        return (path / "dataset_dict.json").is_file() or (
            (path / "state.json").is_file() and (path / "dataset_info.json").is_file()
        )
    except OSError:
        return False


def hub_tables(path: str) -> list[DataTable]:
    """A table per split. Downloads what is on the hub, into the library's own cache.

    Raises:
        DataError: the library is not installed, or the set cannot be loaded; its message says why.
    """
    place = Place(path)
    try:
        datasets: Any = import_module("datasets")  # an extra, and slow to import
    except ImportError as error:
        raise damaged(place, "needs Hugging Face datasets", 'pip install "valuescope[data]"') from error
    try:
        if is_hub(path):
            match = _ID.fullmatch(path.removeprefix(PREFIX))
            if match is None:
                raise damaged(
                    place,
                    "is no id",
                    "write hf:owner/name[config]@revision:split, all but owner/name optional",
                )
            loaded = datasets.load_dataset(
                match["name"], match["config"], revision=match["revision"], split=match["split"]
            )
        else:
            loaded = datasets.load_from_disk(path)
        splits = loaded if isinstance(loaded, Mapping) else {str(loaded.split or ""): loaded}
        return [_table(f"{path}:{name}" if len(splits) > 1 else path, rows) for name, rows in splits.items()]
    except ValueError as error:
        if type(error).__module__.startswith("valuescope"):
            raise
        raise _failed(place, error) from error
    except Exception as error:  # the library raises errors of its own and of all that it loads with
        raise _failed(place, error) from error


def _failed(place: Place, error: Exception) -> Exception:
    reason = " ".join(str(error).split())[:200]
    return damaged(
        place,
        f"cannot be loaded ({type(error).__name__}: {reason})",
        "check the id, the network and your access",
    )


def _table(name: str, rows: Iterable[Mapping[str, Any]]) -> DataTable:
    table = DataTable(name)
    for number, fields in enumerate(rows, 1):
        table.rows.append(DataRow(Place(name, number), dict(fields)))
    table.columns = tuple(table.rows[0].fields) if table.rows else ()
    return table
