"""Neurons that fire more often for one value than for the others: by specificity, or by a test of two proportions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.firing_profile import firing_profile
from valuescope.locate.location import Located
from valuescope.locate.parameters import require_choice, require_shares
from valuescope.locate.shares import DECIMALS, PER, active_by_value, discoveries, share_test, strongest
from valuescope.models import NeuronModel
from valuescope.ranges import PartialShare

FEW_TEXTS = 20
"""Texts per value below which the normal approximation of a share of texts is rough."""


def specificity(
    model: NeuronModel, evidence: Evidence, *, seed: int = 0, rate: float = 0.015, per: str = "value"
) -> Located:
    """Largest s_v = p_v - mean of the other values' p, in place of VAPE's bar and entropy. Beyond the paper.

    p_v = share of value v's tokens with a > 0, as in `vape`. Every value weighs alike, however many tokens
    it has. (Against the mean over all values, v included, s_v is (V - 1) / V of this: the same order.)

    `rate`: kept share of all neurons, at most. `per` "value": the round(rate * neurons) // V neurons of
    largest s_v for each value, so that no value's edit is stronger for having more neurons. `per` "model":
    the round(rate * neurons) neurons of largest s_v for any value, each for every value for which it reaches
    the s_v of the last one kept. Ties: lower layer, then lower index.
    Only s_v > 0 is selected, so a neuron that never fires is out; a value may stay empty. Score: s_v where
    above 0, else 0; signed: s_v; sign of s_v (+1 for all that is selected).
    """
    require_shares("specificity", rate=rate)
    require_choice("specificity: per", per, PER)
    active, tokens = active_by_value("specificity", evidence)
    rates = active / tokens[:, None, None]
    signed = (rates - (rates.sum(dim=0) - rates) / (len(rates) - 1)).round(decimals=DECIMALS)
    return _strongest_of(
        signed > 0,
        signed,
        model,
        evidence,
        rate,
        per,
        empty="others fire more specifically than any does on its texts",
    )


def two_proportion(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    rate: PartialShare = 0.015,
    q: PartialShare = 0.05,
    unit: str = "token",
    per: str = "value",
) -> Located:
    """Largest differences of share among those that a false-discovery-controlled test finds. Beyond the paper.

    For every value and neuron, the share for which the neuron is active is tested against that of all other
    values' texts pooled: two-proportion z test, one-sided (larger for the value), Benjamini-Hochberg at `q`
    over all neurons x values. Among the discoveries the effect size, p_v - p_others, decides: at most
    round(rate * neurons) neurons are kept, by the rule of `specificity` (`per` "value" or "model"; ties:
    lower layer, then lower index). A neuron that is always or never active is out; a value may stay empty.
    A text that stands under several values counts on both sides.

    `unit` "token": share of tokens with a > 0, as in `vape`. Tokens within a text are not independent, so
    these p-values are too small, and `q` does not bound the share of false discoveries; with many tokens
    nearly every difference is one, and the effect size does the work. `unit` "text": share of texts whose
    sum M of a over their counted tokens is > 0, as in `valuelocate`; texts are independent where they were
    written so, but where nearly all texts have one sign of M the test sees little. Score: the difference
    where it is a discovery, else 0; signed: the difference; its sign (+1 for all that is selected).
    """
    require_shares("two-proportion", rate=rate, q=q)
    require_choice("two-proportion: per", per, PER)
    if unit not in ("token", "text"):
        raise LocateError(f"two-proportion: unit is {unit!r}; it is 'token' or 'text'")
    active, total = active_by_value("two-proportion", evidence, unit=unit)
    signed, log_p = share_test(active, total, active.sum(dim=0) - active, total.sum() - total)
    discovered = discoveries(log_p, q) & (signed > 0)
    counters = evidence.activations.counters
    texts = counters.prompts[counters.rows(evidence.positive_labels())]
    rough = f"the smallest label has {int(texts.min())} texts: the normal approximation is rough"
    return _strongest_of(
        discovered,
        signed,
        model,
        evidence,
        rate,
        per,
        diagnostics={
            "discoveries": discovered.sum(dim=(1, 2)).tolist(),
            "discovered_share": float(discovered.any(dim=0).double().mean()),
            "smallest_log10_p": float(log_p.min()) / math.log(10),
            "texts": texts.tolist(),
        },
        empty=f"no difference among the largest is a discovery at q {q}",
        warnings=[rough] if unit == "text" and int(texts.min()) < FEW_TEXTS else [],
    )


def _strongest_of(
    eligible: Tensor,
    signed: Tensor,
    model: NeuronModel,
    evidence: Evidence,
    rate: float,
    per: str,
    *,
    empty: str,
    diagnostics: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
) -> Located:
    """The strongest of the eligible neurons, at most round(rate * neurons) of them."""
    count, values = round(rate * model.neurons), len(evidence.values)
    selected = strongest(signed, eligible, count, per)
    counters, labels = evidence.activations.counters, evidence.positive_labels()
    profile = firing_profile(counters.gate_rate(labels), selected.any(dim=0))
    if per == "value" and count < values:
        empty = f"rate {rate} keeps {count} neurons, fewer than the {values} values"
    return Located(
        site="gate",
        signed=signed,
        scores=torch.where(eligible, signed, 0.0),
        selected=selected,
        diagnostics={
            "kept": profile.kept,
            "least": float(signed[selected].min()) if profile.kept else None,
            "tokens": counters.tokens[counters.rows(labels)].tolist(),
            **(diagnostics or {}),
            "firing_profile": profile.to_dict(),
        },
        empty=empty,
        warnings=warnings,
    )
