"""How much memory this process has taken at most."""

from __future__ import annotations

import resource
import sys

import torch


def peak_memory() -> int:
    """The largest memory of the process so far in bytes: of the GPU where there is one, else resident."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
