"""Honest clients of the load test: what they ask, and what they saw."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import openai
from serve_offences import OFFENCES
from serve_tasks import Task


@dataclass
class Tally:
    """What the clients of one phase saw. Times are of requests that were answered right."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    first_pieces: list[float] = field(default_factory=list)
    tokens: int = 0
    wrong: list[dict[str, Any]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    offences: dict[str, Counter[str]] = field(default_factory=dict)
    ended: list[tuple[float, float, str]] = field(
        default_factory=list
    )  # begin, end and outcome of each request

    def to_dict(self) -> dict[str, Any]:
        """The numbers."""
        return {
            "seconds": round(self.seconds, 2),
            "right": len(self.latencies),
            "wrong": len(self.wrong),
            "errors": dict(self.errors),
            "requests_per_second": round(len(self.latencies) / self.seconds, 2),
            "tokens_per_second": round(self.tokens / self.seconds, 1),
            "p50": _quantile(self.latencies, 50),
            "p99": _quantile(self.latencies, 99),
            "first_piece_p50": _quantile(self.first_pieces, 50),
            "first_piece_p99": _quantile(self.first_pieces, 99),
            "offences": {name: dict(seen) for name, seen in self.offences.items()},
            "offences_unexpected": sum(
                number
                for name, seen in self.offences.items()
                for outcome, number in seen.items()
                if outcome not in OFFENCES[name][1]
            ),
            "examples_of_wrong": self.wrong[:5],
        }


async def ask(client: openai.AsyncOpenAI, task: Task, tally: Tally) -> None:
    """One request, compared with its reference."""
    begin = time.perf_counter()
    asked: dict[str, Any] = {
        "model": task.model,
        "messages": [{"role": "user", "content": task.question}],
        "temperature": task.temperature,
        "top_p": 0.95,
        "seed": task.seed,
        "max_tokens": task.max_tokens,
    }
    if task.strength is not None:
        asked["extra_body"] = {"strength": task.strength}
    try:
        if task.stream:
            text, reason, tokens = "", "", 0
            first = None
            stream = await client.chat.completions.create(
                **asked, stream=True, stream_options={"include_usage": True}
            )
            async for chunk in stream:
                for choice in chunk.choices:
                    first = first or time.perf_counter()
                    text += choice.delta.content or ""
                    reason = choice.finish_reason or reason
                tokens = chunk.usage.completion_tokens if chunk.usage else tokens
            tally.first_pieces.append((first or time.perf_counter()) - begin)
        else:
            reply = await client.chat.completions.create(**asked)
            text, reason = reply.choices[0].message.content or "", reply.choices[0].finish_reason
            tokens = reply.usage.completion_tokens if reply.usage else 0
    except openai.APIError as error:
        outcome = f"{type(error).__name__} {getattr(error, 'status_code', '')}".strip()
        tally.errors[outcome] += 1
        tally.ended.append((begin, time.perf_counter(), outcome))
        return
    end = time.perf_counter()
    right = (text, reason) == task.expected
    tally.ended.append((begin, end, "right" if right else "wrong"))
    if not right:
        tally.wrong.append({"task": str(task), "answer": text, "finish_reason": reason})
        return
    tally.latencies.append(end - begin)
    tally.tokens += tokens


async def run_clients(
    port: int,
    tasks: list[Task],
    *,
    clients: int,
    offenders: int,
    seconds: float,
    stop: asyncio.Event | None = None,
) -> Tally:
    """Let the clients ask one request after the other for some seconds, or until `stop`."""
    tally, over = Tally(), stop or asyncio.Event()
    order = list(tasks)
    random.Random(0).shuffle(order)
    following = itertools.cycle(order)

    async def honest(client: openai.AsyncOpenAI) -> None:
        while not over.is_set():
            await ask(client, next(following), tally)
            if stop is not None and tally.ended[-1][2] != "right":
                await asyncio.sleep(0.05)

    async def offend(kinds: Iterator[str]) -> None:
        while not over.is_set():
            name = next(kinds)
            outcome = "unreachable"
            with suppress(OSError):
                outcome = await OFFENCES[name][0](port)
            tally.offences.setdefault(name, Counter())[outcome] += 1

    url = f"http://127.0.0.1:{port}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=120) as client:
        start = time.perf_counter()
        kinds = itertools.cycle(OFFENCES)
        working = [asyncio.create_task(honest(client)) for _ in range(clients)]
        offending = [asyncio.create_task(offend(kinds)) for _ in range(offenders)]
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), seconds)
        over.set()
        await asyncio.gather(*working)
        tally.seconds = time.perf_counter() - start
        await asyncio.gather(*offending)
    return tally


def _quantile(times: list[float], percent: int) -> float | None:
    if len(times) < 2:
        return None
    return round(statistics.quantiles(times, n=100, method="inclusive")[percent - 1], 3)
