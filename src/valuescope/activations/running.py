"""Accumulators that live where the activations are: nothing leaves the device until the pass is over."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

# Activations are read in pieces of at most this many numbers, which bounds the temporary memory of a layer to
# 2 x 64 MB however large the batch is.
PIECE = 2**24


class RunningCounts:
    """Counts for L labels over the batches fed so far; memory depends on the model and L, not on the tokens.

    Every text of a batch has one label, so a masked matmul first reduces each text over its tokens
    (0/1 counts in float32: exact below 2**24 tokens) and a small float64 one adds texts to their labels.
    """

    def __init__(self, labels: int, layers: int, width: int) -> None:
        self._shape = (labels, width)
        self._totals: list[dict[str, Tensor]] = [{} for _ in range(layers)]
        self._counted = self._members = torch.empty(0)
        self._buffers: dict[tuple[str, torch.device], Tensor] = {}

    def begin(self, counted: Tensor, labels: Tensor) -> None:
        """Announce the next batch: which tokens count, bool [B, T]; the texts' labels, int64 [B]."""
        self._counted = counted.float()
        self._members = torch.nn.functional.one_hot(labels, self._shape[0]).T.to(counted.device).double()

    def gate(self, layer: int, a: Tensor) -> None:
        """Count a layer's gate activation [B, T, width]."""
        active, positive = [], []
        for mask, piece in self._pieces(a):
            active.append(mask @ torch.gt(piece, 0, out=self._buffer("result", piece)))
            positive.append(mask @ piece > 0)
        self._add(layer, "gate_active", active, torch.int64)
        self._add(layer, "gate_positive", positive, torch.int64)

    def product(self, layer: int, m: Tensor) -> None:
        """Count the input of a layer's down projection [B, T, width]."""
        active, sums, squares = [], [], []
        for mask, piece in self._pieces(m):
            active.append(mask @ torch.gt(piece, 0, out=self._buffer("result", piece)))
            sums.append(mask @ piece)
            squares.append(mask @ torch.mul(piece, piece, out=self._buffer("result", piece)))
        self._add(layer, "product_active", active, torch.int64)
        self._add(layer, "product_positive", [one > 0 for one in sums], torch.int64)
        self._add(layer, "product_sum", sums, torch.float64)
        self._add(layer, "product_square", squares, torch.float64)

    def totals(self) -> dict[str, Tensor]:
        """All totals so far, each [labels, layers, width] on the CPU."""
        return {
            name: torch.stack([layer[name].cpu() for layer in self._totals], dim=1)
            for name in self._totals[0]
        }

    def _pieces(self, activation: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Some rows at a time: their mask [rows, 1, T] and activation [rows, T, width], both float32."""
        batch, length, width = activation.shape
        step = max(1, PIECE // (length * width))
        for start in range(0, batch, step):
            piece = activation[start : start + step]
            if piece.dtype != torch.float32:
                piece = self._buffer("float", piece).copy_(piece)
            yield self._counted[start : start + step, None].to(piece.device), piece

    def _buffer(self, name: str, like: Tensor) -> Tensor:
        """Reused float32 memory of a tensor's shape: fresh memory would cost more than the counting."""
        buffer = self._buffers.get((name, like.device))
        if buffer is None or buffer.numel() < like.numel():
            buffer = self._buffers[name, like.device] = torch.empty(like.numel(), device=like.device)
        return buffer[: like.numel()].view(like.shape)

    def _add(self, layer: int, name: str, pieces: list[Tensor], dtype: torch.dtype) -> None:
        """Add numbers per text, [rows, 1, width] in pieces, to the totals of the texts' labels."""
        per_text = torch.cat(pieces).squeeze(1).double()
        per_label = (self._members.to(per_text.device) @ per_text).to(dtype)
        if name not in self._totals[layer]:
            self._totals[layer][name] = torch.zeros(self._shape, dtype=dtype, device=per_text.device)
        self._totals[layer][name] += per_label
