"""The server for a long time: `python benchmarks/serve_soak.py --minutes 10`.

Honest clients ask over the base model and three edits at different strengths, greedy and sampled, whole and streamed;
hostile ones send what `serve_offences.py` knows, temperatures at the edge of the numbers, texts far beyond the context
and bodies of two lengths, and leave their streams. In the middle one step of a running batch fails. Every answer is
compared with the Python API's. It ends with 1 where an answer was wrong, an honest request failed, or a hostile one got
what it should not.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from serve_clients import Tally, run_clients
from serve_tasks import make_tasks, three_edits, with_references

from valuescope.generate import Engine
from valuescope.models import NeuronModel, load_model
from valuescope.serve import Limits
from valuescope.serve.roster import Roster
from valuescope.serve.server import Server, listen

READ_TIMEOUT = 5.0
MEGABYTE = 2**20
HOSTILE: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "smallest temperature": ({"prompt": "Should Mei rest?", "temperature": 5e-324}, (200,)),
    "smallest top_p": ({"prompt": "Should Mei rest?", "top_p": 5e-324}, (200,)),
    "two megabytes of text": ({"prompt": "a" * 2_000_000}, (400,)),
    "text just beyond the context": ({"prompt": "Mei rests. " * 600}, (400,)),
    "unknown token id": ({"prompt": [10**6]}, (400,)),
    "overflowing strength": (
        {"model": "base@modulate", "prompt": "Should Mei rest?", "strength": 1e300},
        (400, 200),
    ),
    "many stops": ({"prompt": "Should Mei rest?", "stop": ["\u0000"] * 17}, (400,)),
}
"""Bodies of /v1/completions, and the status that each should get."""


@contextmanager
def served(
    model: NeuronModel, roster: Roster, engine: Engine, limits: Limits
) -> Iterator[tuple[Server, int]]:
    """A server in a thread of this process, and its port."""
    listener = listen("127.0.0.1", 0, None, backlog=limits.max_connections)
    port = listener.getsockname()[1]
    server, ready = Server(engine, roster, limits, listener, None), threading.Event()
    thread = threading.Thread(target=server.run_until_stopped, args=(ready.set,))
    thread.start()
    if not ready.wait(30):
        raise RuntimeError("the server did not start within 30 seconds")
    try:
        yield server, port
    finally:
        server.stop()
        thread.join(60)
        engine.close(drain=False, timeout=60)


class Injection:
    """One failing pass of a batch of several rows that have begun, from the moment that it is armed."""

    def __init__(self, model: NeuronModel) -> None:
        self.armed, self.rows = False, 0
        model.model.register_forward_pre_hook(self._check, with_kwargs=True)

    def _check(self, _module: Any, _arguments: Any, inputs: dict[str, Any]) -> None:
        rows, tokens = inputs["input_ids"].shape
        if self.armed and rows > 1 and tokens == 1:
            self.armed, self.rows = False, rows
            raise RuntimeError("injected: one step of the batch fails")


async def ask_hostile(port: int, seconds: float) -> dict[str, Counter[int]]:
    """Send the hostile bodies in turn until the time is over; the statuses of each."""
    statuses, end = {name: Counter[int]() for name in HOSTILE}, time.monotonic() + seconds
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        while time.monotonic() < end:
            for name, (body, _) in HOSTILE.items():
                reply = await client.post("/v1/completions", json={"model": "base", "max_tokens": 8, **body})
                statuses[name][reply.status_code] += 1
            await asyncio.sleep(0.2)
    return statuses


async def soak(
    port: int, tasks: list[Any], injection: Injection, options: argparse.Namespace
) -> tuple[Tally, dict[str, Counter[int]], list[float]]:
    """All clients at once; what they saw, and the resident memory every ten seconds, in megabytes."""
    seconds, memory = options.minutes * 60, list[float]()

    async def watch() -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(min(10.0, seconds / 12))
            memory.append(resident())

    async def inject() -> None:
        await asyncio.sleep(seconds / 2)
        injection.armed = True

    tally, statuses, _, _ = await asyncio.gather(
        run_clients(port, tasks, clients=options.clients, offenders=options.offenders, seconds=seconds),
        ask_hostile(port, seconds),
        watch(),
        inject(),
    )
    return tally, statuses, memory


def main() -> int:
    """Run it and print what came of it."""
    options = _parser().parse_args()
    for name in ("uvicorn", "valuescope.serve"):  # what hostile clients do wrong is counted
        logging.getLogger(name).setLevel(logging.ERROR)
    model = load_model(options.model, dtype="float32", device="cpu")
    edits = three_edits(model, 0.03)
    tasks = with_references(model, edits, make_tasks(options.questions, 24))
    limits = Limits(read_timeout=READ_TIMEOUT)
    engine = Engine(model, max_rows=limits.max_rows, max_queue=limits.max_queue)
    injection = Injection(model)
    with served(model, Roster(model, edits.items()), engine, limits) as (server, port):
        # What the first requests of each kind build up for good is no leak.
        asyncio.run(
            run_clients(port, tasks, clients=options.clients, offenders=2, seconds=options.warm_seconds)
        )
        gc.collect()
        before, start = resident(), time.perf_counter()
        tally, statuses, memory = asyncio.run(soak(port, tasks, injection, options))
        seconds = time.perf_counter() - start
        gc.collect()
        after = resident()
        for _ in range(200):
            if not len(server.service.running) and not engine.stats.running:
                break
            time.sleep(0.05)
        left = {"requests": len(server.service.running), "rows": engine.stats.running + engine.stats.queued}
        alive, stats = engine.alive, engine.stats
    seen = tally.to_dict()
    unexpected = seen["offences_unexpected"] + sum(
        count
        for name, counts in statuses.items()
        for status, count in counts.items()
        if status not in HOSTILE[name][1]
    )
    print(f"{seconds:.0f} seconds, {options.clients} honest and {options.offenders + 1} hostile clients")
    print(f"right answers: {seen['right']}")
    print(f"wrong answers: {seen['wrong']}")
    print(f"healthy requests failed: {sum(seen['errors'].values())} {json.dumps(seen['errors'])}")
    print(f"hostile requests: {json.dumps({**seen['offences'], **statuses})}; unexpected: {unexpected}")
    print(
        f"injected failure: a step of {injection.rows} rows" if injection.rows else "NO failure was injected"
    )
    print(f"engine: {'alive' if alive else 'DEAD'}, {stats}")
    print(f"left in the server: {left}")
    print(
        f"memory, MB: {before:.0f} at the start, {after:.0f} at the end; on the way {[round(m) for m in memory]}"
    )
    for example in seen["examples_of_wrong"]:
        print(f"WRONG: {example}")
    good = not seen["wrong"] and not seen["errors"] and not unexpected and injection.rows and alive
    return 0 if good and not any(left.values()) else 1


def resident() -> float:
    """Memory of this process, clients included, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="organism", help="hub id, folder, or organism (default)")
    parser.add_argument("--minutes", type=float, default=10.0, help="default: %(default)s")
    parser.add_argument("--warm-seconds", type=float, default=15.0, help="default: %(default)s")
    parser.add_argument("--clients", type=int, default=16, help="honest ones (default: %(default)s)")
    parser.add_argument(
        "--offenders", type=int, default=4, help="hostile ones, beside one that sends hostile bodies"
    )
    parser.add_argument("--questions", type=int, default=6, help="different questions (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
