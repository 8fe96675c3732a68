"""How large a model is, and whether its weights are here, without loading any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import try_to_load_from_cache
from transformers import AutoConfig, AutoTokenizer
from transformers.utils import (
    SAFE_WEIGHTS_INDEX_NAME,
    SAFE_WEIGHTS_NAME,
    WEIGHTS_INDEX_NAME,
    WEIGHTS_NAME,
)

from valuescope.lab.model_spec import ModelSpec
from valuescope.models import default_device
from valuescope.models.checkpoint import auto_class, find_checkpoint
from valuescope.models.gguf import local_gguf, read_config
from valuescope.models.load import settled_dtype

WEIGHTS = (SAFE_WEIGHTS_NAME, SAFE_WEIGHTS_INDEX_NAME, WEIGHTS_NAME, WEIGHTS_INDEX_NAME)


@dataclass(frozen=True)
class ModelSize:
    """Numbers of a model as a specification would load it. `cache_bytes`: of one token's keys and values."""

    parameters: int
    layers: int
    hidden: int
    width: int
    vocabulary: int
    cache_bytes: int
    dtype: torch.dtype
    device: str
    tokenizer: Any

    @property
    def model_bytes(self) -> int:
        """The weights."""
        return self.parameters * self.dtype.itemsize

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in self.tokenizer(list(texts))["input_ids"]] if texts else []

    def counter_bytes(self, labels: int) -> int:
        """Five numbers per label and neuron."""
        return 5 * 8 * labels * self.layers * self.width

    def reading_bytes(self, batch_size: int, longest: int) -> int:
        """What a forward pass without logits holds at once, about."""
        return batch_size * longest * max(3 * self.width, 4 * self.hidden) * self.dtype.itemsize


def model_size(spec: ModelSpec) -> ModelSize:
    """Read config and tokenizer, and count parameters on an empty copy of the model."""
    source, gguf = find_checkpoint(spec.id)
    if gguf:
        config, tokenizer = read_config(local_gguf(source, gguf, spec.revision))
        config.dtype = torch.float32  # what "auto" unpacks it to
    else:
        where = {"revision": spec.revision, "trust_remote_code": spec.trust_remote_code}
        config = AutoConfig.from_pretrained(source, **where)
        tokenizer = AutoTokenizer.from_pretrained(source, **where)
    with torch.device("meta"):
        empty = auto_class(config).from_config(config, trust_remote_code=spec.trust_remote_code)
    text_config, dtype = config.get_text_config(), _dtype(spec, config)
    layers, hidden = text_config.num_hidden_layers, text_config.hidden_size
    heads = getattr(text_config, "num_key_value_heads", None) or text_config.num_attention_heads
    head = getattr(text_config, "head_dim", None) or hidden // text_config.num_attention_heads
    return ModelSize(
        parameters=sum(parameter.numel() for parameter in empty.parameters()),
        layers=layers,
        hidden=hidden,
        width=(
            getattr(text_config, "intermediate_size", None)
            or getattr(text_config, "n_inner", None)
            or 4 * hidden
        ),
        vocabulary=text_config.vocab_size,
        cache_bytes=2 * layers * heads * head * dtype.itemsize,
        dtype=dtype,
        device=str(spec.device or default_device()),
        tokenizer=tokenizer,
    )


def weights_are_here(spec: ModelSpec) -> bool:
    """Whether the weights lie on this machine, in a folder, a GGUF file or the hub's cache; nothing is downloaded."""
    source, gguf = find_checkpoint(spec.id)
    names = [gguf] if gguf else WEIGHTS
    folder = Path(source)
    if folder.is_dir():
        return any((folder / name).is_file() for name in names)
    return any(
        isinstance(try_to_load_from_cache(source, name, revision=spec.revision), str) for name in names
    )


def _dtype(spec: ModelSpec, config: Any) -> torch.dtype:
    if spec.dtype != "auto":
        named: torch.dtype = getattr(torch, spec.dtype)
        return named
    settled = settled_dtype(config.dtype, spec.device, spec.id)
    return settled if isinstance(settled, torch.dtype) else torch.float32
