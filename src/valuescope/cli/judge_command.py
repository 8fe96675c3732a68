"""judge: show the prompts of all judges, and judge a file of answers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from valuescope.cli.answer_files import AnswerRow, read_answers
from valuescope.cli.judge_table import JudgedFile, judge_table
from valuescope.cli.options import ProgressBars, add_command, parameter
from valuescope.files import write_text_atomic
from valuescope.judge import MISSING_LIMIT, PROMPTS, JudgeError, criterion
from valuescope.judge.answer_judge import MODES, AnswerJudge, Item, Judged, judge_answers
from valuescope.judge.asked_model import require_no_secrets
from valuescope.judge.asking import Asker
from valuescope.judge.oracle_truth import true_rating, true_verdict
from valuescope.values import ValueSystem, ValueSystemError, load_value_system

ALL = "all"


def add_commands(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "judge",
        judge,
        "judge answers with any model, or show what judges are asked",
        "valuescope judge answers.jsonl --judge control-success --by openai/gpt-4o --against openai/gpt-4o-mini",
    )
    parser.add_argument(
        *("answers",),
        metavar="ANSWERS",
        type=Path,
        nargs="?",
        help="JSON lines with question, answer and value (and key, language), or the folder of a run",
    )
    parser.add_argument(
        "--show",
        nargs="?",
        const=ALL,
        metavar="NAME",
        help="print the prompts, or the one named: text, version, hash and purpose; asks nobody",
    )
    parser.add_argument(
        "--judge",
        action="append",
        choices=list(MODES),
        help="what to judge; may be repeated (default: control-success and fluency)",
    )
    parser.add_argument(
        "--by", metavar="MODEL", help="the model that judges, as Inspect names it, such as openai/gpt-4o"
    )
    parser.add_argument("--against", metavar="MODEL", help="a second model, to compare with the first")
    for flag, whose in (("--by", ""), ("--against", " of the second model")):
        parser.add_argument(f"{flag}-base-url", metavar="URL", help=f"address of the service{whose}")
        parser.add_argument(
            f"{flag}-arg",
            type=parameter,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"an argument for Inspect's provider{whose}; may be repeated",
        )
    parser.add_argument(
        "--value-system",
        default="schwartz",
        help="a built-in value system or a TOML file (default: schwartz)",
    )
    parser.add_argument("--truth", choices=("oracle",), help="compare with the organism's oracle")
    parser.add_argument(
        "--mode",
        choices=("expected", "sampled"),
        help="of ratings: by probabilities (default), or by 20 replies",
    )
    parser.add_argument(
        "--samples", type=int, default=20, help="replies an answer in mode sampled (default: 20)"
    )
    parser.add_argument("--max-tokens", type=int, default=64, help="of one reply (default: 64)")
    parser.add_argument(
        "--arm", action="append", default=[], help="an arm of the run; may be repeated (default: all)"
    )
    parser.add_argument(
        "--missing-limit",
        type=float,
        default=MISSING_LIMIT,
        help="warn where a larger share is missing (default: %(default)s)",
    )
    parser.add_argument(
        "--max-connections", type=int, help="calls at once (default: as many as the service bears)"
    )
    parser.add_argument("--retries", type=int, default=4, help="of a call, for passing errors (default: 4)")
    parser.add_argument("--timeout", type=int, default=120, help="seconds for one attempt (default: 120)")
    parser.add_argument(
        "--out", type=Path, help="file for the judgements (default: beside the answers, *.judged.jsonl)"
    )


def judge(options: argparse.Namespace) -> None:
    """`valuescope judge`."""
    if options.show is not None:
        print(shown(options.show))
        return
    if options.answers is None or options.by is None:
        raise JudgeError("give a file of answers and --by MODEL, or --show to see the prompts")
    rows = read_answers(options.answers, tuple(options.arm))
    system = load_value_system(options.value_system)
    names = options.judge or ["control-success", "fluency"]
    out, store = places(options)
    found = list[JudgedFile]()
    for by, base_url, arguments in (
        (options.by, options.by_base_url, options.by_arg),
        (options.against, options.against_base_url, options.against_arg),
    ):
        if by is None:
            continue
        require_no_secrets(base_url, dict(arguments))
        asker = Asker(
            by,
            base_url=base_url,
            model_args=dict(arguments),
            store=store,
            max_connections=options.max_connections,
            retries=options.retries,
            timeout=options.timeout,
        )
        told = ", ".join(
            [*([base_url] if base_url else []), *(f"{name}={value}" for name, value in arguments)]
        )
        for name in dict.fromkeys(names):
            found.append(_judged(name, asker, f"{by} ({told})" if told else by, rows, system, options))
        asker.close()
    found.sort(key=lambda one: names.index(one.judge.name))
    write_text_atomic(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _lines(found)))
    print(judge_table(found, options.missing_limit))
    print(f"\njudgements: {out}\nreplies: {store}")


def places(options: argparse.Namespace) -> tuple[Path, Path]:
    """Where judgements and replies go: beside the answers, or into the run's folder, unless --out says otherwise."""
    answers: Path = options.answers
    if options.out is not None:
        out: Path = options.out
        return out, out.with_name(f"{out.stem}.replies.jsonl")
    if answers.is_dir():
        return answers / "judge" / "judged.jsonl", answers / "judge" / "replies.jsonl"
    return answers.with_name(f"{answers.stem}.judged.jsonl"), answers.with_name(
        f"{answers.stem}.replies.jsonl"
    )


def _judged(
    name: str,
    asker: Asker,
    by: str,
    rows: Sequence[AnswerRow],
    system: ValueSystem,
    options: argparse.Namespace,
) -> JudgedFile:
    own = AnswerJudge(
        name,
        options.mode if len(MODES[name]) > 1 else None,
        samples=options.samples,
        max_tokens=options.max_tokens,
    )
    judges = {
        language: replace(own, language=language) for language in dict.fromkeys(row.language for row in rows)
    }
    items = [_item(row, judges[row.language], system) for row in rows]
    places, bars = dict[str, Judged](), ProgressBars()
    for language, one in judges.items():
        of_language = [item for row, item in zip(rows, items, strict=True) if row.language == language]
        stage = f"{name} by {by}"
        for judged in judge_answers(one, asker, of_language, lambda done, total: bars(stage, done, total)):  # noqa: B023
            places[judged.item.key] = judged
    bars.close()
    truth = [_truth(name, row) for row in rows] if options.truth else None
    return JudgedFile(judges, by, rows, [places[row.key] for row in rows], truth)


def _item(row: AnswerRow, judge: AnswerJudge, system: ValueSystem) -> Item:
    if "criterion" not in judge.prompt.fields:
        return Item(row.key, row.question, row.answer)
    if not row.value:
        raise JudgeError(f"{row.place}: field 'value' is absent; {judge.name} judges an answer by a value")
    try:
        return Item(row.key, row.question, row.answer, criterion(system, row.value, row.language))
    except (ValueSystemError, JudgeError) as error:
        raise JudgeError(f"{row.place}: field 'value': {error}") from error


def _truth(name: str, row: AnswerRow) -> float | None:
    fields = {"question": row.question, "answer": row.answer, "value": row.value}
    verdict = len(MODES[name]) == 1
    known = true_verdict(name, fields) if verdict else true_rating(name, fields)
    return None if known is None else float(known)


def _lines(found: Sequence[JudgedFile]) -> list[dict[str, Any]]:
    lines = []
    for one in found:
        for place, (row, judged) in enumerate(zip(one.rows, one.judged, strict=True)):
            own = one.judges[row.language]
            lines.append(
                {
                    "judge": own.name,
                    "by": one.by,
                    "prompt": own.prompt.id,
                    "prompt_hash": own.prompt.hash,
                    "mode": own.mode,
                    **judged.to_dict(),
                    **({} if one.truth is None else {"truth": one.truth[place]}),
                }
            )
    return lines


def shown(name: str) -> str:
    """Every built-in prompt, or those of one name, in full."""
    chosen = [prompt for prompt in PROMPTS.values() if name in (ALL, prompt.name, prompt.id)]
    if not chosen:
        known = ", ".join(dict.fromkeys(prompt.name for prompt in PROMPTS.values()))
        raise JudgeError(f"no prompt {name!r}; there are {known}")
    parts = []
    for prompt in chosen:
        asked = "asked of a judge" if prompt.asked_of == "judge" else "asked of the model itself"
        scale = "" if prompt.scale is None else f" from {prompt.scale[0]} to {prompt.scale[1]}"
        parts += [
            f"=== {prompt.name} ({prompt.language}), version {prompt.version}",
            f"purpose: {prompt.purpose}",
            f"{asked}; reply: {prompt.reply}{scale}",
            f"sha256: {prompt.hash}",
            *(["--- system", prompt.system] if prompt.system else []),
            "--- user ({name:quoted} is put in as quoted data)",
            prompt.template,
            "",
        ]
    return "\n".join(parts).rstrip()
