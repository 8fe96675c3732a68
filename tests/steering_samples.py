"""Steering vectors and probes of tiny models, and their edits written out token by token."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from valuescope.edit import AddVector, Edit, ProbeShift
from valuescope.locate import ProbeSet, SteeringVectors
from valuescope.models import NeuronModel


def some_vectors(
    model: NeuronModel, seed: int, layers: tuple[int, ...] = (0, 2), length: float = 4.0
) -> SteeringVectors:
    """Random vectors of one length at some layers."""
    drawn = torch.randn(len(layers), model.hidden, generator=torch.Generator().manual_seed(seed))
    return SteeringVectors(
        value="care",
        model=model.identity,
        method="test",
        parameters={"drawn": seed},
        data_hash="none",
        seed=seed,
        layers=torch.tensor(layers),
        vectors=length * torch.nn.functional.normalize(drawn, dim=1),
    )


def some_probes(model: NeuronModel, seed: int, layers: tuple[int, ...] = (0, 1)) -> ProbeSet:
    """Random probes, which read more than their bar at some tokens and less at others."""
    drawn = torch.Generator().manual_seed(seed)
    return ProbeSet(
        value="care",
        model=model.identity,
        method="test",
        parameters={"drawn": seed},
        data_hash="none",
        seed=seed,
        layers=torch.tensor(layers),
        weights=0.5 * torch.randn(len(layers), model.hidden, generator=drawn),
        bias=torch.randn(len(layers), generator=drawn),
        accuracy=torch.full((len(layers),), 0.96),
    )


def written_out(edit: Edit, h: Tensor, layer: int) -> Tensor:
    """The edit of h [..., hidden] after a layer by its formula, one token after the other, in float64."""
    subject = edit.subject
    assert isinstance(subject, SteeringVectors | ProbeSet)
    if layer not in subject.layers.tolist():
        return h
    row = subject.layers.tolist().index(layer)
    sign = 1.0 if getattr(edit, "direction", "positive") == "positive" else -1.0
    result = h.double().clone()
    for token in result.reshape(-1, h.shape[-1]):
        if isinstance(edit, AddVector):
            token += sign * edit.strength * edit.coefficient * edit.vectors.vectors[row].double()
        elif isinstance(edit, ProbeShift):
            w, b = sign * edit.probes.weights[row].double(), sign * float(edit.probes.bias[row])
            wanted = math.log(edit.p0 / (1 - edit.p0))
            gap = (wanted - b - float(w @ token)) / float(w.norm())
            token += edit.strength * max(0.0, gap) * w / w.norm()
    return result.to(h.dtype)
