"""Checks of a locator's parameters, and random numbers that depend on its seed and on names only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

from valuescope.locate.evidence import LocateError


def generator(*parts: object) -> torch.Generator:
    """A CPU generator seeded by a seed and the names of what it is for, never by order, batch or device."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8")).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def require_shares(method: str, **numbers: float) -> None:
    """LocateError unless every number lies between 0 and 1."""
    for name, number in numbers.items():
        if not 0 < number < 1:
            raise LocateError(f"{method}: {name} is {number}; it must lie between 0 and 1")


def require_choice(name: str, choice: str, known: Sequence[str]) -> None:
    """LocateError unless `choice` is one of the known ones."""
    if choice not in known:
        raise LocateError(f"{name} is {choice!r}; it is one of {', '.join(known)}")


def band_of(method: str, count: int, layers: Sequence[int] | None, margin: int = 0) -> tuple[int, int]:
    """First and last layer, counted from 0 and both included; None: all of `count` layers but the last `margin`.

    LocateError names what `method` got instead.
    """
    if not 0 <= margin < count:
        raise LocateError(f"{method}: margin is {margin}; leave out between 0 and {count - 1} layers")
    if margin and layers is not None:
        raise LocateError(
            f"{method}: layers is {layers} and margin {margin}; give the band itself or a margin from the last layer"
        )
    band = (0, count - 1 - margin) if layers is None else tuple(layers)
    if len(band) != 2 or not 0 <= band[0] <= band[1] < count:
        raise LocateError(
            f"{method}: layers is {layers}; give the first and last layer, from 0 to {count - 1}"
        )
    return band[0], band[1]
