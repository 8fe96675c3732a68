"""Steering vectors: directions that are added to the residual stream (CAA, Rimsky et al. 2024)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from valuescope.files import sha256_of
from valuescope.locate.band import layer_band
from valuescope.locate.evidence import Evidence
from valuescope.locate.layer_tensors import LayerTensors, SteeringError
from valuescope.locate.random_directions import random_directions
from valuescope.models import NeuronModel


@dataclass(frozen=True, eq=False, repr=False)
class SteeringVectors(LayerTensors):
    """One vector per layer for one value; `vectors` float32 [n, hidden]. They can be scaled and added."""

    vectors: Tensor

    kind: ClassVar[str] = "steering vectors"
    wide: ClassVar[tuple[str, ...]] = ("vectors",)

    @property
    def norms(self) -> Tensor:
        """Length of each layer's vector, float32 [n]."""
        return self.vectors.square().sum(dim=1).sqrt()

    def scaled(self, factor: float) -> SteeringVectors:
        """Every vector times `factor`; a negative one points away from the value."""
        if not math.isfinite(factor):
            raise SteeringError(f"{self.value}: factor is {factor}; it must be finite")
        parameters = {"operation": "scaled", "factor": float(factor), "vectors": self.hash}
        return replace(self, parameters=parameters, vectors=self.vectors * factor)

    def __add__(self, other: SteeringVectors) -> SteeringVectors:
        """The sum at every layer that either has; a layer that one of them lacks counts as zero there."""
        if (self.model.fingerprint, self.hidden) != (other.model.fingerprint, other.hidden):
            raise SteeringError(
                f"{self.value} + {other.value}: the vectors come from different models, {self.model.id} (fingerprint "
                f"{self.model.fingerprint}) and {other.model.id} (fingerprint {other.model.fingerprint})"
            )
        layers = torch.tensor(sorted({*self.layers.tolist(), *other.layers.tolist()}), dtype=torch.int64)
        vectors = torch.zeros(len(layers), self.hidden)
        for one in (self, other):
            vectors[torch.searchsorted(layers, one.layers)] += one.vectors

        def joined(left: str, right: str) -> str:
            return left if left == right else f"{left} + {right}"

        return SteeringVectors(
            value=joined(self.value, other.value),
            model=self.model,
            method=joined(self.method, other.method),
            parameters={"operation": "+", "left": self.hash, "right": other.hash},
            data_hash=self.data_hash
            if self.data_hash == other.data_hash
            else sha256_of([self.data_hash, other.data_hash]),
            seed=self.seed,
            layers=layers,
            vectors=vectors,
        )


def mean_difference(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    layers: tuple[int, int] | None = None,
) -> dict[str, SteeringVectors]:
    """For every value the mean residual of its positive texts less that of its negative ones, at the last token.

    CAA (Rimsky et al. 2024, section 3; NeVA, appendix B). `layers`: first and last layer of the band, counted from
    0, both included (None: all). Nothing is drawn: `seed` is only recorded.
    """
    first, last = layer_band("mean-difference", model, layers)
    residuals = evidence.residuals()
    sides = zip(
        evidence.values,
        evidence.positive_labels(),
        evidence.negative_labels("mean-difference"),
        strict=True,
    )

    def mean(label: str) -> Tensor:
        return residuals.hidden[residuals.rows(label), first : last + 1].mean(dim=0, dtype=torch.float64)

    return {
        value: SteeringVectors(
            value=value,
            model=model.identity,
            method="mean-difference",
            parameters={"layers": [first, last]},
            data_hash=evidence.data_hash,
            seed=seed,
            layers=torch.arange(first, last + 1),
            vectors=mean(positive) - mean(negative),
        )
        for value, positive, negative in sides
    }


def random_vectors_like(like: SteeringVectors, *, seed: int = 0, draw: int = 0) -> SteeringVectors:
    """A random control: at every layer a vector of the same length in a uniformly drawn direction.

    `draw` numbers independent repetitions under one seed; the draw at a layer depends on no other layer.
    """
    directions = random_directions(like, seed=seed, draw=draw)
    return replace(
        like,
        method="random",
        parameters={"like": like.method, "like_hash": like.hash, "draw": draw},
        seed=seed,
        vectors=directions * like.norms[:, None],
    )
