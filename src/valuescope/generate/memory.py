"""How much fits: an estimate before, and what an out-of-memory error looks like after."""

from __future__ import annotations

from pathlib import Path

import torch

from valuescope.models import NeuronModel

_SHARE = 0.8  # of the free memory; the rest is for what the estimate does not see


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        words in said for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


def release_memory() -> None:
    """Give what torch holds in reserve back, so that smaller pieces fit."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def tokens_that_fit(model: NeuronModel) -> int | None:
    """About how many tokens of context the free memory holds, over all rows; None where that is not known."""
    free = _free_bytes(model.device)
    return None if free is None else int(free * _SHARE / bytes_per_token(model))


def bytes_per_token(model: NeuronModel) -> int:
    """Keys and values of one token in all layers (twice: a step writes the grown cache beside the old one)."""
    config = model.model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", 1)
    shared = getattr(config, "num_key_value_heads", None) or heads
    width = getattr(config, "head_dim", None) or model.hidden // heads
    return 2 * 2 * model.layers * shared * width * torch.finfo(model.dtype).bits // 8


def _free_bytes(device: torch.device) -> int | None:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + held
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
