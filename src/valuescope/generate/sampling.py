"""From next-token logits and one uniform number per row to the next token."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor


class SamplingError(ValueError):
    """A sampling setting out of its range."""


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn: `temperature` 0 is greedy; `top_p` keeps the fewest tokens with that mass.

    `use_cache=False` recomputes the whole text for every token: slow, for checks.
    """

    max_new_tokens: int = 48
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0
    use_cache: bool = True

    def __post_init__(self) -> None:
        for name, good, rule in (
            ("max_new_tokens", self.max_new_tokens >= 1, "at least 1"),
            ("temperature", 0 <= self.temperature < float("inf"), "finite and at least 0 (0 is greedy)"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
        ):
            if not good:
                raise SamplingError(f"sampling: {name} is {getattr(self, name)!r}, it must be {rule}")

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON."""
        return asdict(self)


def choose(logits: Tensor, noise: Tensor, sampling: Sampling) -> Tensor:
    """The next token of each row, int64 [rows], from logits [rows, vocabulary] and noise in [0, 1) [rows].

    Inverse CDF over the vocabulary in id order, so that one number decides a row and similar distributions
    give similar choices under the same number.
    """
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    # float32 sums over a large vocabulary would move the borders by more than rare tokens are wide.
    work = torch.float32 if logits.device.type == "mps" else torch.float64
    mass = (logits.to(work) / sampling.temperature).softmax(dim=-1)
    if sampling.top_p < 1:
        mass = nucleus(mass, sampling.top_p)
    cumulative = mass.cumsum(dim=-1)
    total = cumulative[:, -1:].contiguous()
    target = noise.to(cumulative).unsqueeze(-1) * total
    token = torch.searchsorted(cumulative, target, right=True)
    # Rounding may lift the target to the total itself: stay on the last token that has any mass.
    last = torch.searchsorted(cumulative, total)
    return torch.minimum(token, last).squeeze(-1)


def nucleus(mass: Tensor, top_p: float) -> Tensor:
    """`mass` [rows, vocabulary] with 0 outside the fewest most likely tokens that hold `top_p` of it."""
    ordered, order = mass.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    return torch.zeros_like(mass).scatter(-1, order, ordered.masked_fill(before >= top_p, 0))
