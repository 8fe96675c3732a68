"""Which models the server has: the base, and the base under each edit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valuescope.edit import Edit
from valuescope.edit.named_edits import NAME
from valuescope.models import NeuronModel

_HASH = re.compile(r"[0-9a-f]{8,64}")
_BASE = "base"


class RosterError(ValueError):
    """Edits that cannot be served as asked."""


@dataclass(frozen=True)
class Served:
    """One model of the server: the base (`edit` None), or the base under an edit. `alias` is its other name."""

    id: str
    alias: str
    fingerprint: str
    edit: Edit | None = None

    def at(self, strength: float | None) -> Edit | None:
        """The edit at a strength; 1 (or None) is the edit as it was saved."""
        if self.edit is None or strength is None:
            return self.edit
        return self.edit.scaled(self.edit.strength * strength)

    def fingerprint_under(self, edit: Edit | None) -> str:
        """What `system_fingerprint` says: equal where weights, number type and edit (with its strength) are equal."""
        content = f"{self.fingerprint}:{'' if edit is None else edit.hash}"
        return f"fp_{hashlib.sha256(content.encode()).hexdigest()[:16]}"

    def describe(self, created: int) -> dict[str, Any]:
        """Its entry in the list of models."""
        return {
            "id": self.id,
            "object": "model",
            "created": created,
            "owned_by": "valuescope",
            "aliases": [self.alias],
            "system_fingerprint": self.fingerprint_under(self.edit),
            "edit": None
            if self.edit is None
            else {
                "kind": self.edit.kind,
                "value": self.edit.value,
                "hash": self.edit.hash,
                "description": self.edit.describe(),
                "strength": self.edit.strength,
            },
        }


class Roster:
    """The models by their names: `<model id>` and `<model id>@<edit name>`, `base` and `base@<edit name>`.

    In place of its name an edit can be asked for by the beginning of its hash (8 digits at least), which is right for
    clients that cache answers by the model's name.

    `edits` are names and edits. Raises RosterError for a name that cannot be used or is used twice, NeuronSetError or
    SteeringError for an edit of another model unless `force`.
    """

    def __init__(
        self, model: NeuronModel, edits: Iterable[tuple[str, Edit]] = (), *, force: bool = False
    ) -> None:
        self.force = force
        base = public_id(model)
        # One checkpoint has one fingerprint, but not the same answers in another number type.
        fingerprint = f"{model.identity.fingerprint}:{model.dtype}"
        self.models = [Served(base, _BASE, fingerprint)]
        for name, edit in edits:
            if not NAME.fullmatch(name):
                raise RosterError(
                    f"edit name {name!r}: use letters, digits, '.', '_' and '-', a letter or digit first; "
                    "give one with NAME=FILE"
                )
            edit.require(model, force=force)
            served = Served(f"{base}@{name}", f"{_BASE}@{name}", fingerprint, edit)
            if served.id in self.ids:
                raise RosterError(f"two edits are called {name!r}: name one of them otherwise with NAME=FILE")
            self.models.append(served)
        # A model may itself be called "base": its own id comes first.
        self._by_name = {served.alias: served for served in self.models}
        self._by_name |= {served.id: served for served in self.models}

    @property
    def ids(self) -> list[str]:
        """The ids of all models, the base first."""
        return [served.id for served in self.models]

    def find(self, name: str) -> Served | None:
        """The model with this id or alias, or whose edit's hash begins so."""
        if name in self._by_name:
            return self._by_name[name]
        base, _, digest = name.rpartition("@")
        if base not in (self.models[0].id, _BASE) or not _HASH.fullmatch(digest):
            return None
        matches = [served for served in self.models if served.edit and served.edit.hash.startswith(digest)]
        return matches[0] if len(matches) == 1 else None


def public_id(model: NeuronModel) -> str:
    """The model's id as clients see it: of a folder or file only its name, for the rest is nobody's business."""
    path = Path(model.identity.id).expanduser()
    return path.resolve().name if path.exists() else model.identity.id
