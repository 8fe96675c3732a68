"""Which edits act, and how strongly: what a reader turns while talking to a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from valuescope.edit import Blend, Edit, EditError
from valuescope.edit.named_edits import NamedEdit
from valuescope.models import NeuronModel


class Steering:
    """Named edits of one model, each at a strength: 0 is off, 1 as it was saved.

    Raises what `Edit.require` does for an edit of another model, unless `force`.
    """

    def __init__(self, model: NeuronModel, edits: Iterable[NamedEdit] = (), *, force: bool = False) -> None:
        self.force = force
        self._edits = {edit.name: edit for edit in edits}
        self._strengths = {edit.name: edit.strength for edit in self._edits.values()}
        for edit in self._edits.values():
            edit.edit.require(model, force=force)

    @property
    def strengths(self) -> dict[str, float]:
        """Every edit's strength by its name."""
        return dict(self._strengths)

    def set(self, name: str, strength: float) -> None:
        """Set a strength; EditError for an unknown name."""
        self.find(name)
        self._strengths[name] = strength

    def find(self, name: str) -> Edit:
        """An edit as it was saved; EditError names those that there are."""
        if name not in self._edits:
            names = ", ".join(self._edits) or "none: give some with --edit FILE"
            raise EditError(f"there is no edit {name!r}; there are {names}")
        return self._edits[name].edit

    def edit(self, strengths: Mapping[str, float] | None = None) -> Edit | None:
        """What acts on an answer: None for the base model, one edit, or several as a Blend.

        `strengths`: others than those that are set. Raises EditError for an unknown name or a strength below 0.
        """
        wanted = self._strengths if strengths is None else strengths
        acting = [
            edit.scaled(edit.strength * strength)
            for name, strength in wanted.items()
            if (edit := self.find(name)) and strength != 0
        ]
        if len(acting) > 1:
            return Blend(tuple(acting))
        return acting[0] if acting else None

    def describe(self) -> str:
        """`power 1.5, security 0.5`, or `base` where none acts."""
        acting = (f"{name} {strength:g}" for name, strength in self._strengths.items() if strength)
        return ", ".join(acting) or "base"
