"""valuescope beside a server that we did not write, over HTTP: `python benchmarks/third_party/run.py --help`.

Converts the organism to GGUF, serves it with llama-cpp-python, compares tokens, answers and log-probabilities with ours,
runs Inspect's judging in both directions and against our own server, and opens the logs in `inspect view`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import torch
from agreement import measure
from browser import chromium, screenshot
from checks import Checks, check_agreement, check_file, check_judging, check_same, check_same_replies
from judging import ALL_JUDGES, ORACLE, Judging, endpoint, judge_answers, judge_file, write_questions
from servers import CONTEXT, free_port, llama_cpp_server, own_server, running

from valuescope.data import Question, organism_material
from valuescope.edit import load_edit
from valuescope.files import write_json_atomic
from valuescope.models import load_model
from valuescope.organism import lexicon, weights_path
from valuescope.provider import model_name

CONVERTER = Path(__file__).with_name("organism_to_gguf.py")
# One type on all sides: rounding must not decide between two answers, and an edit belongs to the type it was found in.
FLOAT32 = ("--dtype", "float32")


def main() -> int:
    options = _parser().parse_args()
    torch.set_num_threads(1)
    out: Path = options.out
    logs = out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    checks, result = Checks(), dict[str, Any]()
    gguf, edit = out / "organism.gguf", out / "edits" / "power.json"
    asked, judged = out / "questions.jsonl", _questions(options.judged)
    write_questions(asked, judged)

    _run([options.llama_cpp_python, CONVERTER, weights_path(), gguf])
    if not edit.exists():
        method = ("--method", "valuelocate", "--only", "power")
        _run(
            [
                sys.executable,
                "-m",
                "valuescope",
                "locate",
                "organism",
                *FLOAT32,
                *method,
                "--out",
                edit.parent,
            ]
        )
    with llama_cpp_server(Path(options.llama_cpp_python), gguf, out / "llama-cpp.log") as theirs:
        agreement = measure(
            load_model("organism", dtype="float32"), theirs, _questions(options.questions), 10
        )
        result["agreement"] = asdict(agreement)
        check_agreement(agreement, checks)
        result["judging"] = _judge_all(options, theirs, asked, len(judged), edit, logs, checks)
    if options.view:
        _view(logs, out, result["judging"], checks)
    result["checks"] = [{"what": what, "holds": holds} for what, holds in checks.found]
    write_json_atomic(out / "result.json", result)
    print(f"{len(checks.found) - checks.failed} of {len(checks.found)} hold; {out / 'result.json'}")
    return 1 if checks.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--llama-cpp-python",
        required=True,
        metavar="PYTHON",
        help="the Python of a venv with llama-cpp-python[server] and gguf",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the model, logs, pictures and result.json"
    )
    parser.add_argument(
        "--questions", type=int, default=15, help="compared questions per value, asked two ways (15)"
    )
    parser.add_argument(
        "--judged", type=int, default=2, help="judged questions per value, asked two ways (2)"
    )
    parser.add_argument("--judges", nargs="+", choices=ALL_JUDGES, default=list(ALL_JUDGES))
    parser.add_argument(
        "--view",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open the logs in inspect view, and in a headless Chromium where there is one",
    )
    parser.add_argument(
        "--own",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="judge against `valuescope serve` too",
    )
    return parser


def _questions(per_value: int) -> tuple[Question, ...]:
    """Held-out dilemmas of every value, each alone and after a description."""
    none = {"texts": 0, "descriptions": 0, "pairs": 0, "tuning": 0}
    return organism_material(tuple(lexicon().values), questions=per_value, **none).questions


def _run(command: Sequence[str | Path]) -> None:
    subprocess.run([str(part) for part in command], check=True)


def _judge_all(
    options: argparse.Namespace,
    theirs: Any,
    questions: Path,
    number: int,
    edit: Path,
    logs: Path,
    checks: Checks,
) -> list[dict[str, Any]]:
    base, edited = model_name("organism"), model_name("organism", load_edit(edit))
    ours = ["dtype=float32", f"edits={edit.parent}"]
    remote, environment = endpoint("llama-cpp", theirs)
    done: list[Judging] = []

    def judge(
        models: Sequence[str], grader: str, surroundings: Mapping[str, str], model_args: Sequence[str] = ()
    ) -> list[Judging]:
        found = judge_answers(models, grader, surroundings, logs, questions, options.judges, model_args)
        for one in found:
            check_judging(one, number, checks)
        done.extend(found)
        return found

    (by_theirs,) = judge([base], remote, environment, ours)
    reference = judge([base, edited], ORACLE, {}, ours)
    (answered,) = judge([remote], ORACLE, environment)
    check_same(reference[0], answered, checks)
    printed, rows = judge_file(answered, theirs, logs.parent, options.judges)
    check_file(printed, rows, number * len(options.judges), checks)
    if options.own:
        longer = _longer(logs.parent / "organism-longer")
        arguments = [str(longer), *FLOAT32, "--edit", f"power={edit}"]
        with own_server(Path(sys.executable), arguments, logs.parent / "valuescope-serve.log") as own:
            names = [endpoint("own", own, name)[0] for name in ("base", "base@power")]
            environment = endpoint("own", own)[1]
            (by_ours,) = judge([base], names[0], environment, ours)
            check_same_replies(by_theirs, by_ours, checks)
            for local, served in zip(reference, judge(names, ORACLE, environment), strict=True):
                check_same(local, served, checks)
    return [_told(one) for one in done]


def _longer(folder: Path) -> Path:
    """The organism with as many positions as llama.cpp gives it, so that a judge's prompt fits: it was never trained
    on so many, which is no matter for a judge that cannot judge."""
    shutil.copytree(weights_path(), folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_json_atomic(folder / "config.json", config | {"max_position_embeddings": CONTEXT})
    return folder


def _told(one: Judging) -> dict[str, Any]:
    return {
        "answers": one.answers,
        "judge": one.judge,
        "samples": one.samples,
        "metrics": {name: dict(metrics) for name, metrics in one.metrics.items()},
        "warnings": list(one.warnings),
        "log": one.log.name,
    }


def _view(logs: Path, out: Path, judging: Sequence[Mapping[str, Any]], checks: Checks) -> None:
    port = free_port()
    command = [sys.executable, "-m", "inspect_ai", "view", "start", "--log-dir", str(logs)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--display", "plain"]
    url = f"http://127.0.0.1:{port}"
    with running(command, port, out / "inspect-view.log", {}, ready="/"):
        listed = httpx.get(url + "/api/logs", trust_env=False, timeout=60).raise_for_status().json()["files"]
        names = {Path(one["name"]).name for one in listed}
        wanted = {one["log"] for one in judging}
        checks.add(f"inspect view lists {len(wanted & names)} of {len(wanted)} logs", wanted <= names)
        if chromium() is None:
            print("no Chromium on the path: no pictures")
            return
        models = sorted({str(one["answers"]) for one in judging})
        screenshot(url, out / "view-logs.png", models)
        checks.add(f"a browser shows the list with {', '.join(models)}", True)
        first = judging[0]
        shown = next(iter(first["metrics"].values()))  # the others are behind a link
        kinds = [key for key in shown if key.startswith("missing: ")]
        expected = [str(first["answers"]), str(first["judge"]), *kinds, "over_limit"]
        screenshot(f"{url}/#/logs/{first['log']}", out / "view-log.png", expected)
        checks.add(f"a browser shows the log with {', '.join(expected)}", True)


if __name__ == "__main__":
    sys.exit(main())
