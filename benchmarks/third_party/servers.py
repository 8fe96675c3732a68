"""Start a server in a process of its own, wait until it answers, stop it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

KEY = "a-key-for-this-machine-only"
STARTED_WITHIN = 180.0  # seconds; a busy machine loads torch slowly
QUIET_THREADS = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
CONTEXT = 2048  # positions: the organism's 256 do not hold a judge's prompt
F32 = "0"  # GGML_TYPE_F32


class ServerError(RuntimeError):
    """A server that did not start."""


@dataclass(frozen=True)
class Server:
    """A running OpenAI-compatible server: `url` ends in /v1, `models` are the names it lists."""

    url: str
    models: tuple[str, ...]
    process: subprocess.Popen[bytes]


@contextmanager
def llama_cpp_server(python: Path, gguf: Path, log: Path, alias: str = "organism") -> Iterator[Server]:
    """llama-cpp-python's server on the CPU with one thread, `python` being that of the venv which holds it.

    The key-value cache is float32 like the weights: in its default, float16, log-probabilities are off by up to 5e-3.
    """
    port = free_port()
    command = [str(python), "-m", "llama_cpp.server", "--model", str(gguf), "--model_alias", alias]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(CONTEXT), "--verbose", "False"]
    command += ["--n_threads", "1", "--n_threads_batch", "1", "--type_k", F32, "--type_v", F32]
    with running(command, port, log, {"API_KEY": KEY}) as server:
        yield server


@contextmanager
def own_server(python: Path, arguments: Sequence[str], log: Path) -> Iterator[Server]:
    """`valuescope serve` with these arguments."""
    port = free_port()
    command = [str(python), "-m", "valuescope", "serve", *arguments, "--port", str(port)]
    with running(command, port, log, {"VALUESCOPE_API_KEY": KEY}) as server:
        yield server


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    log: Path,
    environment: Mapping[str, str],
    ready: str = "/v1/models",
) -> Iterator[Server]:
    """A process that serves on `port`; ServerError with the end of its log where it does not answer."""
    surroundings = os.environ | QUIET_THREADS | dict(environment)
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=surroundings)
        try:
            url = f"http://127.0.0.1:{port}"
            answer = _wait(process, url + ready, log)
            listed = tuple(model["id"] for model in answer.json()["data"]) if ready.endswith("models") else ()
            yield Server(url + "/v1", listed, process)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> httpx.Response:
    end = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < end:
        if process.poll() is not None:
            raise ServerError(f"the server ended with status {process.returncode}: {_tail(log)}")
        try:
            answer = httpx.get(url, headers={"Authorization": f"Bearer {KEY}"}, timeout=5, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        if answer.status_code == httpx.codes.OK:
            return answer
        raise ServerError(f"{url} answers {answer.status_code}: {answer.text[:500]}")
    raise ServerError(f"{url} did not answer within {STARTED_WITHIN:.0f} s: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]
