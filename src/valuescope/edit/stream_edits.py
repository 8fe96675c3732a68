"""The edits of the residual stream: what is added to it after a layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self, get_args

import torch
from torch.nn.functional import normalize

from valuescope.edit.edit import Direction, Edit
from valuescope.edit.layer_tables import EditError, EditTables, SiteTables, StreamTable
from valuescope.locate import ProbeSet, SteeringVectors, random_probes_like, random_vectors_like
from valuescope.models import NeuronModel

Per = Literal["token", "prompt"]
"""What a shift is measured at: each token, or the last one of the prompt for all."""


@dataclass(frozen=True)
class StreamEdit(Edit):
    """An edit of the residual stream h after some layers. `why_not_weights` says why no weights can hold it."""

    why_not_weights: ClassVar[str]

    def _size(self) -> str:
        return f"{len(self.subject)} layers"

    def _facts(self) -> Mapping[str, Any]:
        return {"site": "residual"}


@dataclass(frozen=True)
class AddVector(StreamEdit):
    """CAA's edit (Rimsky et al. 2024, section 3): h' = h + coefficient * v at every layer that has a vector v.

    `direction` "negative" subtracts. NeVA's table 3 uses coefficients of 0.05 to 0.3 (on a band of layers; the
    paper does not say which one); strength multiplies the coefficient.
    """

    vectors: SteeringVectors
    coefficient: float = 1.0
    direction: Direction = "positive"

    kind: ClassVar[str] = "add-vector"
    subject_field: ClassVar[str] = "vectors"
    subject_type: ClassVar[type[Any]] = SteeringVectors
    why_not_weights: ClassVar[str] = (
        "it adds a constant to the residual stream, which is a bias, and the weights of a down projection hold "
        "factors of neurons only"
    )

    def tables(self, width: int) -> EditTables:
        """The vectors as they are added."""
        added = self.vectors.vectors * (self._sign * self.coefficient * self.strength)
        tables = {
            layer: StreamTable(vector=row[None, None])
            for layer, row in zip(self.vectors.layers.tolist(), added, strict=True)
            if bool(row.any())
        }
        return EditTables(stream=SiteTables(tables))

    def control(self, model: NeuronModel, *, seed: int = 0, draw: int = 0, force: bool = False) -> Self:
        """The same edit with random vectors of equal length (`random_vectors_like`)."""
        self.require(model, force=force)
        return replace(self, vectors=random_vectors_like(self.vectors, seed=seed, draw=draw))


@dataclass(frozen=True)
class ProbeShift(StreamEdit):
    """ConVA's edit (NeVA, appendix B, without its gate): the smallest shift after which the probe reads `p0`.

    At every layer that has a probe (w, b): h' = h + eps * w / |w| with eps = max(0, (logit(p0) - b - w.h) / |w|). `per`
    "token": each token has an eps of its own, and one at which the probe reads p0 or more is left alone. `per` "prompt",
    the published form: the last token of the prompt gives the eps of all tokens, those of the answer included, layer
    after layer, each on what the layers below have moved. Where a text is scored, its prompt is what is given.
    `direction` "negative" moves against the value until the probe reads 1 - p0 or less. `p0` is 0.92, the median
    of NeVA's table 4 (0.88 to 0.98), which has one for each value. Strength multiplies eps: at 1 the probe reads p0.
    """

    probes: ProbeSet
    p0: float = 0.92
    direction: Direction = "positive"
    per: Per = "token"

    kind: ClassVar[str] = "probe-shift"
    subject_field: ClassVar[str] = "probes"
    subject_type: ClassVar[type[Any]] = ProbeSet
    why_not_weights: ClassVar[str] = (
        "how far it moves depends on what a probe reads at each token, which no weight can know"
    )
    unsaid: ClassVar[frozenset[str]] = frozenset({"strength", "per"})

    @property
    def reads_prompt(self) -> bool:
        """Whether the shift is one per prompt."""
        return self.per == "prompt"

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not 0 < self.p0 < 1:
            raise EditError(
                f"{self.kind}: p0 is {self.p0}; it is what a probe shall read, above 0 and below 1"
            )
        if self.per not in get_args(Per):
            raise EditError(f"{self.kind}: per must be 'token' or 'prompt', it is {self.per!r}")

    def tables(self, width: int) -> EditTables:
        """The probes' directions, and how far along them the stream shall be."""
        if self.strength == 0:
            return EditTables()
        probes, sign = self.probes, self._sign
        weights, bias = probes.weights.double() * sign, probes.bias.double() * sign
        reach = (math.log(self.p0 / (1 - self.p0)) - bias) / weights.norm(dim=1)
        read = normalize(weights, dim=1)
        along = read if probes.along is None else normalize(probes.along.double(), dim=1) * sign
        tables = {
            layer: StreamTable(
                read=read[row, None, None].float(),
                reach=reach[row, None, None, None].float(),
                along=(self.strength * along[row, None, None]).float(),
                per_prompt=torch.ones(1, 1, 1) if self.reads_prompt else None,
            )
            for row, layer in enumerate(probes.layers.tolist())
        }
        return EditTables(stream=SiteTables(tables))

    def control(self, model: NeuronModel, *, seed: int = 0, draw: int = 0, force: bool = False) -> Self:
        """The same distances along random directions (`random_probes_like`)."""
        self.require(model, force=force)
        return replace(self, probes=random_probes_like(self.probes, seed=seed, draw=draw))
