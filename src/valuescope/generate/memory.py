"""How much fits: an estimate before, and what an out-of-memory error looks like after."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch

from valuescope.models import NeuronModel

_SHARE = 0.8  # of the free memory; the rest is for what the estimate does not see
_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
_CONTAINERS = (  # allowed bytes, used bytes, and what of the used ones can be had back at once
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in message for words in _MESSAGES)


def release_memory(error: BaseException | None = None) -> None:
    """Let go of what the frames of an error hold, and of what torch holds in reserve, so that smaller pieces fit."""
    if error is not None:
        traceback.clear_frames(error.__traceback__)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def tokens_that_fit(model: NeuronModel) -> int | None:
    """About how many tokens of context the free memory holds, over all rows; None where that is not known."""
    free = free_bytes(model.device)
    return None if free is None else int(free * _SHARE / bytes_per_token(model))


def bytes_per_token(model: NeuronModel) -> int:
    """Keys and values of one token in all layers (twice: a step writes the grown cache beside the old one)."""
    config = model.model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", 1)
    shared = getattr(config, "num_key_value_heads", None) or heads
    width = getattr(config, "head_dim", None) or model.hidden // heads
    # Not the type of the weights, which may be quantised.
    number: torch.dtype = model.model.dtype
    return int(2 * 2 * model.layers * shared * width * number.itemsize)


def free_bytes(device: torch.device) -> int | None:
    """What the device has left; None where that is not known."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + held
    limits = (_available(), *(_left_in_container(*names) for names in _CONTAINERS))
    return min((limit for limit in limits if limit is not None), default=None)


def _available() -> int | None:
    """What the machine has left."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _left_in_container(folder: str, allowed: str, used: str, cached: str) -> int | None:
    """What a container has left; None where it has no limit."""
    try:
        stat = dict(line.split() for line in Path(folder, "memory.stat").read_text().splitlines())
        taken = int(Path(folder, used).read_text()) - int(stat.get(cached, 0))
        return max(0, int(Path(folder, allowed).read_text()) - taken)
    except (OSError, ValueError):
        return None
