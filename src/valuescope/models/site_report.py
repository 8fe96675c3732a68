"""What the load-time proof of the neuron sites measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerProof:
    """One layer's proof, on the neuron with the largest |m| over the proof tokens.

    `effect`: largest change of the layer's output when the neuron is zeroed at the product; `gate_error` and
    `product_error`: largest difference of that output between zeroing its value vector in the weights and
    zeroing it at the gate or at the product (0.0 where the arithmetic is exact).
    """

    layer: int
    neuron: int
    effect: float
    gate_error: float
    product_error: float


@dataclass(frozen=True)
class SiteReport:
    """The proof of all layers, and of the logits when one neuron of every layer is zeroed at once."""

    layers: tuple[LayerProof, ...]
    logit_effect: float
    logit_error: float
