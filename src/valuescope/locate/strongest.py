"""The one rule by which locators that compare values keep as many neurons as were asked for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from valuescope.locate.evidence import Evidence, LocateError

PER = ("model", "value")

# Differences of shares that are equal on paper differ in their last bits; ties are to be ties.
DECIMALS = 12


def active_by_value(
    method: str, evidence: Evidence, *, unit: str = "token", site: str = "gate"
) -> tuple[Tensor, Tensor]:
    """`Counters.active` of every value's positive label: float64 [V, layers, width] and [V].

    LocateError where there are fewer than two values, or two of them read the same label.
    """
    labels = evidence.positive_labels()
    if len(labels) < 2:
        raise LocateError(f"{method} compares values: give at least two")
    for place, name in enumerate(labels):
        if name in labels[:place]:
            first, second = evidence.values[labels.index(name)], evidence.values[place]
            raise LocateError(
                f"{method} compares values, but {first!r} and {second!r} both read the label {name!r}; "
                "give each value texts of its own"
            )
    return evidence.activations.counters.active(labels, unit=unit, site=site)


def strongest(numbers: Tensor, eligible: Tensor, count: int, per: str) -> Tensor:
    """At most `count` neurons by falling number, bool [V, layers, width] like `numbers` and `eligible`.

    `per` "model": the neurons whose largest eligible number is among the `count` largest; each is selected
    for every value for which its number is at least that of the last one kept. `per` "value": the
    count // V largest for each value. Ties go to the lower layer, then to the lower index.
    """
    ranked = numbers.round(decimals=DECIMALS).masked_fill(~eligible, -math.inf)
    if per == "model":
        return _best(ranked, count)
    return torch.cat([_best(one[None], count // len(ranked)) for one in ranked])


def require_per(method: str, per: str) -> None:
    """LocateError unless `per` is one of PER."""
    if per not in PER:
        raise LocateError(f"{method}: per is {per!r}; it is one of {', '.join(PER)}")


def too_few(rate: float, count: int, values: int) -> str:
    """Why `per` "value" selects nothing."""
    return f"rate {rate} keeps {count} neurons, fewer than the {values} values"


def _best(ranked: Tensor, count: int) -> Tensor:
    best = ranked.amax(dim=0).flatten()
    order = best.argsort(descending=True, stable=True)[:count]
    order = order[best[order] > -math.inf]
    if not len(order):
        return torch.zeros_like(ranked, dtype=torch.bool)
    kept = torch.zeros_like(best, dtype=torch.bool)
    kept[order] = True
    return kept.view(ranked.shape[1:]) & (ranked >= best[order[-1]])
