"""Run the benchmarks: `python benchmarks/run.py`. Prints a table of ratios and writes them as JSON."""

from __future__ import annotations

import argparse
import os
import platform
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import counting
import engine
import generation
import probes
import torch
from measure import markdown
from settings import QUICK, Settings

from valuescope.files import write_json_atomic
from valuescope.lab.folder import versions

BENCHMARKS = {
    "counting": counting.rows,
    "generation": generation.rows,
    "engine": engine.rows,
    "probes": probes.rows,
}
RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Run what was asked for."""
    options = _parser().parse_args()
    given = {field.name: getattr(options, field.name) for field in fields(Settings)}
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = Settings(**{**(QUICK if options.quick else {}), **chosen})
    torch.set_num_threads(options.threads or torch.get_num_threads())
    start, load = time.perf_counter(), os.getloadavg()[0]
    results: dict[str, Any] = {}
    for name in options.only or BENCHMARKS:
        rows = BENCHMARKS[name](settings)
        results[name] = [row.to_dict() for row in rows]
        print(f"\n### {name}\n\n{markdown(rows)}", flush=True)
    seconds = round(time.perf_counter() - start)
    print(f"\n{seconds} seconds; load average {load:.1f} at the start")
    content = {
        "settings": asdict(settings),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "load_at_start": round(load, 2),
        },
        "versions": dict(versions()),
        "quick": options.quick,
        "seconds": seconds,
        "results": results,
    }
    if options.quick and options.out is None:
        return
    path = options.out or RESULTS
    write_json_atomic(path, content)
    print(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), help="these benchmarks (default: all)")
    parser.add_argument(
        "--out", type=Path, help=f"where the JSON goes (default: {RESULTS.name} beside this file)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, to see that all runs; writes no file by default"
    )
    parser.add_argument("--threads", type=int, help="threads of torch (default: its own choice)")
    for field in fields(Settings):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=type(field.default),
            help=f"{field.metadata['help']} (default: {field.default})",
        )
    return parser


def _processor() -> str:
    """The processor's name, as far as the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
