"""Random numbers that belong to a row, not to a batch."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_AHEAD = 64


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
