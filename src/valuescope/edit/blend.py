"""Several edits on one row at once, each at a strength of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from valuescope.edit.edit import Edit
from valuescope.edit.layer_tables import EditError, EditTables, LayerTable, SiteTables, TableT
from valuescope.files import sha256_of
from valuescope.models import NeuronModel


@dataclass(frozen=True)
class Blend(Edit):
    """The changes that edits make, added up: m' = m + sum of (f_i(m) - m), and likewise for the residual stream.

    The order of the parts changes nothing, and a neuron that two parts share gets what both ask for; `profile` solves for
    shared neurons instead. Strength multiplies that of every part. A blend is not saved: save its parts.

    Raises EditError for no part, for a blend of blends, and (when it is applied) where two probe shifts meet in a layer.
    """

    parts: tuple[Edit, ...]

    kind: ClassVar[str] = "blend"
    subject_field: ClassVar[str] = "parts"
    subject_type: ClassVar[type[Any]] = tuple

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.parts:
            raise EditError("blend: parts is empty; give at least one edit")
        for part in self.parts:
            if not isinstance(part, Edit) or isinstance(part, Blend):
                raise EditError(f"blend: {part!r} cannot be a part; give edits such as Modulate(...)")

    @property
    def value(self) -> str:
        """The values of the parts."""
        return ", ".join(part.value for part in self.parts)

    def tables(self, width: int) -> EditTables:
        """The parts' changes, added layer by layer."""
        tables = [part.scaled(part.strength * self.strength).tables(width) for part in self.parts]
        return EditTables(
            product=_summed([edit.product for edit in tables]),
            stream=_summed([edit.stream for edit in tables]),
        )

    def control(self, model: NeuronModel, *, seed: int = 0, draw: int = 0, force: bool = False) -> Self:
        """The controls of the parts, each drawn with a seed of its own."""
        parts = (
            part.control(model, seed=seed + place, draw=draw, force=force)
            for place, part in enumerate(self.parts)
        )
        return replace(self, parts=tuple(parts))

    def require(self, model: NeuronModel, *, force: bool = False) -> None:
        """What the parts raise."""
        for part in self.parts:
            part.require(model, force=force)

    @property
    def hash(self) -> str:
        """sha256 of the parts' hashes in any order, and of the strength."""
        parts = sorted(part.hash for part in self.parts)
        return sha256_of({"edit": self.kind, "parameters": self.parameters, "parts": parts})

    def describe(self) -> str:
        """One line for people."""
        return " + ".join(part.describe() for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """The parts as JSON."""
        return {
            "edit": self.kind,
            "parameters": self.parameters,
            "parts": [part.to_dict() for part in self.parts],
            "hash": self.hash,
        }

    def save(self, path: Path | str) -> Path:
        """EditError: its parts are saved, each in a file."""
        raise EditError(f"{path}: a blend is not saved; save its parts, or solve one edit with profile(...)")

    def _size(self) -> str:
        return f"{len(self.parts)} edits"

    def _facts(self) -> Mapping[str, Any]:
        return {}


def _summed(places: Sequence[SiteTables[TableT]]) -> SiteTables[TableT]:
    """The tables of all parts at one place, those of one layer added."""
    layers = sorted(frozenset[int]().union(*(place.layers for place in places)))
    return SiteTables(
        {
            layer: _sum(layer, [place.tables[layer] for place in places if layer in place.layers])
            for layer in layers
        }
    )


def _sum(layer: int, tables: Sequence[TableT]) -> TableT:
    """One table that changes as much as all of them together; a plane (`exact`) can be there once."""
    kind: type[LayerTable] = type(tables[0])
    fields = {}
    for name, neutral in kind.neutral.items():
        parts = [part for table in tables if (part := getattr(table, name)) is not None]
        if name in kind.exact and len(parts) > 1:
            raise EditError(
                f"blend: {len(parts)} probe shifts meet in layer {layer}, and where one has moved the other reads "
                "something else: use one of them"
            )
        fields[name] = sum((part - neutral for part in parts[1:]), start=parts[0]) if parts else None
    return type(tables[0])(**fields)
