"""From next-token logits and one uniform number per row, which belongs to the row and not to its batch, to the next token."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_AHEAD = 64  # random numbers that a row makes at once


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


@dataclass(frozen=True, eq=False)
class RowSampling:
    """The settings of the rows of a batch, as tensors: `temperature` and `top_p` are [rows, 1]."""

    temperature: Tensor
    top_p: Tensor
    greedy: bool
    whole: bool

    @classmethod
    def of(cls, rows: Sequence[Sampling], device: torch.device) -> RowSampling:
        """`greedy`: no row draws. `whole`: no row leaves tokens out."""
        work = working_type(device)
        return cls(
            torch.tensor([[row.temperature] for row in rows], dtype=work, device=device),
            torch.tensor([[row.top_p] for row in rows], dtype=work, device=device),
            greedy=all(row.temperature == 0 for row in rows),
            whole=all(row.top_p == 1 for row in rows),
        )


def working_type(device: torch.device) -> torch.dtype:
    """float64 where there is one: float32 sums over a large vocabulary would move the borders between tokens by more
    than rare tokens are wide."""
    return torch.float32 if device.type == "mps" else torch.float64


def choose(logits: Tensor, noise: Tensor, sampling: Sampling | RowSampling) -> Tensor:
    """The next token of each row, int64 [rows], from logits [rows, vocabulary] and noise in [0, 1) [rows].

    Inverse CDF over the vocabulary in id order, so that one number decides a row and similar distributions
    give similar choices under the same number. Temperature 0 takes the largest logit.
    """
    if isinstance(sampling, Sampling):
        sampling = RowSampling.of([sampling], logits.device)
    # Parts of a model on several devices: the logits are where the last part is.
    best = logits.argmax(dim=-1).to(sampling.temperature.device)
    if sampling.greedy:
        return best
    cold = sampling.temperature == 0
    scaled = logits.to(sampling.temperature)
    # The largest is 0 before the division: the smallest temperature there is leaves it, and makes the rest -inf.
    scaled = (scaled - scaled.amax(dim=-1, keepdim=True)) / sampling.temperature.masked_fill(cold, 1)
    mass = scaled.softmax(dim=-1)
    if not sampling.whole:
        mass = nucleus(mass, sampling.top_p)
    cumulative = mass.cumsum(dim=-1)
    total = cumulative[:, -1:].contiguous()
    target = noise.to(cumulative).unsqueeze(-1) * total
    token = torch.searchsorted(cumulative, target, right=True)
    # Rounding may lift the target to the total itself: stay on the last token that has any mass.
    last = torch.searchsorted(cumulative, total)
    return torch.where(cold.squeeze(-1), best, torch.minimum(token, last).squeeze(-1))


def nucleus(mass: Tensor, top_p: float | Tensor) -> Tensor:
    """`mass` [rows, vocabulary] with 0 outside the fewest most likely tokens that hold `top_p` ([rows, 1]) of it."""
    ordered, order = mass.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    # Rounding may leave a row short of 1 before its last tokens: top_p 1 keeps them all the same.
    outside = (before >= top_p) & (torch.as_tensor(top_p, device=mass.device) < 1)
    outside[..., 0] = False  # also under a top_p that this number type rounds to 0
    return torch.zeros_like(mass).scatter(-1, order, ordered.masked_fill(outside, 0))


def row_noise(seed: int, key: str, steps: int) -> Tensor:
    """Uniform numbers in [0, 1) for the steps of one row, float64 [steps].

    Number t depends on (seed, key, t) alone: not on `steps`, the other rows, the order or the device. Runs
    that share seed and key share their noise, so base and edited answers are paired. (Philox counter-based
    generator, keyed by the first 16 bytes of sha256.)
    """
    return torch.from_numpy(_uniform(_philox(seed, key), steps))


class RowNoise:
    """The numbers of `row_noise`, made as far as they are asked for."""

    def __init__(self, seed: int, key: str) -> None:
        self._seed, self._key = seed, key
        self._source: np.random.Philox | None = None
        self._numbers: list[float] = []

    def __getitem__(self, step: int) -> float:
        while step >= len(self._numbers):
            if self._source is None:
                self._source = _philox(self._seed, self._key)
            self._numbers += _uniform(self._source, _AHEAD).tolist()
        return self._numbers[step]


def _philox(seed: int, key: str) -> np.random.Philox:
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return np.random.Philox(key=int.from_bytes(digest[:16], "little"))


def _uniform(source: np.random.Philox, count: int) -> NDArray[np.floating[Any]]:
    return (source.random_raw(count) >> np.uint64(11)) * 2.0**-53
