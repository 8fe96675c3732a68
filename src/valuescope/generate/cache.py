"""Key-value caches of left-padded rows: put together, and taken apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers.cache_utils import DynamicCache, DynamicLayer


def is_joinable(cache: Any) -> bool:
    """Whether rows can join and leave: every layer keeps plain keys and values [rows, heads, tokens, width].

    Sliding windows, linear attention and state-space layers keep something else; batches of such models run from
    beginning to end as they were formed.
    """
    return type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers)


def join_caches(first: Any, second: Any) -> None:
    """Put the rows of `second` behind those of `first`; the shorter one is padded on the left."""
    for own, other in zip(first.layers, second.layers, strict=True):
        own.keys = join_left_padded(own.keys, other.keys, dim=-2)
        own.values = join_left_padded(own.values, other.values, dim=-2)


def keep_rows(cache: Any, rows: Tensor, drop: int) -> None:
    """Keep these rows, and forget the first `drop` tokens (padding in all of them)."""
    for layer in cache.layers:
        layer.keys = layer.keys[rows, :, drop:]
        layer.values = layer.values[rows, :, drop:]


def join_left_padded(first: Tensor, second: Tensor, *, dim: int = -1, value: float = 0) -> Tensor:
    """Rows of both; the one that is shorter along `dim` gets `value` in front."""
    length = max(first.shape[dim], second.shape[dim])
    behind = [0, 0] * (-dim - 1)
    both = [pad(one, [*behind, length - one.shape[dim], 0], value=value) for one in (first, second)]
    return torch.cat(both)
