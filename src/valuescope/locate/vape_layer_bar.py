"""VAPE with a bar for each layer, since layers differ in how often their gates are open."""

from __future__ import annotations

from valuescope.locate.evidence import Evidence
from valuescope.locate.location import Location
from valuescope.locate.vape import lowest_entropy
from valuescope.models import NeuronModel


def vape_layer_bar(
    model: NeuronModel, evidence: Evidence, *, seed: int = 0, rate: float = 0.015, bar: float = 0.95
) -> Location:
    """The rule of `vape`, but tau is taken of each layer's rates alone. Beyond the paper.

    One bar for the model admits the layers that fire most, whatever they fire for; this one admits the same
    share of every layer's rates. The neurons above their layer's bar then compete across the whole model:
    round(rate * neurons) of lowest entropy are kept (ties: lower layer, then lower index), each for every
    value whose rate is above the bar of the layer. All else, the warning included, as in `vape`;
    `diagnostics["bar_rate"]` holds a bar per layer.
    """
    return lowest_entropy("vape-layer-bar", model, evidence, seed=seed, rate=rate, bar=bar, per_layer=True)
