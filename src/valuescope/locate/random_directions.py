"""Random directions of the residual stream: what any push of so many units does, wherever it points."""

from __future__ import annotations

import torch
from torch import Tensor

from valuescope.locate.layer_tensors import LayerTensors
from valuescope.locate.seeds import generator


def random_directions(like: LayerTensors, *, seed: int, draw: int) -> Tensor:
    """A unit vector for each layer of `like`, float32 [n, hidden], drawn uniformly from all directions."""
    drawn = [
        torch.randn(like.hidden, generator=generator("random-direction", seed, draw, like.value, layer))
        for layer in like.layers.tolist()
    ]
    return torch.nn.functional.normalize(torch.stack(drawn), dim=1) if drawn else torch.zeros(0, like.hidden)
