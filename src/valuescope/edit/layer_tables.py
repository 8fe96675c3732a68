"""What an edit does to each layer: slopes of neurons and moves of the residual stream, as dense tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor


class EditError(ValueError):
    """An edit that cannot be built or applied as asked; the message says why and what to change."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """What an edit does to each of its n neurons at the product site: `m' = alpha * m + beta * |m|`.

    `layers` and `indices` are int64 [n], `alpha` and `beta` float64 [n], all on the CPU. A neuron that is not
    listed keeps its m.
    """

    layers: Tensor
    indices: Tensor
    alpha: Tensor
    beta: Tensor

    def __len__(self) -> int:
        return int(self.layers.numel())

    def apply(self, m: Tensor) -> Tensor:
        """The edit of n activations [..., n], neuron by neuron in this order (for tests and pictures)."""
        return self.alpha.to(m) * m + self.beta.to(m) * m.abs()

    def at(self, layer: int) -> Slopes:
        """The part that acts in one layer."""
        here = self.layers == layer
        return Slopes(self.layers[here], self.indices[here], self.alpha[here], self.beta[here])

    def touched(self) -> tuple[int, ...]:
        """The layers, ascending, in which some neuron does not keep its m."""
        changes = (self.alpha != 1) | (self.beta != 0)
        return tuple(torch.unique(self.layers[changes]).tolist())


class LayerTable(ABC):
    """What is done to one layer, in fields [1, 1, n] (any batch) or [rows, 1, n] (one row of the batch each).

    A field that is None is neutral, so that its pass is skipped; `neutral` are the numbers that do nothing. Those of
    `exact` stay float32.
    """

    neutral: ClassVar[Mapping[str, float]]
    exact: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def apply(self, tensor: Tensor) -> Tensor:
        """The edited tensor [batch, seq, ...]; a row without an edit keeps its numbers."""

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """The same table where and as the tensors are."""
        # Tables first used under inference_mode must stay usable in a forward pass with gradients.
        with torch.inference_mode(False):
            moved = {
                name: tensor.to(device, torch.float32 if name in self.exact else dtype)
                for name in self.neutral
                if (tensor := getattr(self, name)) is not None
            }
            return type(self)(**moved)

    @classmethod
    def stack(cls, tables: Sequence[Self | None], place: Sequence[int]) -> Self:
        """The table [rows, 1, n] whose row i is `tables[place[i]]`; at least one of `tables` is not None."""
        with torch.inference_mode(False):
            stacked = {}
            for name, neutral in cls.neutral.items():
                parts = [None if table is None else getattr(table, name) for table in tables]
                stacked[name] = _stacked(parts, place, neutral)
            return cls(**stacked)


@dataclass(frozen=True, eq=False)
class NeuronTable(LayerTable):
    """Alpha and beta of one layer's neurons (see Slopes)."""

    alpha: Tensor | None = None
    beta: Tensor | None = None

    neutral: ClassVar[Mapping[str, float]] = {"alpha": 1.0, "beta": 0.0}

    def apply(self, m: Tensor) -> Tensor:
        """`alpha * m + beta * |m|` for m [batch, seq, width]."""
        scaled = m if self.alpha is None else m * self.alpha
        return scaled if self.beta is None else torch.addcmul(scaled, m.abs(), self.beta)


@dataclass(frozen=True, eq=False)
class StreamTable(LayerTable):
    """What is added to the residual stream after a layer: a constant, a move to a plane, or both.

    `vector` is added. `read` (of length 1), `reach` [.., 1, 1] and `along` stand together: where h . read falls short
    of reach, the gap times `along` is added. `per_prompt` [.., 1, 1] is 1 where the gap at the prompt's last token is
    that of all tokens. What is read is kept in float32: a gap is a small difference.
    """

    vector: Tensor | None = None
    read: Tensor | None = None
    reach: Tensor | None = None
    along: Tensor | None = None
    per_prompt: Tensor | None = None

    neutral: ClassVar[Mapping[str, float]] = dict.fromkeys(
        ("vector", "read", "reach", "along", "per_prompt"), 0.0
    )
    exact: ClassVar[tuple[str, ...]] = ("read", "reach", "along")

    def apply(self, h: Tensor, of_prompt: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """The moved h [batch, seq, hidden]. `of_prompt` takes the gaps of all tokens [batch, seq, 1] to those of the
        rows' prompts [batch, 1, 1]; it is needed where there is a `per_prompt`."""
        moved = h if self.vector is None else h + self.vector
        if self.read is None or self.reach is None or self.along is None:
            return moved
        # A row has either a constant or a plane, so both may be taken from the h that came in. Each row is summed on
        # its own, so that no neighbour changes its rounding.
        gap = (self.reach - (h.float() * self.read).sum(dim=-1, keepdim=True)).clamp(min=0)
        if self.per_prompt is not None:
            if of_prompt is None:
                raise EditError("a shift per prompt needs to know the prompts: apply it with edited(...)")
            gap = torch.where(self.per_prompt > 0, of_prompt(gap), gap)
        return (moved.float() + gap * self.along).to(h.dtype)


TableT = TypeVar("TableT", bound=LayerTable)


class SiteTables(Generic[TableT]):
    """The tables at one place, moved only once to where and how the tensors are."""

    def __init__(self, tables: Mapping[int, TableT] | None = None) -> None:
        self.tables = dict(tables or {})
        """By layer, for one row."""
        self._moved: dict[tuple[int, torch.device, torch.dtype], TableT] = {}

    @property
    def layers(self) -> frozenset[int]:
        """The layers that are touched."""
        return frozenset(self.tables)

    def at(self, layer: int, device: torch.device, dtype: torch.dtype) -> TableT | None:
        """The table of a layer for one row; None where it is not touched."""
        if layer not in self.tables:
            return None
        key = (layer, device, dtype)
        if key not in self._moved:
            self._moved[key] = self.tables[layer].to(device, dtype)
        return self._moved[key]


@dataclass(frozen=True, eq=False)
class EditTables:
    """What an edit does: at the product site of neurons, and to the residual stream after layers."""

    product: SiteTables[NeuronTable] = field(default_factory=SiteTables)
    stream: SiteTables[StreamTable] = field(default_factory=SiteTables)


def neuron_tables(slopes: Slopes, width: int) -> dict[int, NeuronTable]:
    """Tables [1, 1, width] of the layers that the slopes touch."""
    alpha = _dense(slopes, slopes.alpha, width, neutral=1.0)
    beta = _dense(slopes, slopes.beta, width, neutral=0.0)
    return {
        layer: NeuronTable(None if alpha is None else alpha[layer], None if beta is None else beta[layer])
        for layer in slopes.touched()
    }


def _stacked(parts: Sequence[Tensor | None], place: Sequence[int], neutral: float) -> Tensor | None:
    """Row i is `parts[place[i]]`, each [1, ...], or neutral where that is None; None where all are."""
    some = next((part for part in parts if part is not None), None)
    if some is None:
        return None
    rows = torch.cat([torch.full_like(some, neutral) if part is None else part for part in parts])
    return rows[torch.tensor(place, device=some.device)]


def _dense(slopes: Slopes, values: Tensor, width: int, *, neutral: float) -> Tensor | None:
    """The neurons' values among neutral ones, float32 [layers, 1, 1, width]; None where they are neutral as well."""
    if bool((values == neutral).all()):
        return None
    table = torch.full((int(slopes.layers.max()) + 1, 1, 1, width), neutral)
    table[slopes.layers, 0, 0, slopes.indices] = values.to(table.dtype)
    return table
