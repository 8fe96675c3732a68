"""Shares of tokens or texts at which neurons are active: compared between values, tested, and the largest kept."""

from __future__ import annotations

import math

import torch
from scipy.stats import false_discovery_control
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


def share_test(
    active: Tensor, total: Tensor, other_active: Tensor, other_total: Tensor, *, two_sided: bool = False
) -> tuple[Tensor, Tensor]:
    """Difference of two shares and the natural logarithm of its p-value, by the pooled two-proportion z test.

    z = (p - p') / sqrt(r (1 - r) (1/n + 1/n')), r the share of both together. One-sided: P(Z >= z), for a
    share above the other; `two_sided`: P(|Z| >= |z|). `active` and `other_active` are float64 counts [V, ...],
    the totals [V] are above 0. Where the share is 0 or 1 on both sides there is no evidence, and z is 0.
    Logarithms, since with many tokens p-values are below the smallest number that a float can hold.
    """
    shape = (-1, *[1] * (active.dim() - 1))
    total, other_total = total.view(shape), other_total.view(shape)
    difference = active / total - other_active / other_total
    pooled = (active + other_active) / (total + other_total)
    spread = (pooled * (1 - pooled) * (1 / total + 1 / other_total)).sqrt()
    z = torch.where(spread > 0, difference / spread, 0.0)
    if not two_sided:
        return difference, torch.special.log_ndtr(-z)
    return difference, torch.special.log_ndtr(-z.abs()) + math.log(2)


def discoveries(log_p: Tensor, q: float) -> Tensor:
    """Which hypotheses are rejected at a false-discovery rate of `q`, bool like `log_p` (natural logarithms).

    Benjamini and Hochberg (1995): all p-values up to the largest p_(i) <= q i / m of the m sorted ones. Holds
    for independent or positively dependent tests.
    """
    adjusted = false_discovery_control(log_p.exp().clamp(max=1).flatten().numpy())
    return torch.from_numpy(adjusted <= q).view_as(log_p)


def strongest(numbers: Tensor, eligible: Tensor, count: int, per: str) -> Tensor:
    """At most `count` neurons by falling number, bool [V, layers, width] like `numbers` and `eligible`.

    `per` "model": the neurons whose largest eligible number is among the `count` largest; each is selected
    for every value for which its number is at least that of the last one kept. `per` "value": the
    count // V largest for each value. Ties go to the lower layer, then to the lower index.
    """
    ranked = numbers.round(decimals=DECIMALS).masked_fill(~eligible, -math.inf)
    if per == "model":
        return _best(ranked, count)
    return torch.cat([_best(row[None], count // len(ranked)) for row in ranked])


def _best(ranked: Tensor, count: int) -> Tensor:
    best = ranked.amax(dim=0).flatten()
    order = best.argsort(descending=True, stable=True)[:count]
    order = order[best[order] > -math.inf]
    if not len(order):
        return torch.zeros_like(ranked, dtype=torch.bool)
    kept = torch.zeros_like(best, dtype=torch.bool)
    kept[order] = True
    return kept.view(ranked.shape[1:]) & (ranked >= best[order[-1]])
