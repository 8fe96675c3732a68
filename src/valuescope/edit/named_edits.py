"""Edits as a command line names them: NAME=FILE:STRENGTH."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from valuescope.edit.bundle import SUFFIX
from valuescope.edit.edit import Edit
from valuescope.edit.edit_file import load_edit
from valuescope.edit.layer_tables import EditError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What an edit may be called."""


@dataclass(frozen=True)
class NamedEdit:
    """An edit under a name, as it was saved. `strength` multiplies its own: 1 is the edit as it was saved."""

    name: str
    edit: Edit
    strength: float = 1.0

    @property
    def scaled(self) -> Edit:
        """The edit at its strength."""
        return self.edit.scaled(self.edit.strength * self.strength)


def named_edit(text: str) -> NamedEdit:
    """Read `[NAME=]FILE[:STRENGTH]`; without a name the file's own is taken, less its ending.

    EditError for a strength that is no finite number >= 0, a name that cannot be used, and whatever `load_edit` refuses.
    """
    strength = 1.0
    head, colon, tail = text.rpartition(":")
    if colon and not Path(text).is_file() and not text.endswith((".json", SUFFIX)):
        text, strength = head, read_strength(tail, text)
    name, equals, file = text.partition("=")
    if not equals or not NAME.fullmatch(name) or Path(text).is_file():
        name, file = Path(text).stem, text
    if not NAME.fullmatch(name):
        raise EditError(
            f"edit name {name!r}: use letters, digits, '.', '_' and '-', a letter or digit first; give one with NAME=FILE"
        )
    return NamedEdit(name, load_edit(file), strength)


def named_edits(texts: Sequence[str]) -> list[NamedEdit]:
    """`named_edit` of each; EditError where two have one name."""
    edits = [named_edit(text) for text in texts]
    names = [edit.name for edit in edits]
    for name in names:
        if names.count(name) > 1:
            raise EditError(f"two edits are called {name!r}: name one of them otherwise with NAME=FILE")
    return edits


def read_strength(text: str, where: str) -> float:
    """A strength as it is typed; EditError unless it is a finite number >= 0."""
    try:
        strength = float(text)
    except ValueError:
        strength = math.nan
    if not math.isfinite(strength) or strength < 0:
        raise EditError(
            f"{where}: the strength is {text!r}; give a number that is at least 0 (1 is the edit as it was saved)"
        )
    return strength
