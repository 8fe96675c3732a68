"""How often neurons fire, how evenly over the values, and which of them a locator keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from valuescope.locate.evidence import LocateError

BINS = 50
"""Bins of every histogram, of equal width: rates over 0..1, entropies over 0..ln V."""

NEARLY_GENERAL = 0.9
"""Share of ln V above which the mean entropy of the kept neurons calls for a warning. exp(H) is the number of values
that a neuron fires for, in effect: with twelve values 0.9 ln 12 stands for 9.4 of them, with two for 1.9."""

# Entropies that are equal on paper (the same rates in another order) differ in their last bits.
_DECIMALS = 12


@dataclass(frozen=True)
class FiringProfile:
    """Distribution of firing rates and entropies over V values, with what a locator makes of it.

    Entropies are natural, of a neuron's rates over the values: 0 = fires for one value, ln V = alike for all.

    `values`, `neurons`: V, and the neurons of the model. `rates` [BINS]: how many of the values x neurons
    rates lie in each bin of 0..1 (a bin holds its lower end, the last one both). `eligible_entropies`,
    `kept_entropies` [BINS]: neurons per bin of 0..ln V. `bars`: the bar that a rate must exceed, one for the
    model or one per layer; empty where the locator has none. `eligible`: neurons above the bar for some
    value; without a bar, those that fire at all. `never_firing`: neurons without any firing, which have no
    entropy. `kept_per_layer` [layers], `kept`: neurons selected for some value. `maximum_entropy`: ln V.
    `mean_eligible_entropy`, `mean_kept_entropy`: None where there are none.
    """

    values: int
    neurons: int
    rates: tuple[int, ...]
    eligible_entropies: tuple[int, ...]
    kept_entropies: tuple[int, ...]
    bars: tuple[float, ...]
    eligible: int
    never_firing: int
    kept: int
    kept_per_layer: tuple[int, ...]
    maximum_entropy: float
    mean_eligible_entropy: float | None
    mean_kept_entropy: float | None

    @property
    def eligible_share(self) -> float:
        """Eligible neurons as a share of all."""
        return self.eligible / self.neurons

    @property
    def nearly_general(self) -> bool:
        """Whether the kept neurons fire for nearly all values alike (see NEARLY_GENERAL)."""
        mean = self.mean_kept_entropy
        return mean is not None and mean > NEARLY_GENERAL * self.maximum_entropy

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content, `eligible_share` and `nearly_general` included."""
        return {
            **{name: list(part) if isinstance(part, tuple) else part for name, part in asdict(self).items()},
            "eligible_share": self.eligible_share,
            "nearly_general": self.nearly_general,
        }


def firing_profile(rates: Tensor, kept: Tensor, bar: float | Sequence[float] | None = None) -> FiringProfile:
    """The profile of firing rates [V, layers, width] and of the neurons that are kept, bool [layers, width].

    `bar`: what a rate must exceed, for the model or for each layer; None where there is none. Rates come
    from `Counters.gate_rate`, and kept neurons from `Location.selected.any(dim=0)`.
    """
    values, layers, _ = rates.shape
    bars = () if bar is None else (bar,) if isinstance(bar, float) else tuple(bar)
    if values < 2:
        raise LocateError(f"firing profile: {values} values; entropies over values need at least two")
    if len(bars) not in (0, 1, layers):
        raise LocateError(f"firing profile: {len(bars)} bars; give one, or one for each of {layers} layers")
    limit = torch.tensor(bars or (0.0,), dtype=rates.dtype)[None, :, None]
    fires = (rates > 0).any(dim=0)
    eligible, kept = (rates > limit).any(dim=0), kept & fires
    entropy, most = rate_entropy(rates), math.log(values)
    return FiringProfile(
        values=values,
        neurons=fires.numel(),
        rates=_histogram(rates.flatten()),
        eligible_entropies=_histogram(entropy[eligible] / most),
        kept_entropies=_histogram(entropy[kept] / most),
        bars=bars,
        eligible=int(eligible.sum()),
        never_firing=int((~fires).sum()),
        kept=int(kept.sum()),
        kept_per_layer=tuple(kept.sum(dim=1).tolist()),
        maximum_entropy=most,
        mean_eligible_entropy=_mean(entropy[eligible]),
        mean_kept_entropy=_mean(entropy[kept]),
    )


def rate_entropy(rates: Tensor) -> Tensor:
    """Entropy in nats of each neuron's rates over the values: [V, layers, width] -> [layers, width].

    NaN where a neuron never fires. Rounded, so that equal rates in any order of the values tie.
    """
    entropy: Tensor = torch.special.entr(rates / rates.sum(dim=0)).sum(dim=0)
    return entropy.round(decimals=_DECIMALS)


def _histogram(shares: Tensor) -> tuple[int, ...]:
    """Counts in BINS equal bins of 0..1."""
    places = (shares * BINS).long().clamp(0, BINS - 1)
    return tuple(places.bincount(minlength=BINS).tolist())


def _mean(numbers: Tensor) -> float | None:
    return float(numbers.mean()) if len(numbers) else None
