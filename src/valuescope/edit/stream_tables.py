"""What is added to the residual stream after a layer, for all rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from valuescope.edit.tables import stacked


@dataclass(frozen=True, eq=False)
class StreamTable:
    """A constant, a move to a plane, or both; [1, 1, hidden] for any batch or [rows, 1, hidden] for one row each.

    `vector` is added. `read` (of length 1), `reach` [.., 1, 1] and `along` stand together: where h . read falls short
    of reach, the gap times `along` is added. None stands for nothing to add, as zeros do.
    """

    vector: Tensor | None = None
    read: Tensor | None = None
    reach: Tensor | None = None
    along: Tensor | None = None

    def to(self, device: torch.device, dtype: torch.dtype) -> StreamTable:
        """The same table where the stream is. What is read is kept in float32: a gap is a small difference."""
        # Tables first used under inference_mode must stay usable in a forward pass with gradients.
        with torch.inference_mode(False):
            return StreamTable(
                vector=None if self.vector is None else self.vector.to(device, dtype),
                read=None if self.read is None else self.read.to(device),
                reach=None if self.reach is None else self.reach.to(device),
                along=None if self.along is None else self.along.to(device),
            )

    def apply(self, h: Tensor) -> Tensor:
        """The moved h [batch, seq, hidden]; a row without an edit keeps its numbers."""
        moved = h if self.vector is None else h + self.vector
        if self.read is None or self.reach is None or self.along is None:
            return moved
        # A row has either a constant or a plane, so both may be taken from the h that came in. Each row is summed on
        # its own, so that no neighbour changes its rounding.
        gap = (self.reach - (h.float() * self.read).sum(dim=-1, keepdim=True)).clamp(min=0)
        return (moved.float() + gap * self.along).to(h.dtype)


def stack_stream_tables(tables: Sequence[StreamTable | None], place: Sequence[int]) -> StreamTable:
    """Table [rows, 1, hidden] whose row i is `tables[place[i]]`; at least one of `tables` is not None."""

    def rows(name: str) -> Tensor | None:
        parts = [None if table is None else getattr(table, name) for table in tables]
        return stacked(parts, place, neutral=0.0)

    with torch.inference_mode(False):
        return StreamTable(vector=rows("vector"), read=rows("read"), reach=rows("reach"), along=rows("along"))
