"""The tables of one edit, layer by layer, at both places where edits act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

from valuescope.edit.stream_tables import StreamTable
from valuescope.edit.tables import LayerTable


class Table(Protocol):
    """What is done to the tensors of one layer."""

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """The same table where and as the tensors are."""

    def apply(self, tensor: Tensor) -> Tensor:
        """The edited tensor [batch, seq, ...]."""


TableT = TypeVar("TableT", bound=Table)


class SiteTables(Generic[TableT]):
    """The tables at one place, moved only once to where and how the tensors are."""

    def __init__(self, tables: Mapping[int, TableT] | None = None) -> None:
        self._tables = dict(tables or {})
        self._moved: dict[tuple[int, torch.device, torch.dtype], TableT] = {}

    @property
    def layers(self) -> frozenset[int]:
        """The layers that are touched."""
        return frozenset(self._tables)

    def at(self, layer: int, device: torch.device, dtype: torch.dtype) -> TableT | None:
        """The table of a layer for one row; None where it is not touched."""
        if layer not in self._tables:
            return None
        key = (layer, device, dtype)
        if key not in self._moved:
            self._moved[key] = self._tables[layer].to(device, dtype)
        return self._moved[key]


@dataclass(frozen=True, eq=False)
class EditTables:
    """What an edit does: at the product site of neurons, and to the residual stream after layers."""

    product: SiteTables[LayerTable] = field(default_factory=SiteTables)
    stream: SiteTables[StreamTable] = field(default_factory=SiteTables)
