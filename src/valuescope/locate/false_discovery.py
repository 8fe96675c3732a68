"""Tests of two shares, in logarithms, and control of the false-discovery rate over many of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor


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
    ordered = log_p.flatten().sort().values
    ranks = torch.arange(1, len(ordered) + 1, dtype=ordered.dtype)
    passing = (ordered <= (q * ranks / len(ordered)).log()).nonzero()
    if not len(passing):
        return torch.zeros_like(log_p, dtype=torch.bool)
    return log_p <= ordered[passing[-1]]
