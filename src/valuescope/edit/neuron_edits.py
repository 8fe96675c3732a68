"""The edits of neurons: what is done to a neuron set, and how strongly."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch

from valuescope.edit.edit import Direction, Edit
from valuescope.edit.layer_tables import EditError, EditTables, SiteTables, Slopes, neuron_tables
from valuescope.locate import NeuronSet, random_like
from valuescope.models import NeuronModel


@dataclass(frozen=True)
class NeuronEdit(Edit):
    """An edit at the product site: one neuron set, and a line on each side of zero for each of its neurons.

    `strength` moves every slope along the line from "unchanged" to the edit, `alpha' = 1 + strength (alpha - 1)`
    and `beta' = strength beta`; so it multiplies Modulate's beta and Amplify's gamma, and 0.5 of Deactivate
    halves m.
    """

    neurons: NeuronSet

    subject_field: ClassVar[str] = "neurons"
    subject_type: ClassVar[type[Any]] = NeuronSet

    @abstractmethod
    def _full_slopes(self) -> Slopes:
        """The slopes at strength 1."""

    def slopes(self) -> Slopes:
        """Alpha and beta of `m' = alpha * m + beta * |m|` for every neuron of the set, in the set's order."""
        full = self._full_slopes()
        if self.strength == 1.0:
            return full
        alpha = 1.0 + self.strength * (full.alpha - 1.0)
        return replace(full, alpha=alpha, beta=self.strength * full.beta)

    def tables(self, width: int) -> EditTables:
        """The slopes, dense."""
        return EditTables(product=SiteTables(neuron_tables(self.slopes(), width)))

    def control(self, model: NeuronModel, *, seed: int = 0, draw: int = 0, force: bool = False) -> Self:
        """The same edit of as many random neurons (`random_like`)."""
        return replace(self, neurons=random_like(model, self.neurons, seed=seed, draw=draw, force=force))

    def _size(self) -> str:
        return f"{len(self.neurons)} neurons"

    def _facts(self) -> Mapping[str, Any]:
        return {"site": self.neurons.site}


@dataclass(frozen=True)
class Deactivate(NeuronEdit):
    """Switch the neurons off: m' = 0 (ValueExploration, section 3; VAPE's edit)."""

    kind: ClassVar[str] = "deactivate"

    def _full_slopes(self) -> Slopes:
        """alpha = beta = 0."""
        zeros = torch.zeros(len(self.neurons), dtype=torch.float64)
        return Slopes(self.neurons.layers, self.neurons.indices, alpha=zeros, beta=zeros)


@dataclass(frozen=True)
class Amplify(NeuronEdit):
    """ValueLocate's edit (eq. 6): m' = m * (1 + |delta| * gamma) for one role, min(0, m) for the other.

    The set's `signs` are the roles and its `scores` the deltas. `direction` "positive" amplifies the
    positive neurons and suppresses the negative ones; "negative" swaps the roles. `delta_scale` multiplies
    delta: 1 reads it as a fraction, 100 as percent. Raises EditError where the neurons to amplify all have
    delta 0: that would pass for an edit and change nothing.
    """

    gamma: float = 2.0
    direction: Direction = "positive"
    delta_scale: float = 1.0

    kind: ClassVar[str] = "amplify"

    def __post_init__(self) -> None:
        super().__post_init__()
        amplified = self.neurons.scores[self._amplified()]
        if amplified.numel() and not bool(amplified.any()):
            raise EditError(
                f"amplify reads delta from the scores of {self.neurons!r}, and all {amplified.numel()} "
                "neurons to amplify have score 0, so nothing would change: give a set whose scores are "
                "deltas (a random control takes the scores of the set that it is the control of)"
            )

    def _amplified(self) -> torch.Tensor:
        return self.neurons.signs * self._sign > 0

    def _full_slopes(self) -> Slopes:
        """Amplified: alpha = 1 + |delta| gamma, beta = 0. Suppressed: 1/2 and -1/2, that is min(0, m)."""
        amplified = self._amplified()
        factor = 1.0 + self.neurons.scores.double().abs() * self.delta_scale * self.gamma
        half = torch.full_like(factor, 0.5)
        return Slopes(
            self.neurons.layers,
            self.neurons.indices,
            alpha=torch.where(amplified, factor, half),
            beta=torch.where(amplified, torch.zeros_like(factor), -half),
        )


@dataclass(frozen=True)
class Modulate(NeuronEdit):
    """NeVA's edit (eq. 13): m' = m * (1 + sign(m) sign(s) beta) = m + sign(s) beta |m|.

    The set's `signs` are sign(s). `direction` "negative" flips them: it works against the value.
    """

    beta: float = 0.9
    direction: Direction = "positive"

    kind: ClassVar[str] = "modulate"

    def _full_slopes(self) -> Slopes:
        """alpha = 1, beta = +-beta by the neuron's sign."""
        beta = self.neurons.signs.double() * (self._sign * self.beta)
        return Slopes(self.neurons.layers, self.neurons.indices, alpha=torch.ones_like(beta), beta=beta)
