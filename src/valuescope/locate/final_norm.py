"""A normalisation layer as numbers, so that it can be applied to many sums of vectors by dot products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from valuescope.locate.evidence import LocateError

_TOLERANCE = 1e-3
_EPSILON_NAMES = ("variance_epsilon", "eps", "epsilon")


@dataclass(frozen=True, eq=False)
class Normalisation:
    """y = gain * c(x) * rsqrt(mean(c(x)^2) + epsilon) + bias, c(x) = x - mean(x) where `centred`, else x.

    `gain` and `bias` are float32 [hidden].
    """

    gain: Tensor
    bias: Tensor
    epsilon: float
    centred: bool

    def centre(self, x: Tensor) -> Tensor:
        """c(x) of the last dimension."""
        return x - x.mean(dim=-1, keepdim=True) if self.centred else x

    def scale(self, x: Tensor) -> Tensor:
        """rsqrt(mean(c(x)^2) + epsilon) of the last dimension, float32 [...]."""
        return (self.centre(x.float()).square().mean(dim=-1) + self.epsilon).rsqrt()

    def __call__(self, x: Tensor) -> Tensor:
        """The layer applied to x [..., hidden], in float32."""
        return self.gain * self.centre(x.float()) * self.scale(x)[..., None] + self.bias


@torch.no_grad()
def read_normalisation(module: nn.Module, hidden: int, name: str) -> Normalisation:
    """LayerNorm, or an RMSNorm of any family, whatever its gain is called and whether 1 is added to it.

    The gain is read off what the module does, and the outcome checked on random numbers: LocateError names a
    module that is neither.
    """
    if isinstance(module, nn.LayerNorm):
        device = next(module.parameters()).device if module.elementwise_affine else torch.device("cpu")
        ones = torch.ones(hidden, device=device)
        weight = ones if module.weight is None else module.weight.detach().float()
        bias = torch.zeros_like(ones) if module.bias is None else module.bias.detach().float()
        return Normalisation(weight, bias, float(module.eps), centred=True)
    holder: Any = module
    epsilon = next((getattr(holder, one) for one in _EPSILON_NAMES if hasattr(holder, one)), None)
    parameter = next(module.parameters(), None)
    if not isinstance(epsilon, float) or parameter is None:
        raise LocateError(f"{name} is a {type(module).__name__}, neither a LayerNorm nor an RMSNorm")
    ones = torch.ones(hidden, device=parameter.device)
    gain = module(ones).float() * (1 + epsilon) ** 0.5
    found = Normalisation(gain, torch.zeros_like(ones), epsilon, centred=False)
    x = torch.randn(4, hidden, generator=torch.Generator().manual_seed(0)).to(ones.device)
    if not torch.allclose(module(x).float(), found(x), rtol=_TOLERANCE, atol=_TOLERANCE):
        raise LocateError(f"{name} is a {type(module).__name__}, which does not normalise as an RMSNorm does")
    return found
