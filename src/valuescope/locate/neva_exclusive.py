"""NeVA for neurons that serve one value only: beyond the paper, against leakage between values."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import normalize

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Location
from valuescope.locate.neva import cosines, neurons_along
from valuescope.models import NeuronModel

_DEPENDENT = 1e-6  # of a unit direction; what is left below this is rounding


def neva_exclusive(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    alpha: float = 0.03,
    accuracy: float = 0.95,
    layers: tuple[int, int] | None = None,
    margin: int = 0,
    validation: float = 0.3,
    c: float = 1.0,
    orthogonal: float = 1.0,
    penalty: float = 0.5,
) -> Location:
    """NeVA with directions orthogonal to the other values', and less for neurons that other values share.

    In each layer, with probe directions w_v of length 1 and value vectors v_k:

        w'_v    = w_v - orthogonal * P_v w_v     P_v projects onto the span of all w_u with u != v
        s_vk    = cos(v_k, w'_v)
        score   = max(0, |s_vk| - penalty * max over u != v of |cos(v_k, w_u)|)

    The signed number is s_vk, and its sign the neuron's. `orthogonal` is the share of the projection that is taken
    away, from 0 to 1, and `penalty` at least 0; with both at 0 this is `neva`, and so it is for a single value. All
    other values count, whether their probes pass `accuracy` or not. Neurons of score 0 are never taken, so a large
    penalty takes fewer than `alpha` says. The other parameters are those of `neva`.
    """
    if not 0 <= orthogonal <= 1:
        raise LocateError(f"neva-exclusive: orthogonal is {orthogonal}; it is a share between 0 and 1")
    if not penalty >= 0:
        raise LocateError(f"neva-exclusive: penalty is {penalty}; it must be at least 0")
    return neurons_along(
        "neva-exclusive",
        partial(_exclusive, orthogonal=orthogonal, penalty=penalty),
        model,
        evidence,
        seed=seed,
        alpha=alpha,
        accuracy=accuracy,
        layers=layers,
        margin=margin,
        validation=validation,
        c=c,
        more={"orthogonal": orthogonal, "penalty": penalty},
    )


def _exclusive(
    vectors: Tensor, directions: Tensor, *, orthogonal: float, penalty: float
) -> tuple[Tensor, Tensor, Tensor]:
    own = apart(directions, orthogonal)
    signed, shared = cosines(vectors, own), cosines(vectors, directions).abs()
    return signed, (signed.abs() - penalty * _largest_of_others(shared)).clamp(min=0), own


def apart(directions: Tensor, share: float) -> Tensor:
    """Unit directions [V, hidden], each less `share` of its projection onto the span of the others.

    A direction that lies in that span as a whole becomes 0: it has nothing of its own.
    """
    unit = normalize(directions.double(), dim=1)
    rest = unit.clone()
    for row in range(len(unit)):
        others = torch.cat([unit[:row], unit[row + 1 :]])
        rest[row] -= share * (unit[row] @ torch.linalg.pinv(others) @ others)
    rest[rest.square().sum(dim=1).sqrt() < _DEPENDENT] = 0
    return rest.to(directions)


def _largest_of_others(sizes: Tensor) -> Tensor:
    """For every row of [V, n] the largest entry of the other rows, column by column; 0 where there is no other."""
    if len(sizes) == 1:
        return torch.zeros_like(sizes)
    two = sizes.topk(2, dim=0)
    rows = torch.arange(len(sizes))[:, None]
    return torch.where(two.indices[0] == rows, two.values[1], two.values[0])
