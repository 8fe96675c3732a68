"""One process at a time in a folder: who holds it is named, a dead holder's hold is taken over, and nobody pays twice."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from valuescope.judge.reply_store import ModelReply, ReplyStore
from valuescope.lock import InUseError, sole_use

HOLD = textwrap.dedent("""
    import sys
    from pathlib import Path
    from valuescope.lock import sole_use

    with sole_use(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
""")


def holder_of(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    process = holder_of(tmp_path / "run")
    try:
        with pytest.raises(InUseError) as caught, sole_use(tmp_path / "run"):
            pass
        told = str(caught.value)
        assert f"is in use by process {process.pid} on {socket.gethostname()} since 20" in told
        assert "\n" not in told
    finally:
        process.communicate()
    with sole_use(tmp_path / "run"):
        (tmp_path / "run" / "x").touch()
    assert (tmp_path / "run" / "in-use.lock").read_bytes() == b""


def test_where_nothing_was_made_nothing_is_left(tmp_path: Path) -> None:
    for folder in (tmp_path / "new", tmp_path):
        with sole_use(folder):
            pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_held_is_taken_over(tmp_path: Path) -> None:
    process = holder_of(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = json.loads((tmp_path / "in-use.lock").read_text())
    assert left["pid"] == process.pid
    with sole_use(tmp_path):
        assert json.loads((tmp_path / "in-use.lock").read_text())["pid"] == os.getpid()


def test_it_may_be_held_again_inside_but_by_no_other_thread(tmp_path: Path) -> None:
    refused = list[str]()

    def other() -> None:
        try:
            with sole_use(tmp_path):
                pass
        except InUseError as error:
            refused.append(str(error))

    with sole_use(tmp_path):
        with sole_use(tmp_path):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert f"process {os.getpid()}" in refused[0]
    with sole_use(tmp_path):  # the inner one has let go of nothing, the outer one of all
        pass


def test_an_error_in_the_block_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyError), sole_use(tmp_path):
        raise KeyError
    process = holder_of(tmp_path)
    process.communicate()
    assert process.returncode == 0


ASK = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from valuescope.judge.reply_store import ModelReply, ReplyStore
    from valuescope.lock import InUseError

    try:
        store = ReplyStore(Path(sys.argv[1]))
    except InUseError as error:
        sys.exit(str(error))
    if store.get("k") is None:
        time.sleep(float(sys.argv[2]))
        store.put("k", ModelReply("paid"), {})
        print("paid")
    store.close()
""")


def test_processes_that_start_together_pay_once(tmp_path: Path) -> None:
    path = tmp_path / "judge" / "replies.jsonl"
    command = [sys.executable, "-c", ASK, str(path), "5"]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    told = [process.communicate(timeout=120) for process in started]
    assert sorted(process.returncode for process in started) == [0, 1, 1]
    assert "".join(out for out, _ in told) == "paid\n"
    assert sum("replies.jsonl is in use by process" in error for _, error in told) == 2
    assert len(path.read_bytes().splitlines()) == 1
    later = subprocess.run([*command[:-1], "0"], capture_output=True, text=True, timeout=120, check=True)
    assert later.stdout == ""  # it reads what was paid for


def test_a_store_that_is_closed_may_be_opened_elsewhere(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path / "replies.jsonl")
    store.put("k", ModelReply("x"), {})
    store.close()
    process = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path / "replies.jsonl"), "0"], check=True, timeout=120
    )
    assert process.returncode == 0
