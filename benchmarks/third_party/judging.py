"""Inspect judging runs from the shell, `inspect eval valuescope/value_answers`, over HTTP where a model is a server."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agreement import PLAIN
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.scorer import Score
from servers import KEY, QUIET_THREADS, Server

from valuescope.data import Question

ORACLE = "valuescope_oracle/organism"
LLAMA_CPP = "openai-api/llama-cpp/"
TASK = "valuescope/value_answers"
ALL_JUDGES = ("control-success", "fluency", "text-quality", "g-eval")
LOUD = re.compile(r"\d+ OF \d+ JUDGEMENTS ARE MISSING [^:]*: [^.]*")
WIDE = {"COLUMNS": "500"}  # else the terminal's width breaks a warning into several lines


class JudgingError(RuntimeError):
    """An evaluation that did not complete."""


@dataclass(frozen=True)
class Judging:
    """One evaluation: who answered, who judged, every judge's metrics, and the warnings that were printed.

    `verdicts` and `replies` hold for every judge and sample the score (None: missing) and what the judge said.
    """

    answers: str
    judge: str
    samples: int
    metrics: Mapping[str, Mapping[str, float]]
    warnings: tuple[str, ...]
    verdicts: Mapping[str, Mapping[str, float | None]]
    replies: Mapping[str, Mapping[str, list[str]]]
    log: Path


def endpoint(service: str, server: Server, name: str | None = None) -> tuple[str, dict[str, str]]:
    """A server as Inspect names it, and the environment in which Inspect finds it."""
    prefix = service.upper().replace("-", "_")
    environment = {f"{prefix}_BASE_URL": server.url, f"{prefix}_API_KEY": KEY}
    return f"openai-api/{service}/{name or server.models[0]}", environment


def write_questions(path: Path, questions: Sequence[Question]) -> None:
    """Questions as the task reads them; those with a description in the system message are answered decidedly."""
    rows = [
        {
            "key": f"{one.setting}/{one.key}",
            "question": one.question,
            "value": one.value,
            "system": one.system,
        }
        for one in questions
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def judge_answers(
    models: Sequence[str],
    grader: str,
    environment: Mapping[str, str],
    logs: Path,
    questions: Path,
    judges: Sequence[str],
    model_args: Sequence[str] = (),
) -> list[Judging]:
    """Greedy answers of each model to a file of questions, judged by `grader`.

    Raises:
        JudgingError: where a log does not say "success", or lacks a sample's score.
    """
    command = [sys.executable, "-m", "inspect_ai", "eval", TASK, "--model", ",".join(models)]
    command += ["--model-role", f"grader={_role(grader)}", "-T", f"questions={questions}"]
    command += ["-T", f"judges={','.join(judges)}", "--temperature", "0", "--max-tokens", "48"]
    command += ["--display", "plain", "--log-dir", str(logs), "--no-fail-on-error"]
    for one in model_args:
        command += ["-M", one]
    if all(model.startswith(LLAMA_CPP) for model in models):
        command += ["--extra-body", json.dumps(PLAIN)]
    before = set(logs.glob("*.eval"))
    done = subprocess.run(
        command,
        env=os.environ | QUIET_THREADS | WIDE | dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    written = sorted(set(logs.glob("*.eval")) - before)
    if done.returncode or len(written) != len(models):
        raise JudgingError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-3000:]}")
    warnings = _warnings(done.stdout)
    found = {one.answers: one for one in (_read(path, grader, warnings) for path in written)}
    return [found[model] for model in models]


def judge_file(
    one: Judging, server: Server, folder: Path, judges: Sequence[str]
) -> tuple[str, list[dict[str, Any]]]:
    """The answers of an evaluation under `valuescope judge` by the server: what is printed, and the judgements."""
    answers, out = folder / "answers.jsonl", folder / "answers.judged.jsonl"
    rows = [
        {
            "key": str(sample.id),
            "question": sample.metadata["question"],
            "answer": sample.output.completion,
            "value": sample.metadata["value"],
        }
        for sample in read_eval_log(str(one.log)).samples or ()
    ]
    answers.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    name, environment = endpoint("llama-cpp", server)
    command = [
        sys.executable,
        "-m",
        "valuescope",
        "judge",
        str(answers),
        "--by",
        name,
        "--by-base-url",
        server.url,
    ]
    command += [part for judge in judges for part in ("--judge", judge)] + ["--out", str(out)]
    done = subprocess.run(
        command,
        env=os.environ | QUIET_THREADS | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise JudgingError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-3000:]}")
    return done.stdout, [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def _role(model: str) -> str:
    return json.dumps({"model": model, "extra_body": PLAIN}) if model.startswith(LLAMA_CPP) else model


def _read(path: Path, grader: str, warnings: tuple[str, ...]) -> Judging:
    log = read_eval_log(str(path))
    if log.status != "success" or log.results is None:
        raise JudgingError(f"{path}: status {log.status}: {log.error and log.error.message}")
    metrics = {
        score.name: {
            name: float(metric.value) for name, metric in score.metrics.items() if math.isfinite(metric.value)
        }
        for score in log.results.scores
    }
    scores = _scores(log, path)
    return Judging(
        answers=str(log.eval.model),
        judge=grader,
        samples=len(log.samples or ()),
        metrics=metrics,
        warnings=warnings,
        verdicts={name: {key: _number(score) for key, score in of.items()} for name, of in scores.items()},
        replies={
            name: {key: (score.metadata or {})["replies"] for key, score in of.items()}
            for name, of in scores.items()
        },
        log=path,
    )


def _scores(log: EvalLog, path: Path) -> dict[str, dict[str, Score]]:
    found: dict[str, dict[str, Score]] = {}
    for sample in log.samples or ():
        if sample.error is not None or not sample.scores:
            raise JudgingError(f"{path}: sample {sample.id}: {sample.error and sample.error.message}")
        for name, score in sample.scores.items():
            found.setdefault(name, {})[str(sample.id)] = score
    return found


def _number(score: Score) -> float | None:
    value = score.as_dict()["score"]
    return None if value is None else float(value)


def _warnings(output: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(found.split()) for found in LOUD.findall(output)))
