"""Random neurons: what any edit of so many neurons does, whichever they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Location
from valuescope.locate.neuron_set import NeuronSet
from valuescope.locate.seeds import generator
from valuescope.models import NeuronModel


def random(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    like: Location | None = None,
    count: int | Mapping[str, int] | None = None,
    draw: int = 0,
) -> Location:
    """Neurons drawn uniformly from the whole model, independently for each value.

    Give `like`, a location to match in number per value, or `count` neurons (for all values or by value).
    With `like`, the i-th drawn neuron takes over number and sign of the i-th strongest there: an edit whose
    strength follows the score (ValueLocate's) is then as strong on the control, and `top(n)` cuts both alike.
    With `count` these are 0 and +1. `draw` numbers independent repetitions under one seed; a smaller
    count is a part of a larger one. Score: the random rank in 0..1, so that its ranking is at chance.
    """
    values = evidence.values if like is None else like.values
    sizes = control_sizes(model, values, like, count)
    shape = (len(values), model.layers, model.width)
    scores, signed = torch.zeros(shape), torch.zeros(shape)
    signs, selected = torch.ones(shape, dtype=torch.int8), torch.zeros(shape, dtype=torch.bool)
    ranks = 1 - torch.arange(model.neurons) / model.neurons
    for row, value in enumerate(values):
        order = torch.randperm(model.neurons, generator=generator("random", seed, draw, value))
        scores[row].view(-1)[order] = ranks
        chosen = order[: sizes[value]]
        selected[row].view(-1)[chosen] = True
        if like is not None:
            partners = strongest_first(like, row)
            signed[row].view(-1)[chosen] = like.signed[row].view(-1)[partners]
            signs[row].view(-1)[chosen] = like.signs[row].view(-1)[partners]
    return Location(
        method="random",
        site="product" if like is None else like.site,
        values=values,
        scores=scores,
        signed=signed,
        signs=signs,
        selected=selected,
        parameters={**describe_like(like), "count": sizes, "draw": draw},
        model=model.identity,
        data_hash=evidence.data_hash,
        seed=seed,
    )


def random_like(
    model: NeuronModel, like: NeuronSet, *, seed: int = 0, draw: int = 0, force: bool = False
) -> NeuronSet:
    """A random control for one neuron set: as many neurons of the whole model, with the set's numbers and signs.

    The control of a single set, where `random` makes those of a location; the draws are the same.
    """
    like.require(model, force=force)
    order = torch.randperm(model.neurons, generator=generator("random", seed, draw, like.value))
    chosen = order[: len(like)]
    strongest = like.scores.abs().argsort(descending=True, stable=True)
    return replace(
        like,
        method="random",
        parameters={"like": like.method, "like_hash": like.hash, "draw": draw},
        seed=seed,
        layers=chosen // model.width,
        indices=chosen % model.width,
        scores=like.scores[strongest],
        signs=like.signs[strongest],
    )


def control_sizes(
    model: NeuronModel,
    values: tuple[str, ...],
    like: Location | None,
    count: int | Mapping[str, int] | None,
) -> dict[str, int]:
    """Neurons to draw per value; LocateError unless exactly one of `like` and `count` says so."""
    if (like is None) == (count is None):
        raise LocateError("random: give either like=<a location to match> or count=<neurons per value>")
    if like is not None:
        require_same_model(model, like)
        return like.sizes()
    sizes = dict.fromkeys(values, count) if isinstance(count, int) else dict(count or {})
    if set(sizes) != set(values):
        raise LocateError(f"random: count is given for {sorted(sizes)}, the values are {sorted(values)}")
    for value, size in sizes.items():
        if not 0 <= size <= model.neurons:
            raise LocateError(f"random: count of {value!r} is {size}; the model has {model.neurons} neurons")
    return sizes


def require_same_model(model: NeuronModel, like: Location) -> None:
    """Raise LocateError unless `like` was located in this model."""
    if like.model.fingerprint != model.identity.fingerprint:
        raise LocateError(
            f"like: located in {like.model.id} (fingerprint {like.model.fingerprint}), not in "
            f"{model.identity.id} (fingerprint {model.identity.fingerprint}); locate in this model first"
        )


def strongest_first(like: Location, row: int) -> torch.Tensor:
    """Flat positions of a value's selected neurons by falling |number| (ties: lower layer, then index)."""
    flat = like.selected[row].flatten().nonzero().squeeze(1)
    return flat[like.signed[row].flatten()[flat].abs().argsort(descending=True, stable=True)]


def describe_like(like: Location | None) -> dict[str, str | None]:
    """What a control records of the location that it matches."""
    return {"like": None if like is None else like.method, "like_hash": None if like is None else like.hash}
