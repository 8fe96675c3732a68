"""Threads for what would hold up the event loop: tokenising, and replies of many megabytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def make_pool() -> ThreadPoolExecutor:
    """A few threads: enough that a long prompt does not stand in the way of a short one."""
    return ThreadPoolExecutor(4, thread_name_prefix="valuescope-serve")


async def in_pool(pool: Executor, call: Callable[[], T]) -> T:
    """What `call` returns or raises."""
    return await asyncio.get_running_loop().run_in_executor(pool, call)
