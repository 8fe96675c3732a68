"""Two-proportion test: neurons that fire more often for one value than for all others, beyond chance."""

from __future__ import annotations

import math

import torch

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.false_discovery import discoveries, share_test
from valuescope.locate.firing_profile import firing_profile
from valuescope.locate.location import Location, empty_warnings
from valuescope.locate.strongest import active_by_value, require_per, strongest, too_few
from valuescope.locate.vape import require_shares
from valuescope.models import NeuronModel

FEW_TEXTS = 20
"""Texts per value below which the normal approximation of a share of texts is rough."""


def two_proportion(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    rate: float = 0.015,
    q: float = 0.05,
    unit: str = "token",
    per: str = "value",
) -> Location:
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
    require_per("two-proportion", per)
    if unit not in ("token", "text"):
        raise LocateError(f"two-proportion: unit is {unit!r}; it is 'token' or 'text'")
    active, total = active_by_value("two-proportion", evidence, unit=unit)
    signed, log_p = share_test(active, total, active.sum(dim=0) - active, total.sum() - total)
    found = discoveries(log_p, q) & (signed > 0)
    count = round(rate * model.neurons)
    selected = strongest(signed, found, count, per)
    counters, labels = evidence.activations.counters, evidence.positive_labels()
    profile = firing_profile(counters.gate_rate(labels), selected.any(dim=0))
    texts = counters.prompts[counters.rows(labels)]
    rough = f"the smallest label has {int(texts.min())} texts: the normal approximation is rough"
    return Location(
        method="two-proportion",
        site="gate",
        values=evidence.values,
        scores=torch.where(found, signed, 0.0),
        signed=signed,
        signs=torch.where(signed < 0, -1, 1),
        selected=selected,
        parameters={"rate": rate, "q": q, "unit": unit, "per": per},
        model=model.identity,
        data_hash=evidence.data_hash,
        seed=seed,
        diagnostics={
            "kept": profile.kept,
            "discoveries": found.sum(dim=(1, 2)).tolist(),
            "discovered_share": float(found.any(dim=0).double().mean()),
            "smallest_log10_p": float(log_p.min()) / math.log(10),
            "least": float(signed[selected].min()) if profile.kept else None,
            "tokens": counters.tokens[counters.rows(labels)].tolist(),
            "texts": texts.tolist(),
            "firing_profile": profile.to_dict(),
        },
        warnings=(
            *empty_warnings(
                evidence.values,
                selected,
                too_few(rate, count, len(total))
                if per == "value" and count < len(total)
                else f"no difference among the largest is a discovery at q {q}",
            ),
            *([rough] if unit == "text" and int(texts.min()) < FEW_TEXTS else []),
        ),
    )
