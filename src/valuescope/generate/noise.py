"""Random numbers that belong to a row, not to a batch."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor


def row_noise(seed: int, key: str, steps: int) -> Tensor:
    """Uniform numbers in [0, 1) for the steps of one row, float64 [steps].

    Number t depends on (seed, key, t) alone: not on `steps`, the other rows, the order or the device. Runs
    that share seed and key share their noise, so base and edited answers are paired. (Philox counter-based
    generator, keyed by the first 16 bytes of sha256.)
    """
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    raw = np.random.Philox(key=int.from_bytes(digest[:16], "little")).random_raw(steps)
    return torch.from_numpy((raw >> np.uint64(11)) * 2.0**-53)
