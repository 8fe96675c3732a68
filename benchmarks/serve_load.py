"""The server under load: `python benchmarks/serve_load.py`.

Many clients ask a real server process at once, mixed over the base model and three edits at different strengths, greedy
and sampled, whole and streamed; some of them misbehave. Every answer is compared with the Python API's. One client
alone comes first, for the throughput to compare with; SIGTERM under load comes last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from serve_clients import run_clients
from serve_tasks import Task, make_tasks, save_edits, three_edits, with_references

from valuescope.files import write_json_atomic
from valuescope.lab.folder import versions
from valuescope.models import load_model

RESULTS = Path(__file__).with_name("serve_load.json")


async def stop_under_load(
    process: subprocess.Popen[str], port: int, tasks: list[Task], clients: int
) -> dict[str, Any]:
    """SIGTERM while all clients ask; what became of the requests that were under way."""
    stop = asyncio.Event()
    running = asyncio.create_task(
        run_clients(port, tasks, clients=clients, offenders=0, seconds=600, stop=stop)
    )
    await asyncio.sleep(3)
    told = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(process.wait, 60)
    gone = time.perf_counter()
    await asyncio.sleep(0.2)
    stop.set()
    tally = await running
    under_way = Counter(outcome for begin, end, outcome in tally.ended if begin <= told < end)
    return {
        "exit_code": code,
        "seconds_to_stop": round(gone - told, 2),
        "under_way": sum(under_way.values()),
        "outcomes": dict(under_way),
        "wrong": len(tally.wrong),
    }


def start_server(options: argparse.Namespace, edits: list[str]) -> tuple[subprocess.Popen[str], int]:
    """A server process and its port."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "valuescope", "serve", options.model, "--dtype", options.dtype),
            *("--port", "0", "--read-timeout", "5", *edits),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:(\d+)/v1", process.stdout.readline())
    if found is None:
        raise RuntimeError("the server did not start")
    return process, int(found[1])


def main() -> None:
    """Run all phases."""
    options = _parser().parse_args()
    if options.quick:
        options.questions, options.clients, options.seconds, options.alone_seconds = 1, 8, 4.0, 2.0
    offenders = max(1, round(options.clients * options.misbehaving)) if options.misbehaving else 0
    load = os.getloadavg()[0]
    model = load_model(options.model, dtype=options.dtype, device="cpu")
    edits = three_edits(model, options.share)
    tasks = make_tasks(options.questions, options.max_tokens)
    start = time.perf_counter()
    tasks = with_references(model, edits, tasks)
    engine_alone = round(len(tasks) / (time.perf_counter() - start), 2)
    print(
        f"{len(tasks)} different requests, {len({task.expected for task in tasks})} different answers",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        process, port = start_server(options, save_edits(edits, Path(folder)))
        try:
            alone = asyncio.run(
                run_clients(port, tasks, clients=1, offenders=0, seconds=options.alone_seconds)
            ).to_dict()
            memory = _resident(process.pid)
            crowd = asyncio.run(
                run_clients(
                    port,
                    tasks,
                    clients=options.clients - offenders,
                    offenders=offenders,
                    seconds=options.seconds,
                )
            ).to_dict()
            health = _health(port)
            crowd["resident_megabytes"] = [memory, _resident(process.pid)]
            stopped = asyncio.run(stop_under_load(process, port, tasks, options.clients))
        finally:
            process.kill()
            process.wait()
    results = {
        "one client": alone,
        "all clients": crowd,
        "health after": health,
        "SIGTERM under load": stopped,
    }
    ratio = crowd["requests_per_second"] / alone["requests_per_second"]
    print(_markdown({f"{options.clients} clients, {offenders} misbehaving": crowd, "one client": alone}))
    print(f"\nthroughput of all clients against one: {ratio:.2f}")
    print(f"the engine alone, in this process, all requests at once: {engine_alone} requests per second")
    print(f"offences: {crowd['offences']}; unexpected replies: {crowd['offences_unexpected']}")
    print(
        f"the server afterwards: {health}; resident memory, MB, before and after: {crowd['resident_megabytes']}"
    )
    print(f"SIGTERM under load: {stopped}")
    for one in (*alone["examples_of_wrong"], *crowd["examples_of_wrong"]):
        print(f"WRONG: {one}")
    if options.quick and options.out is None:
        return
    content = {
        "settings": {name: value for name, value in vars(options).items() if name != "out"},
        "machine": {"cores": os.cpu_count(), "load_at_start": round(load, 2)},
        "versions": dict(versions()),
        "throughput_ratio": round(ratio, 3),
        "engine_alone_requests_per_second": engine_alone,
        "results": results,
    }
    print(write_json_atomic(options.out or RESULTS, content))


def _health(port: int) -> dict[str, Any]:
    """What the server says of itself once its clients are gone."""
    time.sleep(0.5)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as reply:
        found: dict[str, Any] = json.load(reply)
    return {"requests_running": found["requests_running"], **found["engine"]}


def _resident(process: int) -> int | None:
    path = Path(f"/proc/{process}/status")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS:")), None)


def _markdown(phases: dict[str, dict[str, Any]]) -> str:
    shown = (
        "requests_per_second",
        "tokens_per_second",
        "p50",
        "p99",
        "first_piece_p50",
        "right",
        "wrong",
        "errors",
    )
    lines = [f"| clients | {' | '.join(shown).replace('_', ' ')} |", "|---" * (len(shown) + 1) + "|"]
    lines += [
        f"| {name} | {' | '.join(str(phase[one]) for one in shown)} |" for name, phase in phases.items()
    ]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="organism", help="hub id, folder, or organism (default)")
    parser.add_argument("--dtype", default="float32", help="default: %(default)s")
    parser.add_argument("--clients", type=int, default=64, help="concurrent clients (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of all clients (default: %(default)s)")
    parser.add_argument(
        "--alone-seconds", type=float, default=15.0, help="of one client (default: %(default)s)"
    )
    parser.add_argument(
        "--misbehaving", type=float, default=0.05, help="share of clients (default: %(default)s)"
    )
    parser.add_argument(
        "--questions", type=int, default=20, help="different questions (default: %(default)s)"
    )
    parser.add_argument("--max-tokens", type=int, default=40, help="tokens per answer (default: %(default)s)")
    parser.add_argument(
        "--share", type=float, default=0.03, help="of all neurons in an edit (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, help=f"where the JSON goes (default: {RESULTS.name} beside this file)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds, to see that all runs; writes no file"
    )
    return parser


if __name__ == "__main__":
    main()
