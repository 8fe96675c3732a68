"""The residual stream after every layer at each text's last token: what probes are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from valuescope.activations.counters import ActivationError, Counters
from valuescope.activations.tensor_file import TensorRecord
from valuescope.models import ModelIdentity


@dataclass(frozen=True, eq=False)
class Residuals(TensorRecord):
    """Last-token residuals of P texts, in the order of the texts.

    `hidden` float32 [P, layers, hidden], on the CPU: the stream after each layer, before the final norm.
    `labels`, `groups`, `keys`: each text's label, its split group ("" for none) and its hash.
    """

    model: ModelIdentity
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    keys: tuple[str, ...]
    hidden: Tensor

    kind: ClassVar[str] = "residuals"

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, label: str) -> Tensor:
        """Positions of a label's texts, int64; a label without texts raises ActivationError."""
        rows = [row for row, its in enumerate(self.labels) if its == label]
        if not rows:
            known = ", ".join(sorted(set(self.labels)))
            raise ActivationError(f"label {label!r} has no residuals; the labels are {known}")
        return torch.tensor(rows, dtype=torch.int64)

    def relabelled(self, labels: Sequence[str]) -> Residuals:
        """The texts under other labels, one for each; those of an empty one are left out."""
        kept = [row for row, label in enumerate(labels) if label]
        if len(labels) != len(self):
            raise ActivationError(
                f"{len(labels)} labels for {len(self)} texts: give one for each, or an empty one"
            )
        return replace(
            self,
            labels=tuple(labels[row] for row in kept),
            groups=tuple(self.groups[row] for row in kept),
            keys=tuple(self.keys[row] for row in kept),
            hidden=self.hidden if len(kept) == len(self) else self.hidden[kept],
        )

    def __add__(self, other: Residuals) -> Residuals:
        """The texts of both, the left's first."""
        if self.model.fingerprint != other.model.fingerprint:
            raise ActivationError(
                f"residuals of {self.model.id} ({self.model.fingerprint}) and of {other.model.id} "
                f"({other.model.fingerprint}) cannot be joined; read both from one model"
            )
        return replace(
            self,
            labels=self.labels + other.labels,
            groups=self.groups + other.groups,
            keys=self.keys + other.keys,
            hidden=torch.cat([self.hidden, other.hidden]),
        )


@dataclass(frozen=True, eq=False)
class Activations:
    """The result of one pass: counters, and residuals unless not wanted. `a + b` is one pass over both.

    `relabelled`: the counters of the same texts under other labels, by the name of the relabelling (see `collect`).
    """

    counters: Counters
    residuals: Residuals | None
    relabelled: Mapping[str, Counters] = field(default_factory=dict)

    def __add__(self, other: Activations) -> Activations:
        if (self.residuals is None) != (other.residuals is None):
            raise ActivationError(
                "only one of the two has residuals; collect both with residuals=True or False"
            )
        if set(self.relabelled) != set(other.relabelled):
            raise ActivationError(
                f"the relabellings are {', '.join(self.relabelled) or 'none'} and "
                f"{', '.join(other.relabelled) or 'none'}; collect both with the same ones"
            )
        counters = self.counters + other.counters
        relabelled = {name: dealt + other.relabelled[name] for name, dealt in self.relabelled.items()}
        if self.residuals is None or other.residuals is None:
            return Activations(counters, None, relabelled)
        return Activations(counters, self.residuals + other.residuals, relabelled)

    def save(self, folder: Path | str) -> Path:
        """Write counters and residuals into a folder; returns the folder."""
        folder = Path(folder)
        if self.residuals is not None:
            self.residuals.save(folder / "residuals")
        self.counters.save(folder / "counters")
        return folder

    @classmethod
    def load(cls, folder: Path | str) -> Activations:
        """Read a folder written by `save`."""
        folder = Path(folder)
        residuals = Residuals.load(folder / "residuals") if (folder / "residuals.json").exists() else None
        return cls(Counters.load(folder / "counters"), residuals)
