"""VAPE: neurons that fire for few values (ValueExploration, section 2.3; LAPE's released rule)."""

from __future__ import annotations

import math

import torch

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Location, empty_warnings
from valuescope.models import NeuronModel


def vape(
    model: NeuronModel, evidence: Evidence, *, seed: int = 0, rate: float = 0.015, bar: float = 0.95
) -> Location:
    """Lowest entropy of the activation rate over values, among neurons that fire often for one of them.

    p_v = share of value v's tokens with a > 0 (ValueExploration eq. 2), H = -sum_v q_v ln q_v with q = p /
    sum p (eq. 3). tau is the number at rank round(bar * N) of all N rates. Neurons without any p_v > tau
    are out; of the rest the round(rate * neurons) of lowest H are kept (ties: lower layer, then lower
    index), each for every value with p_v > tau. A neuron that never fires is out.

    `rate`: kept share of all neurons (the paper: 0.015 for English, 0.02 for Chinese). `bar`: 0.95 as
    released; 0.5 is the median, for models whose gates are dense. Score: ln V - H nats where p_v > tau,
    else 0. Signs: +1.
    """
    if len(evidence.values) < 2:
        raise LocateError("vape compares values: give at least two")
    for name, number in (("rate", rate), ("bar", bar)):
        if not 0 < number < 1:
            raise LocateError(f"vape: {name} is {number}; it must lie between 0 and 1")
    rates = evidence.activations.counters.gate_rate(evidence.positive_labels())
    rank = max(1, round(bar * rates.numel()))
    tau = float(rates.flatten().kthvalue(rank).values)
    above = rates > tau
    shares = rates / rates.sum(dim=0)
    entropy = torch.special.entr(shares).sum(dim=0)
    entropy[~above.any(dim=0)] = math.inf
    order = entropy.flatten().argsort(stable=True)[: round(rate * entropy.numel())]
    kept = torch.zeros(entropy.numel(), dtype=torch.bool)
    kept[order] = True
    kept = kept.view_as(entropy) & torch.isfinite(entropy)
    margin = (math.log(len(evidence.values)) - entropy).clamp(min=0)
    scores = torch.where(above, margin, 0.0)
    selected = kept & above
    return Location(
        method="vape",
        site="gate",
        values=evidence.values,
        scores=scores,
        signed=scores,
        signs=torch.ones_like(selected, dtype=torch.int8),
        selected=selected,
        parameters={"rate": rate, "bar": bar},
        model=model.identity,
        data_hash=evidence.data_hash,
        seed=seed,
        diagnostics={
            "bar_rate": tau,
            "eligible": int(above.any(dim=0).sum()),
            "kept": int(kept.sum()),
            "tokens": evidence.activations.counters.tokens[
                evidence.activations.counters.rows(evidence.positive_labels())
            ].tolist(),
        },
        warnings=empty_warnings(
            evidence.values, selected, f"none of the kept ones fires above the bar, {tau:.4f}, on its texts"
        ),
    )
