"""200 items from a service that fails; the same set when the process is killed in the middle and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")

from faulty_server import Faults, Server, serving

from valuescope.cli.write_command import summary
from valuescope.data import read_data
from valuescope.write import Job, write_set

# Hangs outlast the test, so that an answer which the server counts is one that a client was there to read.
FAULTS = Faults(errors=0.10, malformed=0.10, hangs=0.03, violations=0.05, repeats=0.03, hang=300, delay=0.05)
# On a busy machine an answer may take more than a second; one that comes too late would count as paid and not kept.
MODEL, CONNECTIONS, TIMEOUT = "openai-api/local/writer", 8, 5
VALUES = ("justice", "equality", "freedom", "integrity", "harmony")

COMMAND = textwrap.dedent("""
    import sys
    from inspect_ai.model import ModelAPI
    from tenacity import wait_fixed
    from valuescope.cli.main import run_command

    ModelAPI.retry_wait = lambda self: wait_fixed(0.2)  # Inspect waits for seconds
    try:
        sys.exit(run_command())
    except RuntimeError as error:
        sys.exit(f"{type(error).__name__}: {error}")
""")


def started(server: Server, out: Path) -> subprocess.Popen[str]:
    arguments = [
        *("write", "c-voice", "--by", MODEL, "--base-url", server.url, "--out", str(out)),
        *("--values", *VALUES, "--per-value", "20", "--per-call", "2"),
        *("--timeout", str(TIMEOUT), "--max-connections", str(CONNECTIONS)),
    ]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def killed(process: subprocess.Popen[str], server: Server, answers: int) -> None:
    """Kill -9 as soon as the server has given so many answers."""
    while server.log.answered.total() < answers and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def contents(folder: Path) -> dict[str, bytes]:
    """All files of the set; the store apart, whose order is that in which replies came."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".calls" not in path.parts
    }


@pytest.mark.slow
def test_200_items_are_complete_and_survive_kill_9(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inspect_ai.model import ModelAPI
    from tenacity import wait_fixed

    monkeypatch.setenv("LOCAL_API_KEY", "none")
    monkeypatch.setattr(ModelAPI, "retry_wait", lambda self: wait_fixed(0.2))
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    with serving(FAULTS) as steady, serving(FAULTS) as shaken:
        victim = started(shaken, cut)
        killer = threading.Thread(target=killed, args=(victim, shaken, 45))
        killer.start()
        job = Job("c-voice", values=VALUES, per_value=20, per_call=2)
        how = {"base_url": steady.url, "timeout": TIMEOUT, "max_connections": CONNECTIONS}
        outcome = write_set(job, MODEL, whole, **how)
        killer.join()
        at_kill = shaken.log.answered.total()
        assert victim.returncode == -signal.SIGKILL
        assert not (cut / "card.json").exists(), "killed too late to tell anything"
        store = cut / ".calls" / "replies.jsonl"
        kept = len(store.read_text().splitlines())
        with store.open("ab") as handle:
            handle.write(b'{"key": "torn')  # what a power cut leaves
        resumed = started(shaken, cut)
        told, progress = resumed.communicate(timeout=120)
    assert outcome.complete
    assert resumed.returncode == 0, told + progress

    card = json.loads((whole / "card.json").read_text())
    made, minimum = card["calls"]["made"], card["calls"]["minimum"]
    assert steady.log.errors
    assert steady.log.hangs
    assert steady.log.malformed
    assert card["calls"]["repairs"] == steady.log.malformed
    assert steady.log.answered.total() == made == len(steady.log.answered)
    assert minimum <= made <= 1.6 * minimum

    dataset = read_data(whole, strict=True)
    assert len({record.key.rsplit("/", 1)[0] for record in dataset.records}) == 200
    assert {record.language for record in dataset.records} == {"en", "zh"}
    assert sum(part["items"] for name, part in card["parts"].items() if name != "topics") == 200
    assert card["parts"]["activation"]["rejected_by_reason"]

    assert contents(cut) == contents(whole)
    answered = shaken.log.answered
    repeated = sum(times - 1 for times in answered.values())
    assert set(answered) == set(steady.log.answered)
    assert repeated <= CONNECTIONS
    print(
        f"\n{summary(outcome, whole)}\nuninterrupted: {made} calls answered, minimum {minimum}; requests {steady.log.requests}, of them "
        f"{steady.log.errors} answered with an error and {steady.log.hangs} with nothing; {steady.log.malformed} malformed replies, "
        f"{steady.log.violations} items against a rule, {steady.log.repeats} repeats\n"
        f"killed after {at_kill} answers ({kept} kept) and resumed: {answered.total()} calls answered, {repeated} of them twice "
        f"(in flight at the kill: at most {CONNECTIONS})\n{told}{progress}"
    )
