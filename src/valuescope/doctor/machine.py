"""The machine as a model meets it: devices, memory, threads, and how fast each number type is."""

from __future__ import annotations

import math
import os
import platform
import time
from dataclasses import dataclass

import torch

from valuescope.generate.memory import free_bytes
from valuescope.models.load import default_device, keeps_number_type, native_bfloat16

SECONDS = 0.3
"""How long each number type is tried."""
_LARGEST = {"cuda": 8192}


@dataclass(frozen=True)
class Device:
    """Where a model can be put. `free`, `total`: bytes, None where that is not known."""

    name: str
    kind: str
    free: int | None
    total: int | None


@dataclass(frozen=True)
class Speed:
    """The fastest product of two square matrices, in 10^9 operations a second; None where there is none of this type."""

    dtype: str
    gigaflops: float | None


@dataclass(frozen=True)
class Machine:
    """All devices, and what holds of the one that a model is put on where none is named.

    `automatic` is what `dtype: auto` takes there for a checkpoint that was saved in bfloat16; `cores` are those that
    this process may use.
    """

    devices: tuple[Device, ...]
    default: str
    native_bfloat16: bool
    automatic: str
    speeds: tuple[Speed, ...]
    threads: int
    cores: int


def examine_machine() -> Machine:
    """Look at this machine; takes about `SECONDS` for each of two number types."""
    device = default_device()
    native = torch.cuda.is_bf16_supported(False) if device.type == "cuda" else native_bfloat16()
    return Machine(
        devices=devices(),
        default=str(device),
        native_bfloat16=native,
        automatic="bfloat16" if keeps_number_type(device) else "float32",
        speeds=tuple(measure_speed(dtype, device) for dtype in (torch.float32, torch.bfloat16)),
        threads=torch.get_num_threads(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    )


def devices() -> tuple[Device, ...]:
    """The processor, and every GPU that torch was built for and finds."""
    processor = torch.device("cpu")
    present = [Device("cpu", platform.machine(), free_bytes(processor), _memory())]
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        free = free_bytes(torch.device("cuda", number))
        present.append(Device(f"cuda:{number}", about.name, free, about.total_memory))
    if torch.backends.mps.is_available():
        present.append(Device("mps", "taken only with --device mps", None, None))
    return tuple(present)


def measure_speed(dtype: torch.dtype, device: torch.device, seconds: float = SECONDS) -> Speed:
    """Multiply matrices for about `seconds`. The fastest product counts: what else the machine does slows the others."""
    size, largest, name = 64, _LARGEST.get(device.type, 512), str(dtype).removeprefix("torch.")
    end = time.perf_counter() + seconds
    try:
        matrix, fastest = torch.ones(size, size, dtype=dtype, device=device), math.inf
        while time.perf_counter() < end or fastest == math.inf:
            fastest = min(fastest, _product_seconds(matrix))
            if (
                size < largest and fastest < seconds / 64
            ):  # the next takes eight times as long, and is a better guess
                size, fastest = size * 2, math.inf
                matrix = torch.ones(size, size, dtype=dtype, device=device)
    except RuntimeError:  # no memory left, or a device without this type
        return Speed(name, None)
    return Speed(name, 2 * size**3 / fastest / 1e9)


def _product_seconds(matrix: torch.Tensor) -> float:
    began = time.perf_counter()
    product = matrix @ matrix
    if product.is_cuda:
        torch.cuda.synchronize(product.device)
    return time.perf_counter() - began


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on this system
        return None
