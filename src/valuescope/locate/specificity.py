"""Specificity: neurons that fire more often for one value than for the others on average."""

from __future__ import annotations

import torch

from valuescope.locate.evidence import Evidence
from valuescope.locate.firing_profile import firing_profile
from valuescope.locate.location import Location, empty_warnings
from valuescope.locate.strongest import DECIMALS, active_by_value, require_per, strongest, too_few
from valuescope.locate.vape import require_shares
from valuescope.models import NeuronModel


def specificity(
    model: NeuronModel, evidence: Evidence, *, seed: int = 0, rate: float = 0.015, per: str = "value"
) -> Location:
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
    require_per("specificity", per)
    active, tokens = active_by_value("specificity", evidence)
    rates = active / tokens[:, None, None]
    signed = (rates - (rates.sum(dim=0) - rates) / (len(rates) - 1)).round(decimals=DECIMALS)
    count = round(rate * model.neurons)
    selected = strongest(signed, signed > 0, count, per)
    profile = firing_profile(rates, selected.any(dim=0))
    return Location(
        method="specificity",
        site="gate",
        values=evidence.values,
        scores=signed.clamp(min=0),
        signed=signed,
        signs=torch.where(signed < 0, -1, 1),
        selected=selected,
        parameters={"rate": rate, "per": per},
        model=model.identity,
        data_hash=evidence.data_hash,
        seed=seed,
        diagnostics={
            "kept": profile.kept,
            "least": float(signed[selected].min()) if profile.kept else None,
            "tokens": tokens.long().tolist(),
            "firing_profile": profile.to_dict(),
        },
        warnings=empty_warnings(
            evidence.values,
            selected,
            too_few(rate, count, len(rates))
            if per == "value" and count < len(rates)
            else "others fire more specifically than any does on its texts",
        ),
    )
