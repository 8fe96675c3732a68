"""Finding an edit by its hash among files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from valuescope.edit import EDITS, Edit, load_edit
from valuescope.edit.bundle import SUFFIX
from valuescope.edit.edit_file import read_description
from valuescope.provider.model_names import ProviderError, Selection

ENVIRONMENT = "VALUESCOPE_EDITS"
_LARGEST_FILE = 1 << 20  # an edit's JSON has a few kilobytes; run folders hold much larger ones


@dataclass(frozen=True)
class EditFile:
    """An edit's file, by what it says of itself."""

    path: Path
    kind: str
    value: str
    hash: str
    scaled: bool

    def describe(self) -> str:
        """One line for people."""
        return f"{self.hash[:12]}  {self.kind} {self.value}  ({self.path})"


def find_edit(selection: Selection, paths: Sequence[Path]) -> Edit | None:
    """The edit that a name asks for, at its strength; None where it asks for none.

    `paths` are edit files, and folders that are searched through; without any, those in VALUESCOPE_EDITS. A file that
    was saved at a strength of its own is also found by the hash of its edit at strength 1. ProviderError where no
    edit has such a hash, or more than one has.
    """
    if selection.edit is None:
        return None
    places = list(paths) or environment_paths()
    files = [file for place in places for file in _edits_at(place)]
    matches: dict[str, Edit] = {}
    for file in files:
        if file.hash.startswith(selection.edit):
            matches.setdefault(file.hash, load_edit(file.path))
        elif file.scaled:
            full = load_edit(file.path).scaled(1.0)
            if full.hash.startswith(selection.edit):
                matches.setdefault(full.hash, full)
    if len(matches) != 1:
        raise ProviderError(_explain(selection, places, files, list(matches)))
    edit = next(iter(matches.values()))
    return edit if selection.strength is None else edit.scaled(selection.strength)


def environment_paths() -> list[Path]:
    """The files and folders that VALUESCOPE_EDITS names, one after the other as in PATH."""
    return [Path(part).expanduser() for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]


def _edits_at(place: Path) -> Iterator[EditFile]:
    if place.is_dir():
        files = sorted([*place.rglob("*.json"), *place.rglob(f"*{SUFFIX}")])
        yield from filter(None, map(_read, files))
        return
    if not place.exists():
        raise ProviderError(f"edits: {place} does not exist; give the file of an edit, or a folder with some")
    file = _read(place)
    if file is None:
        raise ProviderError(
            f"edits: {place} holds no edit; give a .json that edit.save(...) wrote, a {SUFFIX}, or a folder"
        )
    yield file


def _read(path: Path) -> EditFile | None:
    """What a file says, if it is an edit's."""
    try:
        content = read_description(path, _LARGEST_FILE)
        kind = str(content["edit"])
        return EditFile(
            path,
            kind,
            str(content[EDITS[kind].subject_field]["value"]),
            str(content["hash"]),
            scaled="strength" in content["parameters"],
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _explain(
    selection: Selection, places: Sequence[Path], files: Sequence[EditFile], matches: Sequence[str]
) -> str:
    if matches:
        return f"edit {selection.edit} is more than one: {', '.join(sorted(matches))}; give more digits of the hash"
    fix = f"name its file or folder with -M edits=PATH[,PATH], or in {ENVIRONMENT}"
    if not places:
        return f"edit {selection.edit} cannot be looked for: {fix}"
    where = ", ".join(map(str, places))
    if not files:
        return f"edit {selection.edit} was not found: no edit is in {where}; {fix}"
    known = "\n  ".join(sorted({file.describe() for file in files}))
    return f"edit {selection.edit} is not among the edits in {where}; {fix}. There are:\n  {known}"
