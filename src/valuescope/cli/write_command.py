"""write: new data to each paper's construction, by any model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from valuescope.cli.options import ProgressBars, add_command, parameter
from valuescope.judge.asked_model import require_no_secrets
from valuescope.write import KINDS, Job, Outcome, WriteError, estimate, write_set

MISSING = 12


def add_commands(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "write",
        write,
        "write new data with any model, checked in code; the same command again goes on where it stopped",
        "valuescope write c-voice --by openai/gpt-4o --out my-voice --values equality justice --per-value 40",
    )
    parser.add_argument("kind", choices=list(KINDS), help="what to write")
    parser.add_argument(
        "--by", metavar="MODEL", help="the model that writes, as Inspect names it, such as openai/gpt-4o"
    )
    parser.add_argument("--out", metavar="FOLDER", type=Path, help="folder of the set; one set per folder")
    parser.add_argument(
        "--values", nargs="+", default=[], metavar="ID", help="values or dimensions (default: all)"
    )
    parser.add_argument(
        "--part",
        nargs="+",
        default=[],
        metavar="NAME",
        help="parts to write, such as evaluation (default: all)",
    )
    parser.add_argument(
        "--per-value",
        type=int,
        metavar="N",
        help="items per value and part (default: 20 for c-voice, else 40)",
    )
    parser.add_argument(
        "--language",
        nargs="+",
        default=[],
        metavar="CODE",
        help="en, zh or both (default: both for c-voice, else en)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of scenes and combinations (default: 0)")
    parser.add_argument(
        "--per-call", type=int, metavar="N", help="items in one call (default: 10; situations 5)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=Job.rounds,
        help="how often what is missing is asked for (default: %(default)s)",
    )
    parser.add_argument("--temperature", type=float, help="default: 0.6 for c-voice, else 0.8")
    parser.add_argument("--top-p", type=float, help="default: 0.65 for c-voice, else 0.95")
    parser.add_argument("--max-tokens", type=int, help="of one reply (default: three times the estimate)")
    parser.add_argument("--base-url", metavar="URL", help="address of the service")
    parser.add_argument(
        "--model-arg",
        type=parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument for Inspect's provider; may be repeated",
    )
    parser.add_argument(
        "--max-connections", type=int, help="calls at once (default: as many as the service bears)"
    )
    parser.add_argument("--retries", type=int, default=4, help="of a call, for passing errors (default: 4)")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one attempt (default: 300)")
    parser.add_argument("--dry-run", action="store_true", help="print calls and tokens, ask nobody")


def write(options: argparse.Namespace) -> None:
    """`valuescope write`."""
    job = Job(
        options.kind,
        values=tuple(options.values),
        languages=tuple(options.language),
        per_value=options.per_value,
        parts=tuple(options.part),
        seed=options.seed,
        per_call=options.per_call,
        rounds=options.rounds,
        temperature=options.temperature,
        top_p=options.top_p,
        max_tokens=options.max_tokens,
    )
    if options.dry_run:
        print(estimated(job))
        return
    if options.by is None or options.out is None:
        raise WriteError("give --by MODEL and --out FOLDER, or --dry-run to see what it would cost")
    require_no_secrets(options.base_url, dict(options.model_arg))
    bars = ProgressBars()

    def say(line: str) -> None:
        bars.close()
        print(line, file=sys.stderr, flush=True)

    try:
        outcome = write_set(
            job,
            options.by,
            options.out,
            base_url=options.base_url,
            model_args=dict(options.model_arg),
            max_connections=options.max_connections,
            retries=options.retries,
            timeout=options.timeout,
            progress=bars,
            say=say,
        )
    finally:
        bars.close()
    print(summary(outcome, options.out))
    if not outcome.complete:
        raise WriteError(shortfall(outcome))


def estimated(job: Job) -> str:
    """What a job costs at least."""
    rows = estimate(job)
    lines = [
        f"{one.part}: {one.items} items, {one.calls} calls, about {one.input_tokens} tokens in and {one.output_tokens} out"
        for one in rows
    ]
    total = (sum(getattr(one, name) for one in rows) for name in ("calls", "input_tokens", "output_tokens"))
    lines.append(
        "at least {} calls, about {} tokens in and {} out; rejected items are asked for again".format(*total)
    )
    return "\n".join(lines)


def summary(outcome: Outcome, folder: Path) -> str:
    """What was written, what it cost and what was turned away."""
    tally = outcome.tally
    lines = []
    for one in outcome.parts:
        lines.append(
            f"{one.part.name}: {len(one.items)} of {len(one.slots)} items; {len(one.rejections)} of {one.read} judged were rejected"
        )
    lines += [
        f"calls: {tally.calls} for this set (minimum {tally.minimum}; {tally.repairs} repairs), {tally.made} of them now; "
        f"{tally.failed} failed now",
        f"tokens: {tally.input_tokens} in, {tally.output_tokens} out",
        *(f"note: {finding}" for finding in outcome.findings()),
        f"card: {folder / 'card.md'}\nrejected: {folder / 'rejected.jsonl'}",
    ]
    return "\n".join(lines)


def shortfall(outcome: Outcome) -> str:
    """What is missing and why."""
    keys = [slot.key for one in outcome.parts for slot in one.missing]
    shown = ", ".join(keys[:MISSING]) + (f" and {len(keys) - MISSING} more" if len(keys) > MISSING else "")
    missing = f"incomplete: {len(keys)} items are missing ({shown})" if keys else "incomplete"
    if outcome.stopped:
        return f"{missing}; {outcome.stopped}; the same command goes on where it stopped"
    return f"{missing} after {outcome.job.rounds} rounds; see rejected.jsonl for the reasons, or give more --rounds"
