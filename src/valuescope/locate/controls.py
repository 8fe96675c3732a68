"""Random controls: as many neurons from anywhere, or from the same layers and as active as the located ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Located, Location
from valuescope.locate.neuron_set import NeuronSet
from valuescope.locate.parameters import generator
from valuescope.models import NeuronModel
from valuescope.ranges import Count, CountOrNone


def random(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    like: Location | None = None,
    count: CountOrNone | Mapping[str, CountOrNone] | None = None,
    draw: CountOrNone = 0,
) -> Located:
    """Neurons drawn uniformly from the whole model, independently for each value.

    Give `like`, a location to match in number per value, or `count` neurons (for all values or by value).
    With `like`, the i-th drawn neuron takes over number and sign of the i-th strongest there: an edit whose
    strength follows the score (ValueLocate's) is then as strong on the control, and `top(n)` cuts both alike.
    With `count` these are 0 and +1. `draw` numbers independent repetitions under one seed; a smaller
    count is a part of a larger one. Score: the random rank in 0..1, so that its ranking is at chance.
    """
    values = evidence.values if like is None else like.values
    sizes = _control_sizes(model, values, like, count)
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
            partners = _strongest_first(like, row)
            signed[row].view(-1)[chosen] = like.signed[row].view(-1)[partners]
            signs[row].view(-1)[chosen] = like.signs[row].view(-1)[partners]
    return Located(
        site="product" if like is None else like.site,
        values=values,
        scores=scores,
        signed=signed,
        signs=signs,
        selected=selected,
        parameters={**_describe_like(like), "count": sizes},
    )


def random_matched(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    like: Location | None = None,
    draw: CountOrNone = 0,
    bins: Count = 10,
) -> Located:
    """For each neuron that `like` selects, one of the same layer with a similar gate activation rate.

    The rate is that on the value's own (positive) texts: the control fires as often as the located neurons
    where the edit is to work. A layer's neurons fall into `bins` quantiles of the rate; partners are drawn
    from the same bin, or the nearest one that still has any. Neurons selected for any value are left out;
    where a layer has too few others, only those of the value itself; where that is not enough either, the
    control is smaller and a warning says so. Partners take over number and sign, as in `random`. Score: 1
    where selected, else 0. `draw` numbers independent repetitions under one seed.
    """
    if like is None:
        raise LocateError("random-matched: give like=<the location to match>")
    if bins < 1:
        raise LocateError(f"random-matched: bins is {bins}; give at least 1")
    _require_same_model(model, like)
    missing = [value for value in like.values if value not in evidence.values]
    if missing:
        raise LocateError(
            f"random-matched: the evidence has no texts for {', '.join(missing)}, which like located"
        )
    rates = evidence.activations.counters.gate_rate([evidence.positive[value] for value in like.values])
    signed, signs = torch.zeros_like(like.signed), torch.ones_like(like.signs)
    selected, taken = torch.zeros_like(like.selected), like.selected.any(dim=0)
    warnings = []
    for row, value in enumerate(like.values):
        random = generator("random-matched", seed, draw, value)
        located = _strongest_first(like, row)
        for layer in sorted(set((located // model.width).tolist())):
            wanted = located[located // model.width == layer] % model.width
            free = ~taken[layer]
            if int(free.sum()) < len(wanted):
                free = ~like.selected[row, layer]
            partners, chosen = _pair(rates[row, layer], wanted, free, bins, random)
            selected[row, layer, chosen] = True
            signed[row, layer, chosen] = like.signed[row, layer, partners]
            signs[row, layer, chosen] = like.signs[row, layer, partners]
        short = len(located) - int(selected[row].sum())
        if short:
            warnings.append(
                f"{value}: {short} of {len(located)} located neurons have no partner left in their layer"
            )
    return Located(
        site=like.site,
        values=like.values,
        scores=selected.float(),
        signed=signed,
        signs=signs,
        selected=selected,
        parameters=_describe_like(like),
        diagnostics={
            "rate": _mean_rates(rates, selected, like.values),
            "located_rate": _mean_rates(rates, like.selected, like.values),
        },
        warnings=warnings,
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


def _control_sizes(
    model: NeuronModel, values: tuple[str, ...], like: Location | None, count: int | Mapping[str, int] | None
) -> dict[str, int]:
    """Neurons to draw per value; LocateError unless exactly one of `like` and `count` says so."""
    if (like is None) == (count is None):
        raise LocateError("random: give either like=<a location to match> or count=<neurons per value>")
    if like is not None:
        _require_same_model(model, like)
        return like.sizes()
    sizes = dict.fromkeys(values, count) if isinstance(count, int) else dict(count or {})
    if set(sizes) != set(values):
        raise LocateError(f"random: count is given for {sorted(sizes)}, the values are {sorted(values)}")
    for value, size in sizes.items():
        if not 0 <= size <= model.neurons:
            raise LocateError(f"random: count of {value!r} is {size}; the model has {model.neurons} neurons")
    return sizes


def _require_same_model(model: NeuronModel, like: Location) -> None:
    """Raise LocateError unless `like` was located in this model."""
    if like.model.fingerprint != model.identity.fingerprint:
        raise LocateError(
            f"like: located in {like.model.against(model.identity)}; locate in this model first"
        )


def _strongest_first(like: Location, row: int) -> Tensor:
    """Flat positions of a value's selected neurons by falling |number| (ties: lower layer, then index)."""
    flat = like.selected[row].flatten().nonzero().squeeze(1)
    return flat[like.signed[row].flatten()[flat].abs().argsort(descending=True, stable=True)]


def _describe_like(like: Location | None) -> dict[str, str | None]:
    """What a control records of the location that it matches."""
    return {"like": None if like is None else like.method, "like_hash": None if like is None else like.hash}


def _pair(
    rate: Tensor, wanted: Tensor, free: Tensor, bins: int, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Pairs (wanted neuron, drawn neuron) within one layer; fewer than wanted where `free` runs out."""
    edges = torch.quantile(rate, torch.arange(1, bins, dtype=rate.dtype) / bins)
    place = torch.searchsorted(edges, rate, right=True)
    shuffled = torch.randperm(len(rate), generator=random)
    pool = shuffled[free[shuffled]]
    pairs: list[tuple[Tensor, Tensor]] = []
    unmatched: list[Tensor] = []

    def take(neurons: Tensor, candidates: Tensor) -> None:
        nonlocal pool
        drawn = candidates[: len(neurons)]
        pairs.append((neurons[: len(drawn)], drawn))
        unmatched.append(neurons[len(drawn) :])
        pool = pool[~torch.isin(pool, drawn)]

    # First everyone from the own bin, so that a neighbour does not empty it.
    for bin_ in range(bins):
        take(wanted[place[wanted] == bin_], pool[place[pool] == bin_])
    for bin_, neurons in enumerate(unmatched[:bins]):
        take(neurons, pool[(place[pool] - bin_).abs().argsort(stable=True)])
    partners, chosen = zip(*pairs, strict=True)
    return torch.cat(partners), torch.cat(chosen)


def _mean_rates(rates: Tensor, selected: Tensor, values: tuple[str, ...]) -> dict[str, float | None]:
    """Mean activation rate of the selected neurons per value; None where there are none."""
    return {
        value: float(rates[row][selected[row]].mean()) if bool(selected[row].any()) else None
        for row, value in enumerate(values)
    }
