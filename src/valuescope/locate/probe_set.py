"""The probes of one value as a value: what ConVA reads and moves along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from valuescope.locate.band import layer_band
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.layer_tensors import LayerTensors, SteeringError
from valuescope.locate.probes import Probes, train_probes
from valuescope.locate.random_directions import random_directions
from valuescope.models import NeuronModel


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
        one = self.at([layer])
        return torch.sigmoid(hidden @ one.weights[0].to(hidden) + one.bias[0].to(hidden))


def probe_sets(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    accuracy: float = 0.95,
    layers: tuple[int, int] | None = None,
    margin: int = 0,
    validation: float = 0.3,
    c: float = 1.0,
) -> dict[str, ProbeSet]:
    """Train all probes together and keep, for each value, those of validation accuracy at least `accuracy`.

    ConVA (NeVA, appendix B); a value that no layer passes for gets a set without layers. `layers`: first and last
    layer of the band, counted from 0, both included (None: all but the last `margin`). `validation`, `c`: see
    `train_probes`.
    """
    if not 0 <= accuracy <= 1:
        raise LocateError(
            f"probes: accuracy is {accuracy}; it is a share between 0 and 1 (0 keeps every layer)"
        )
    first, last = layer_band("probes", model, layers, margin)
    probes = train_probes(evidence, validation=validation, c=c, seed=seed, device=model.device)
    parameters = {"accuracy": accuracy, "layers": [first, last], "validation": validation, "c": c}
    found = {}
    for row, value in enumerate(probes.values):
        kept = _passing(probes, row, accuracy, first, last)
        found[value] = ProbeSet(
            value=value,
            model=model.identity,
            method="probes",
            parameters=parameters,
            data_hash=evidence.data_hash,
            seed=seed,
            layers=kept,
            weights=probes.weights[row, kept],
            bias=probes.bias[row, kept],
            accuracy=probes.validation_accuracy[row, kept],
        )
    return found


def random_probes_like(like: ProbeSet, *, seed: int = 0, draw: int = 0) -> ProbeSet:
    """A random control: the same probes decide how far to go, and the way is a uniformly drawn direction."""
    return replace(
        like,
        method="random",
        parameters={"like": like.method, "like_hash": like.hash, "draw": draw},
        seed=seed,
        along=random_directions(like, seed=seed, draw=draw),
    )


def _passing(probes: Probes, row: int, accuracy: float, first: int, last: int) -> Tensor:
    """Layers of the band, int64, whose probe is accurate enough."""
    passing = probes.validation_accuracy[row] >= accuracy
    # A probe without a direction (its classes look alike) is one that nothing can be moved along.
    passing &= probes.weights[row].any(dim=1)
    passing[:first] = False
    passing[last + 1 :] = False
    return passing.nonzero().squeeze(1)
