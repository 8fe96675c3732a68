"""VAPE: neurons that fire for few values (ValueExploration, section 2.3; LAPE's released rule)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.firing_profile import firing_profile, rate_entropy
from valuescope.locate.location import Located, largest
from valuescope.locate.parameters import require_shares
from valuescope.models import NeuronModel
from valuescope.ranges import PartialShare

ALTERNATIVES = ("vape-layer-bar", "specificity", "two-proportion")
"""What to compare where the rule keeps neurons that fire for all values alike."""


def vape(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    rate: PartialShare = 0.015,
    bar: PartialShare = 0.95,
) -> Located:
    """Lowest entropy of the activation rate over values, among neurons that fire often for one of them.

    p_v = share of value v's tokens with a > 0 (ValueExploration eq. 2), H = -sum_v q_v ln q_v with q = p /
    sum p (eq. 3). tau is the number at rank round(bar * N) of all N rates. Neurons without any p_v > tau
    are out; of the rest the round(rate * neurons) of lowest H are kept (ties: lower layer, then lower
    index), each for every value with p_v > tau. A neuron that never fires is out.

    `rate`: kept share of all neurons (the paper: 0.015 for English, 0.02 for Chinese). `bar`: 0.95 as
    released; 0.5 is the median, for models whose gates are dense. Score: ln V - H nats where p_v > tau,
    else 0. Signs: +1.

    Where gates are dense, as in SwiGLU models, the neurons above the bar may fire for all values alike. A
    warning says so where the mean H of the kept ones exceeds 0.9 ln V; `diagnostics["firing_profile"]` shows
    the distributions (see FiringProfile).
    """
    return _lowest_entropy("vape", evidence, rate, bar, per_layer=False)


def vape_layer_bar(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    rate: PartialShare = 0.015,
    bar: PartialShare = 0.95,
) -> Located:
    """The rule of `vape`, but tau is taken of each layer's rates alone. Beyond the paper.

    One bar for the model admits the layers that fire most, whatever they fire for; this one admits the same
    share of every layer's rates. The neurons above their layer's bar then compete across the whole model:
    round(rate * neurons) of lowest entropy are kept (ties: lower layer, then lower index), each for every
    value whose rate is above the bar of the layer. All else, the warning included, as in `vape`;
    `diagnostics["bar_rate"]` holds a bar per layer.
    """
    return _lowest_entropy("vape-layer-bar", evidence, rate, bar, per_layer=True)


def _lowest_entropy(method: str, evidence: Evidence, rate: float, bar: float, *, per_layer: bool) -> Located:
    """The rule of `vape`, with one bar for the whole model or one per layer."""
    if len(evidence.values) < 2:
        raise LocateError(f"{method} compares values: give at least two")
    require_shares(method, rate=rate, bar=bar)
    counters, labels = evidence.activations.counters, evidence.positive_labels()
    rates = counters.gate_rate(labels)
    taus = _bars(rates, bar, per_layer)
    above = rates > taus[:, None]
    entropy = rate_entropy(rates)
    entropy[~above.any(dim=0)] = math.inf
    kept = largest(-entropy.flatten(), round(rate * entropy.numel())).view_as(entropy) & entropy.isfinite()
    margin = (math.log(len(evidence.values)) - entropy).clamp(min=0)
    scores = torch.where(above, margin, 0.0)
    profile = firing_profile(rates, kept, taus.tolist())
    bars = "the bar of its layer" if per_layer else f"the bar, {taus[0]:.4f},"
    reason = f"none of the kept ones fires above {bars} on its texts"
    if not profile.eligible:
        reason = f"no rate of any neuron exceeds {bars.rstrip(',')}"
    warnings = []
    if profile.nearly_general:
        others = ", ".join(name for name in ALTERNATIVES if name != method)
        warnings.append(
            f"kept neurons are nearly general (mean entropy {profile.mean_kept_entropy:.2f} of at most "
            f"{profile.maximum_entropy:.2f}): they fire for all values alike; compare {others}"
        )
    return Located(
        site="gate",
        signed=scores,
        scores=scores,
        selected=kept & above,
        diagnostics={
            "bar_rate": taus.tolist() if per_layer else float(taus[0]),
            "eligible": profile.eligible,
            "kept": profile.kept,
            "tokens": counters.tokens[counters.rows(labels)].tolist(),
            "firing_profile": profile.to_dict(),
        },
        empty=reason,
        warnings=warnings,
    )


def _bars(rates: Tensor, bar: float, per_layer: bool) -> Tensor:
    """The number at rank round(bar * N) of all rates [1], or of each layer's [layers]."""
    groups = rates.transpose(0, 1).flatten(1) if per_layer else rates.reshape(1, -1)
    return groups.kthvalue(max(1, round(bar * groups.shape[1])), dim=1).values
