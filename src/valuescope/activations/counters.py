"""Counters per label, layer and neuron, all that VAPE, ValueLocate and the matched control read; and how they run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from valuescope.activations.tensor_file import TensorRecord
from valuescope.models import ModelIdentity

SCOPES = ("all", "prompt", "answer")

# Activations are read in pieces of at most this many numbers, which bounds the temporary memory of a layer to
# 2 x 64 MB however large the batch is.
PIECE = 2**24


class ActivationError(ValueError):
    """Texts, counters or residuals do not fit the request or each other."""


@dataclass(frozen=True, eq=False)
class Counters(TensorRecord):
    """What every neuron did on the texts of every label; `a + b` is one pass over both.

    L labels (sorted), counts int64, sums float64, all on the CPU:
    `tokens`, `prompts` [L]: tokens counted and texts fed.
    `gate_active`, `product_active` [L, layers, width]: tokens whose activation at that site is > 0.
    `gate_positive`, `product_positive`: texts whose sum over their counted tokens is > 0 at that site.
    `product_sum`, `product_square`: sum and sum of squares over tokens of the down projection's input.
    `scope`: the tokens that count ("all", "prompt" or "answer"); `special_tokens`: whether special ones do.
    `data_hash`: hash of the texts and their labels, whatever their order.
    """

    labels: tuple[str, ...]
    scope: str
    special_tokens: bool
    model: ModelIdentity
    tokens: Tensor
    prompts: Tensor
    gate_active: Tensor
    product_active: Tensor
    gate_positive: Tensor
    product_positive: Tensor
    product_sum: Tensor
    product_square: Tensor
    data_hash: str

    kind: ClassVar[str] = "counters"
    error: ClassVar[type[ValueError]] = ActivationError
    lacks: ClassVar[str] = "the counters lack {names} (written by version {version}); collect them again"

    def index(self, label: str) -> int:
        """The position of a label; an unknown one raises ActivationError with the known ones."""
        if label not in self.labels:
            raise ActivationError(f"label {label!r} was not counted; the labels are {', '.join(self.labels)}")
        return self.labels.index(label)

    def rows(self, labels: Sequence[str]) -> Tensor:
        """The positions of several labels, int64 [n]."""
        return torch.tensor([self.index(label) for label in labels], dtype=torch.int64)

    def gate_rate(self, labels: Sequence[str]) -> Tensor:
        """Share of each label's tokens at which the gate is active, float64 [n, layers, width]."""
        active, tokens = self.active(labels)
        return active / tokens[:, None, None]

    def active(
        self, labels: Sequence[str], *, unit: str = "token", site: str = "gate"
    ) -> tuple[Tensor, Tensor]:
        """How often each neuron is active, of how often it could be: float64 [n, layers, width] and [n].

        `unit`: "token" (its activation is > 0) or "text" (the sum M over a text's counted tokens is > 0).
        `site`: "gate" or "product". ActivationError names a label none of whose tokens were counted.
        """
        rows = self.rows(labels)
        for label, tokens in zip(labels, self.tokens[rows].tolist(), strict=True):
            if tokens == 0:
                raise ActivationError(
                    f"label {label!r}: none of its tokens were counted with scope {self.scope!r}; "
                    "give its texts an answer, or count another scope"
                )
        counts: Tensor = getattr(self, f"{site}_{'active' if unit == 'token' else 'positive'}")
        totals = self.tokens if unit == "token" else self.prompts
        return counts[rows].double(), totals[rows].double()

    def __add__(self, other: Counters) -> Counters:
        """The counters of both; labels may differ, the model, scope and special tokens may not."""
        mine, its = self._facts(), other._facts()
        for name in ("model", "scope", "special_tokens"):
            if mine[name] != its[name]:
                raise ActivationError(
                    f"counters with {name} {mine[name]!r} and {its[name]!r} cannot be added; count both alike"
                )
        labels = tuple(sorted({*self.labels, *other.labels}))
        merged: dict[str, Any] = {}
        for name, left in self._tensors().items():
            merged[name] = left.new_zeros((len(labels), *left.shape[1:]))
            for part in (self, other):
                merged[name][[labels.index(label) for label in part.labels]] += getattr(part, name)
        return replace(self, labels=labels, data_hash=add_hashes([self.data_hash, other.data_hash]), **merged)

    def __sub__(self, other: Counters) -> Counters:
        """What is left without some of the texts; the inverse of `+`, but for the last bits of float sums."""
        left: dict[str, Any] = {name: tensor.clone() for name, tensor in self._tensors().items()}
        rows = self.rows(other.labels)
        for name, tensor in left.items():
            tensor[rows] -= getattr(other, name)
        return replace(self, data_hash=add_hashes([self.data_hash], less=[other.data_hash]), **left)


def add_hashes(hashes: Iterable[str], less: Iterable[str] = ()) -> str:
    """The hash of a collection: the sum of its members' hashes, so that order and grouping do not matter; `less`: those
    of members that are taken away."""
    added, taken = (sum(int(member, 16) for member in members) for members in (hashes, less))
    return f"{(added - taken) % 2**256:064x}"


def text_hash(*parts: object) -> str:
    """sha256 of some strings and numbers, kept apart."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8")).hexdigest()


class RunningCounts:
    """Counts for L labels over the batches fed so far; memory depends on the model and L, not on the tokens.

    Every text of a batch has one label, so a masked matmul first reduces each text over its tokens
    (0/1 counts in float32: exact below 2**24 tokens) and a small float64 one adds texts to their labels.
    `dealt`: so many rows more, below those of the labels, each over any of the texts.
    """

    def __init__(self, labels: int, layers: int, width: int, dealt: int = 0) -> None:
        self._labels, self._shape = labels, (labels + dealt, width)
        self._totals: list[dict[str, Tensor]] = [{} for _ in range(layers)]
        self._counted = torch.empty(0)
        self._members: list[Tensor] = []
        self._buffers: dict[tuple[str, torch.device], Tensor] = {}

    def begin(self, counted: Tensor, labels: Tensor, dealt: Tensor | None = None) -> None:
        """Announce the next batch: which tokens count, bool [B, T]; the texts' labels, int64 [B]; which texts count for
        each dealt row, bool [dealt, B]."""
        self._counted = counted.float()
        members = torch.nn.functional.one_hot(labels, self._labels).T
        # A product of its own for the labels: their sums are bit for bit those of a pass without dealt rows.
        rows = [members] if dealt is None or not len(dealt) else [members, dealt]
        self._members = [row.to(counted.device).double() for row in rows]

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
        self._add(layer, "product_positive", [piece > 0 for piece in sums], torch.int64)
        self._add(layer, "product_sum", sums, torch.float64)
        self._add(layer, "product_square", squares, torch.float64)

    def totals(self) -> dict[str, Tensor]:
        """All totals so far, each [rows, layers, width] on the CPU."""
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
        products = [members.to(per_text.device) @ per_text for members in self._members]
        per_label = torch.cat(products).to(dtype)
        if name not in self._totals[layer]:
            self._totals[layer][name] = torch.zeros(self._shape, dtype=dtype, device=per_text.device)
        self._totals[layer][name] += per_label
