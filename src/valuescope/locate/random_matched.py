"""Matched random neurons: in the same layers and as active as the located ones, but not located."""

from __future__ import annotations

import torch
from torch import Tensor

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Location
from valuescope.locate.random_control import describe_like, require_same_model, strongest_first
from valuescope.locate.seeds import generator
from valuescope.models import NeuronModel


def random_matched(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    like: Location | None = None,
    draw: int = 0,
    bins: int = 10,
) -> Location:
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
    require_same_model(model, like)
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
        located = strongest_first(like, row)
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
    return Location(
        method="random-matched",
        site=like.site,
        values=like.values,
        scores=selected.float(),
        signed=signed,
        signs=signs,
        selected=selected,
        parameters={**describe_like(like), "bins": bins, "draw": draw},
        model=model.identity,
        data_hash=evidence.data_hash,
        seed=seed,
        diagnostics={
            "rate": _mean_rates(rates, selected, like.values),
            "located_rate": _mean_rates(rates, like.selected, like.values),
        },
        warnings=tuple(warnings),
    )


def _pair(
    rate: Tensor, wanted: Tensor, free: Tensor, bins: int, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Pairs (wanted neuron, drawn neuron) within one layer; fewer than wanted where `free` runs out."""
    edges = torch.quantile(rate, torch.arange(1, bins, dtype=rate.dtype) / bins)
    place = torch.searchsorted(edges, rate, right=True)
    shuffled = torch.randperm(len(rate), generator=random)
    pool = shuffled[free[shuffled]]
    partners: list[Tensor] = []
    chosen: list[Tensor] = []

    def take(needy: Tensor, found: Tensor) -> None:
        nonlocal pool
        partners.append(needy[: len(found)])
        chosen.append(found)
        pool = pool[~torch.isin(pool, found)]

    left: list[Tensor] = []
    # First everyone from the own bin, so that a neighbour does not empty it.
    for which in range(bins):
        needy = wanted[place[wanted] == which]
        found = pool[place[pool] == which][: len(needy)]
        take(needy, found)
        left.append(needy[len(found) :])
    for which, needy in enumerate(left):
        nearest = (place[pool] - which).abs().argsort(stable=True)
        take(needy, pool[nearest][: len(needy)])
    return torch.cat(partners), torch.cat(chosen)


def _mean_rates(rates: Tensor, selected: Tensor, values: tuple[str, ...]) -> dict[str, float | None]:
    """Mean activation rate of the selected neurons per value; None where there are none."""
    return {
        value: float(rates[row][selected[row]].mean()) if bool(selected[row].any()) else None
        for row, value in enumerate(values)
    }
