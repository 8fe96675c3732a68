"""Kills at random moments: `python benchmarks/kills.py --kills 30`.

Every command that makes a folder (a comparison on questions, one on pairs with a judge that is a model, ValueExploration,
and a written set) is run once without interruption. Then it is started again in another folder and killed by SIGKILL at a
random moment of the time that the first took, again and again, and resumed to its end. The folders must then hold the
same: every file byte for byte, but for times, the order of replies, and locks.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from faulty_server import Faults, serving
from run_samples import dilemma_spec, pairs_spec, save_tiny_model, write_conva

TIMED = re.compile(r"seconds|peak_growth|peak_bytes")
"""Keys of JSON files that hold what a clock or the memory said."""
UNEQUAL = ("seconds.json", "cost.json", "in-use.lock", "replies.jsonl.lock")
"""Names of files that differ between two runs without a kill, too."""


@dataclass(frozen=True)
class Job:
    """A command without its `--out`."""

    name: str
    arguments: tuple[str, ...]

    def start(self, out: Path) -> subprocess.Popen[bytes]:
        """The command in a process of its own."""
        command = [sys.executable, "-m", "valuescope", *self.arguments, "--out", str(out)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self, out: Path) -> float:
        """The command to its end; the seconds that it took."""
        start, process = time.monotonic(), self.start(out)
        _, error = process.communicate()
        if process.returncode:
            raise SystemExit(f"{self.name}: exit code {process.returncode}: {error.decode()[-2000:]}")
        return time.monotonic() - start


@contextmanager
def jobs(place: Path) -> Iterator[list[Job]]:
    """All commands, on tiny models and on a service that writes."""
    model, folder = save_tiny_model(place / "model"), write_conva(place / "conva")
    judged = dilemma_spec(model, name="judged", judge={"by": "valuescope_oracle/organism"})
    judged["methods"] = {"valuelocate": judged["methods"]["valuelocate"]}
    judged.pop("leakage")
    exploration = {
        "name": "exploration",
        "experiment": "valueexploration",
        "model": {"id": "organism-social", "dtype": "float32", "device": "cpu"},
        "data": {"source": "organism-social", "parameters": {"activation": 6, "evaluation": 2}},
        "values": {"system": "chinese-social", "only": ["justice", "equality"]},
        "languages": ["en"],
        "support": {"brief": True, "max_new_tokens": 16, "batch_size": 8},
        "sizes": [2, 4],
        "permutations": 100,
    }
    specs = {"dilemma": dilemma_spec(model), "pairs": pairs_spec(model, folder), "judged": judged}
    made = list[Job]()
    for name, content in {**specs, "exploration": exploration}.items():
        path = place / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        made.append(Job(name, ("run", str(path))))
    with serving(Faults(delay=0.05)) as server:
        service = ("--by", "openai-api/local/writer", "--base-url", server.url)
        some = (
            "--values",
            "justice",
            "equality",
            "--per-value",
            "4",
            "--per-call",
            "2",
            "--max-connections",
            "2",
        )
        yield [*made, Job("write", ("write", "c-voice", *service, *some))]


def untimed(content: Any) -> Any:
    """JSON without what a clock or the memory said."""
    if isinstance(content, dict):
        return {name: untimed(part) for name, part in content.items() if not TIMED.search(name)}
    return [untimed(part) for part in content] if isinstance(content, list) else content


def contents(folder: Path) -> dict[str, Any]:
    """What the files of a folder hold, by their names in it."""
    found = dict[str, Any]()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.endswith(UNEQUAL):
            continue
        name, content = str(path.relative_to(folder)), path.read_bytes()
        if path.name == "replies.jsonl":
            found[name] = sorted(set(content.splitlines()))
        elif path.suffix == ".json" and path.name != "card.json":
            found[name] = untimed(json.loads(content))
        elif path.name == "report.html":
            text = content.decode()
            page = re.sub(r"<summary>Seconds by stage</summary>.*?</details>", "", text, flags=re.DOTALL)
            found[name] = page
        else:
            found[name] = content
    return found


def kill_once(job: Job, out: Path, after: float) -> bool:
    """Kill the command some seconds after its start; whether it still ran."""
    process = job.start(out)
    try:
        process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=30, help="of all commands together")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument(
        "--only", nargs="*", help="names of commands: dilemma, pairs, judged, exploration, write"
    )
    options = parser.parse_args()
    os.environ |= {"LOCAL_API_KEY": "none", "OMP_NUM_THREADS": "1"}
    rng, wrong = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as name, jobs(Path(name)) as known:
        chosen = [job for job in known if not options.only or job.name in options.only]
        for number, job in enumerate(chosen):
            whole, cut = Path(name, f"{job.name}-whole"), Path(name, f"{job.name}-cut")
            seconds, share = (
                job.finish(whole),
                options.kills // len(chosen) + (number < options.kills % len(chosen)),
            )
            moments = [rng.uniform(0.3, 1) * seconds for _ in range(share)]
            alive = sum(kill_once(job, cut, moment) for moment in moments)
            parts = sum(1 for _ in cut.rglob(".*.part")) if cut.exists() else 0
            job.finish(cut)
            before, after = contents(whole), contents(cut)
            differ = sorted(
                file for file in before.keys() | after.keys() if before.get(file) != after.get(file)
            )
            wrong += bool(differ)
            print(
                f"{job.name}: {seconds:.1f} s uninterrupted; killed {alive} of {share} times at "
                f"{', '.join(f'{moment:.1f}' for moment in moments)} s, half files left by kills: {parts}; "
                f"{len(before)} files, {f'DIFFERENT: {differ}' if differ else 'all equal'}",
                flush=True,
            )
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
