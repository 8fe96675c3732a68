"""Key-value caches of left-padded rows: put together, and taken apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from valuescope.models import NeuronModel


def is_joinable(model: NeuronModel, cache: Any) -> bool:
    """Whether rows can join and leave: every layer keeps keys and values [rows, heads, tokens, width] whose last
    token is the newest, of the whole text or of a window of it.

    Linear attention and state-space layers keep something else, and chunked attention looks at where in the batch a
    token stands; batches of such models run from beginning to end as they were formed.
    """
    kinds = getattr(model.model.config.get_text_config(), "layer_types", None) or ()
    return (
        type(cache) is DynamicCache
        and all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers)
        and set(kinds) <= {"full_attention", "sliding_attention"}
    )


def join_caches(first: Any, second: Any) -> None:
    """Put the rows of `second` behind those of `first`; the shorter one is padded on the left."""
    for own, other in zip(first.layers, second.layers, strict=True):
        if not own.is_initialized:  # a layer that reads another one's keys and values
            continue
        own.keys = join_left_padded(own.keys, other.keys, dim=-2)
        own.values = join_left_padded(own.values, other.values, dim=-2)
        if own.is_sliding:
            own.cumulative_length = max(own.cumulative_length, other.cumulative_length)


def keep_rows(cache: Any, rows: Tensor, drop: int) -> None:
    """Keep these rows, and forget the first `drop` tokens (padding in all of them)."""
    for layer in cache.layers:
        if not layer.is_initialized:
            continue
        length = layer.get_seq_length() - drop
        # A window may have forgotten some of them already.
        begin = max(0, layer.keys.shape[-2] - length)
        index = rows.to(layer.keys.device)
        layer.keys = layer.keys[:, :, begin:].index_select(0, index)
        layer.values = layer.values[:, :, begin:].index_select(0, index)
        if layer.is_sliding:
            layer.cumulative_length = length


def join_left_padded(first: Tensor, second: Tensor, *, dim: int = -1, value: float = 0) -> Tensor:
    """Rows of both; the one that is shorter along `dim` gets `value` in front."""
    length = max(first.shape[dim], second.shape[dim])
    behind = [0, 0] * (-dim - 1)
    both = [pad(one, [*behind, length - one.shape[dim], 0], value=value) for one in (first, second)]
    return torch.cat(both)
