"""Counters per label, layer and neuron: all that VAPE, ValueLocate and the matched control read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from valuescope.activations.tensor_file import load_tensor_file, save_tensor_file
from valuescope.models import ModelIdentity

KIND = "counters"
SCOPES = ("all", "prompt", "answer")
PER_LABEL = ("tokens", "prompts")
PER_NEURON = (
    "gate_active",
    "product_active",
    "gate_positive",
    "product_positive",
    "product_sum",
    "product_square",
)


class ActivationError(ValueError):
    """Texts, counters or residuals do not fit the request or each other."""


@dataclass(frozen=True, eq=False)
class Counters:
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
        for name, mine, its in (
            ("model", self.model.fingerprint, other.model.fingerprint),
            ("scope", self.scope, other.scope),
            ("special_tokens", self.special_tokens, other.special_tokens),
        ):
            if mine != its:
                raise ActivationError(
                    f"counters with {name} {mine!r} and {its!r} cannot be added; count both alike"
                )
        labels = tuple(sorted({*self.labels, *other.labels}))
        merged: dict[str, Tensor] = {}
        for name in (*PER_LABEL, *PER_NEURON):
            left: Tensor = getattr(self, name)
            merged[name] = left.new_zeros((len(labels), *left.shape[1:]))
            for part in (self, other):
                merged[name][[labels.index(label) for label in part.labels]] += getattr(part, name)
        return Counters(
            labels=labels,
            scope=self.scope,
            special_tokens=self.special_tokens,
            model=self.model,
            data_hash=add_hashes([self.data_hash, other.data_hash]),
            **merged,
        )

    def save(self, path: Path | str) -> Path:
        """Write `<path>.safetensors` and `<path>.json`; returns the path of the JSON manifest."""
        facts: dict[str, Any] = {
            "labels": list(self.labels),
            "scope": self.scope,
            "special_tokens": self.special_tokens,
            "model": self.model.to_dict(),
            "data_hash": self.data_hash,
        }
        tensors = {name: getattr(self, name) for name in (*PER_LABEL, *PER_NEURON)}
        return save_tensor_file(path, KIND, tensors, facts)

    @classmethod
    def load(cls, path: Path | str) -> Counters:
        """Read saved counters."""
        tensors, manifest = load_tensor_file(path, KIND)
        missing = [name for name in (*PER_LABEL, *PER_NEURON) if name not in tensors]
        if missing:
            raise ActivationError(
                f"{path}: the counters lack {', '.join(missing)} (written by version "
                f"{manifest['version']}); collect them again"
            )
        return cls(
            labels=tuple(manifest["labels"]),
            scope=manifest["scope"],
            special_tokens=manifest["special_tokens"],
            model=ModelIdentity.from_dict(manifest["model"]),
            data_hash=manifest["data_hash"],
            **tensors,
        )


def add_hashes(hashes: Iterable[str]) -> str:
    """The hash of a collection: the sum of its members' hashes, so that order and grouping do not matter."""
    return f"{sum(int(one, 16) for one in hashes) % 2**256:064x}"


def text_hash(*parts: object) -> str:
    """sha256 of some strings and numbers, kept apart."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8")).hexdigest()
