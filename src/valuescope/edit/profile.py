"""A target profile of several values solved as one edit: beyond the papers, which steer one value at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from valuescope.edit.layer_tables import EditError, Slopes
from valuescope.edit.neuron_edits import NeuronEdit
from valuescope.files import sha256_of
from valuescope.locate import Location, NeuronSet

METHOD = "profile"
_CANCELLED = 1e-9  # what is left of nets such as 0.3 - 0.1 - 0.2


@dataclass(frozen=True)
class Profile(NeuronEdit):
    """NeVA's edit with a beta of each neuron's own: m' = m + beta_k |m|, beta_k = clip(beta * net_k, -limit, limit).

    The set's scores are the nets, as `profile` solves them. At a limit of 1 no neuron changes its sign.
    """

    beta: float = 0.9
    limit: float = 1.0

    kind: ClassVar[str] = "profile"

    def __post_init__(self) -> None:
        super().__post_init__()
        if METHOD not in (self.neurons.method, self.neurons.parameters.get("like")):
            raise EditError(
                f"profile reads the weight of every neuron from a set that profile(...) solved, not from "
                f"{self.neurons!r}: call profile(targets, sets), or use modulate for one value"
            )

    def _full_slopes(self) -> Slopes:
        """alpha = 1, beta = the clipped net."""
        net = (self.neurons.scores.double() * self.beta).clamp(-self.limit, self.limit)
        return Slopes(self.neurons.layers, self.neurons.indices, alpha=torch.ones_like(net), beta=net)


def profile(
    targets: Mapping[str, float],
    sets: Location | Mapping[str, NeuronSet],
    *,
    overlap_budget: float = 0.2,
    beta: float = 0.9,
    limit: float = 1.0,
) -> Profile:
    """One edit that moves several values at once, such as {"benevolence": 1, "power": -0.5}.

    A neuron k of a target's set gets net_k = sum over targets v with k in their set of target_v * sign_v(k); those
    whose nets cancel to 0 are left out. With a single target of 1 this is `Modulate` of its set.

    The budget: a neuron is *shared* when it is in more than one of `sets`, those of values without a target
    included (editing it moves them too). At most the share `overlap_budget` of the edited neurons may be shared; 0
    takes only neurons that one value alone has, 1 takes all. Where there are too many, those stay on which the
    targets agree; then those in fewer sets without a target; then those of larger |net|, of larger |score|, and of
    lower layer and index. Nothing is drawn.

    Raises EditError for a target without a set, a target of 0, sets of different models, a budget that is no share,
    and where no neuron is left.
    """
    known = (
        {value: sets.neuron_set(value) for value in sets.values} if isinstance(sets, Location) else dict(sets)
    )
    _check(targets, known, overlap_budget)
    place = torch.tensor(
        sorted({k for value in targets for k in known[value].flat.tolist()}), dtype=torch.int64
    )
    wishes, scores, strangers = _wishes(targets, known, place)
    net = wishes.sum(dim=0)
    disagree = (wishes > 0).any(dim=0) & (wishes < 0).any(dim=0)
    shared = ((wishes != 0).sum(dim=0) + strangers) > 1
    acts = net.abs() > _CANCELLED
    order = sorted(
        (acts & shared).nonzero().flatten().tolist(),
        key=lambda k: (bool(disagree[k]), int(strangers[k]), -abs(float(net[k])), -float(scores[k]), k),
    )
    alone = (acts & ~shared).nonzero().flatten()
    kept = order[: _allowed(len(alone), overlap_budget, len(order))]
    chosen = torch.cat([alone, torch.tensor(kept, dtype=torch.int64)])
    if not len(chosen):
        raise EditError(
            f"profile {dict(targets)}: no neuron is left, {len(order)} are shared and none is of one value alone; "
            f"raise overlap_budget (it is {overlap_budget}), or locate more neurons"
        )
    first = known[next(iter(targets))]
    solved = NeuronSet(
        value=", ".join(f"{value} {weight:+g}" for value, weight in targets.items()),
        model=first.model,
        site=first.site,
        method=METHOD,
        parameters={
            "targets": {value: float(weight) for value, weight in targets.items()},
            "overlap_budget": float(overlap_budget),
            "sets": {value: neurons.hash for value, neurons in known.items()},
            "shared": len(order),
            "shared_kept": len(kept),
            "disagreeing_kept": int(disagree[kept].sum()) if kept else 0,
            "cancelled": int((~acts).sum()),
        },
        data_hash=sha256_of({value: neurons.data_hash for value, neurons in known.items()}),
        seed=first.seed,
        layers=place[chosen] // first.model.width,
        indices=place[chosen] % first.model.width,
        scores=net[chosen],
        signs=torch.where(net[chosen] > 0, 1, -1),
    )
    return Profile(solved, beta=beta, limit=limit)


def _check(targets: Mapping[str, float], sets: Mapping[str, NeuronSet], overlap_budget: float) -> None:
    if not targets:
        raise EditError("profile: targets are empty; give at least one, such as {'power': -0.5}")
    for value, weight in targets.items():
        if value not in sets:
            raise EditError(
                f"profile: there is no neuron set of {value!r}; the sets are of {', '.join(sets)}"
            )
        if not math.isfinite(weight) or weight == 0:
            raise EditError(
                f"profile: the target of {value!r} is {weight}; give a finite number that is not 0"
            )
    prints = {neurons.model.fingerprint for neurons in sets.values()}
    if len(prints) > 1:
        raise EditError(
            f"profile: the sets come from {len(prints)} different models; give those of one model"
        )
    if not 0 <= overlap_budget <= 1:
        raise EditError(f"profile: overlap_budget is {overlap_budget}; it is a share between 0 and 1")


def _wishes(
    targets: Mapping[str, float], sets: Mapping[str, NeuronSet], place: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """For the n neurons at flat positions `place`: what each target asks of them, float64 [targets, n]; their largest
    |score|, [n]; and in how many sets of other values they are, int64 [n]."""
    wishes = torch.zeros(len(targets), len(place), dtype=torch.float64)
    scores, strangers = torch.zeros(len(place)), torch.zeros(len(place), dtype=torch.int64)
    for value, neurons in sets.items():
        if value not in targets:
            strangers += torch.isin(place, neurons.flat)
    for row, (value, weight) in enumerate(targets.items()):
        neurons = sets[value]
        columns = torch.searchsorted(place, neurons.flat)
        wishes[row, columns] = weight * neurons.signs.double()
        scores[columns] = torch.maximum(scores[columns], neurons.scores.abs())
    return wishes, scores, strangers


def _allowed(alone: int, budget: float, shared: int) -> int:
    """The largest number of shared neurons that is at most `budget` of all that are edited."""
    if budget == 1:
        return shared
    # The guard is for shares such as 0.2, which have no exact binary form.
    return min(shared, math.floor(budget * alone / (1 - budget) + 1e-9))
