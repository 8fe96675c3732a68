"""Directions of the residual stream for each value: steering vectors, probes, their random controls and their words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import normalize

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.layer_tensors import LayerTensors, SteeringError
from valuescope.locate.neuron_set import combined_origin
from valuescope.locate.parameters import band_of, generator
from valuescope.locate.probes import ProbeSettings
from valuescope.models import NeuronModel
from valuescope.ranges import CountOrNone, Layers, PartialShare, Positive, Share


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
                f"{self.value} + {other.value}: the vectors come from different models, "
                f"{self.model.named} and {other.model.named}"
            )
        layers = torch.tensor(sorted({*self.layers.tolist(), *other.layers.tolist()}), dtype=torch.int64)
        vectors = torch.zeros(len(layers), self.hidden)
        for term in (self, other):
            vectors[torch.searchsorted(layers, term.layers)] += term.vectors
        return replace(self, layers=layers, vectors=vectors, **combined_origin(self, "+", other))


@dataclass(frozen=True, eq=False, repr=False)
class ProbeSet(LayerTensors):
    """One probe per layer for one value: the chance of the value is sigmoid(weights . h + bias).

    `weights` float32 [n, hidden], `bias` and `accuracy` (on validation texts) float32 [n]. `along` float32
    [n, hidden] holds the unit directions in which a shift goes where they are not those of the weights, as in a
    random control; None elsewhere.
    """

    weights: Tensor
    bias: Tensor
    accuracy: Tensor
    along: Tensor | None = None

    kind: ClassVar[str] = "probe set"
    wide: ClassVar[tuple[str, ...]] = ("weights", "along")
    narrow: ClassVar[tuple[str, ...]] = ("bias", "accuracy")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, rows in (("weights", self.weights), ("along", self.along)):
            if rows is not None and not bool(rows.any(dim=1).all()):
                raise SteeringError(f"{self.value}: {name} of a layer are all 0; leave that layer out")

    def read(self, layer: int, hidden: Tensor) -> Tensor:
        """The chance [...] that the probe of `layer` gives for residuals [..., hidden]."""
        probe = self.at([layer])
        return torch.sigmoid(hidden @ probe.weights[0].to(hidden) + probe.bias[0].to(hidden))


def mean_difference(
    model: NeuronModel, evidence: Evidence, *, seed: int = 0, layers: tuple[int, int] | None = None
) -> dict[str, SteeringVectors]:
    """For every value the mean residual of its positive texts less that of its negative ones, at the last token.

    CAA (Rimsky et al. 2024, section 3; NeVA, appendix B). `layers`: first and last layer of the band, counted from
    0, both included (None: all). Nothing is drawn: `seed` is only recorded.
    """
    first, last = band_of("mean-difference", model.layers, layers)
    residuals = evidence.residuals()
    sides = zip(
        evidence.values, evidence.positive_labels(), evidence.negative_labels("mean-difference"), strict=True
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


def probe_sets(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    accuracy: Share = 0.95,
    layers: Layers | None = None,
    margin: CountOrNone = 0,
    validation: PartialShare = 0.3,
    c: Positive = 1.0,
) -> dict[str, ProbeSet]:
    """Train all probes together and keep, for each value, those of validation accuracy at least `accuracy`.

    ConVA (NeVA, appendix B); a value that no layer passes for gets a set without layers. `layers`: first and last
    layer of the band, counted from 0, both included (None: all but the last `margin`). `validation`, `c`: see
    `train_probes`.
    """
    settings = ProbeSettings(accuracy, layers, margin, validation, c, seed)
    probes, accurate, band = settings.train("probes", model, evidence)
    # A probe without a direction (its classes look alike) is one that nothing can be moved along.
    accurate &= probes.weights.any(dim=2)
    kept = {value: row.nonzero().squeeze(1) for value, row in zip(probes.values, accurate, strict=True)}
    return {
        value: ProbeSet(
            value=value,
            model=model.identity,
            method="probes",
            parameters={"accuracy": accuracy, "layers": list(band), "validation": validation, "c": c},
            data_hash=evidence.data_hash,
            seed=seed,
            layers=kept[value],
            weights=probes.weights[row, kept[value]],
            bias=probes.bias[row, kept[value]],
            accuracy=probes.validation_accuracy[row, kept[value]],
        )
        for row, value in enumerate(probes.values)
    }


def random_vectors_like(like: SteeringVectors, *, seed: int = 0, draw: int = 0) -> SteeringVectors:
    """A random control: at every layer a vector of the same length in a uniformly drawn direction.

    `draw` numbers independent repetitions under one seed; the draw at a layer depends on no other layer.
    """
    vectors = _random_directions(like, seed, draw) * like.norms[:, None]
    return replace(like, method="random", parameters=_origin(like, draw), seed=seed, vectors=vectors)


def random_probes_like(like: ProbeSet, *, seed: int = 0, draw: int = 0) -> ProbeSet:
    """A random control: the same probes decide how far to go, and the way is a uniformly drawn direction."""
    along = _random_directions(like, seed, draw)
    return replace(like, method="random", parameters=_origin(like, draw), seed=seed, along=along)


def decode_direction(model: NeuronModel, weights: Tensor, top: int = 10) -> list[str]:
    """The `top` tokens of largest W_U w (NeVA, appendix D.1), best first; `weights` is w, [hidden].

    The final norm is not applied: a direction has no position in the stream that it could be applied at.
    """
    if weights.shape != (model.hidden,):
        raise LocateError(
            f"decode: the direction has shape {tuple(weights.shape)}, expected ({model.hidden},)"
        )
    unembedding: Tensor = model.model.get_output_embeddings().weight.detach()
    # In the type of the matrix: a float32 copy of a large vocabulary's matrix would take gigabytes.
    direction = normalize(weights.float(), dim=0).to(unembedding.device, unembedding.dtype)
    best = (unembedding @ direction).topk(min(top, len(unembedding))).indices.tolist()
    return [model.tokenizer.decode([token]) for token in best]


def _origin(like: LayerTensors, draw: int) -> dict[str, object]:
    """What a random control records of the one that it matches."""
    return {"like": like.method, "like_hash": like.hash, "draw": draw}


def _random_directions(like: LayerTensors, seed: int, draw: int) -> Tensor:
    """A unit vector for each layer of `like`, float32 [n, hidden], drawn uniformly from all directions."""
    drawn = [
        torch.randn(like.hidden, generator=generator("random-direction", seed, draw, like.value, layer))
        for layer in like.layers.tolist()
    ]
    return normalize(torch.stack(drawn), dim=1) if drawn else torch.zeros(0, like.hidden)
