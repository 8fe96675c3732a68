"""write: new data to each paper's construction, by any model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valuescope.cli.command import NamedSetting, argument, command, option, settings
from valuescope.cli.terminal import ProgressBars

if TYPE_CHECKING:
    from valuescope.write import Job, SetOutcome

KINDS = ("c-voice", "valueinsight", "contrast", "questions")
MISSING = 12


@dataclass(frozen=True)
class JobOptions:
    """What to write and how (see `valuescope.write.Job`)."""

    kind: str = argument(f"what to write: {', '.join(KINDS)}", "KIND", names=KINDS)
    values: list[str] = option([], "values or dimensions (default: all)", "ID ...")
    parts: list[str] = option([], "parts to write, such as evaluation (default: all)", "--part", "NAME ...")
    per_value: int | None = option(None, "items per value and part (default: 20 for c-voice, else 40)", "N")
    languages: list[str] = option(
        [], "en, zh or both (default: both for c-voice, else en)", "--language", "CODE ..."
    )
    seed: int = option(0, "of scenes and combinations")
    per_call: int | None = option(None, "items in one call (default: 10; situations 5)", "N")
    rounds: int = option(6, "how often what is missing is asked for")
    temperature: float | None = option(None, "default: 0.6 for c-voice, else 0.8")
    top_p: float | None = option(None, "default: 0.65 for c-voice, else 0.95")
    max_tokens: int | None = option(None, "of one reply (default: three times the estimate)")
    paper_size: bool = option(
        False,
        "as many items of every part as the paper has: c-voice 6,000 and 200 stories a value; valueinsight 160 "
        "descriptions and 3,750 situations a dimension; contrast and questions 100",
        "--paper-size",
    )
    topics: Path | None = option(
        None,
        "of situations: UltraChat's meta_topics.json, or any JSON list of topics (default: 26 of our own); each meets "
        "every atomic value equally often",
        "FILE",
    )
    rationale_apart: bool = option(
        False,
        "of c-voice: ask for each rationale in a second call, which is shown the finished story and both actions, as in the "
        "paper (default: in the call that writes the story)",
        "--rationale-apart",
    )
    exemplars: bool = option(
        True,
        "of valueinsight: ask for each English description about one atomic value, and show the curated description of it "
        "as a model, as in the paper",
        "--exemplars/--no-exemplars",
    )

    def job(self) -> Job:
        """The job; WriteError names what is out of range."""
        from valuescope.write import Job

        content: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in vars(self).items()
        }
        content["topics"] = () if self.topics is None else topics_of(self.topics)
        return Job(**content)


def topics_of(path: Path) -> tuple[str, ...]:
    """The topics of a file, by the reader of UltraChat's list."""
    from valuescope.data import RatedText, read_data
    from valuescope.write import WriteError

    records = read_data(path, "ultrachat", strict=True).records
    topics = tuple(record.text for record in records if isinstance(record, RatedText))
    if not topics:
        raise WriteError(
            f"topics: {path} holds no topic; give a JSON list of texts, as UltraChat's meta_topics.json"
        )
    return topics


@command(
    "write new data with any model, checked in code; the same command again goes on where it stopped",
    "valuescope write c-voice --by openai/gpt-4o --out my-voice \\\n"
    "      --values equality justice --per-value 40",
)
def write(
    options: JobOptions,
    by: str | None = option(None, "the model that writes, by Inspect's name, as openai/gpt-4o", "MODEL"),
    out: Path | None = option(None, "folder of the set; one set per folder", "FOLDER"),
    base_url: str | None = option(None, "address of the service", "URL"),
    model_arg: list[NamedSetting] = settings("an argument for Inspect's provider"),
    max_connections: int | None = option(None, "calls at once (default: as many as the service bears)"),
    retries: int = option(4, "of a call, for passing errors"),
    timeout: int = option(300, "seconds for one attempt"),
    dry_run: bool = option(
        False, "print what is planned per value and topic, calls, tokens and price; ask nobody", "--dry-run"
    ),
    price_in: float | None = option(
        None, "of a million tokens read, for the price that --dry-run prints", "PRICE"
    ),
    price_out: float | None = option(None, "of a million tokens written, in the same currency", "PRICE"),
) -> None:
    """`valuescope write`."""
    from valuescope.judge.asked_model import require_no_secrets
    from valuescope.write import WriteError, write_set

    job = options.job()
    if (price_in is None) != (price_out is None):
        raise WriteError("give --price-in and --price-out together, each of a million tokens")
    if dry_run:
        print(estimated(job, price_in, price_out))
        return
    if by is None or out is None:
        raise WriteError("give --by MODEL and --out FOLDER, or --dry-run to see what it would cost")
    require_no_secrets(base_url, dict(model_arg))
    with ProgressBars() as bars:

        def say(line: str) -> None:
            bars.close()
            print(line, file=sys.stderr, flush=True)

        outcome = write_set(
            job,
            by,
            out,
            base_url=base_url,
            model_args=dict(model_arg),
            max_connections=max_connections,
            retries=retries,
            timeout=timeout,
            progress=bars,
            say=say,
        )
    print(summary(outcome, out))
    if not outcome.complete:
        raise WriteError(shortfall(outcome))


def estimated(job: Job, price_in: float | None = None, price_out: float | None = None) -> str:
    """What a job plans and what it costs at least; prices are of a million tokens."""
    from valuescope.write import estimate

    parts = estimate(job)
    lines = []
    for part in parts:
        lines.append(
            f"{part.part}: {part.items} items, {part.calls} calls, about {part.input_tokens} tokens in and "
            f"{part.output_tokens} out"
        )
        for title, counts in (
            ("value", part.by_value),
            ("atomic value", part.by_atomic),
            ("topic", part.by_topic),
        ):
            if counts:
                lines.append(f"  per {title}: {spread(counts)}")
    calls, read, written = (
        sum(getattr(part, name) for part in parts) for name in ("calls", "input_tokens", "output_tokens")
    )
    total = f"at least {calls} calls, about {read} tokens in and {written} out"
    if price_in is not None and price_out is not None:
        total += f", a price of about {(read * price_in + written * price_out) / 1e6:.2f}"
    return "\n".join([*lines, f"{total}; rejected items are asked for again"])


def spread(counts: Mapping[str, int]) -> str:
    """One number where all have it, else the least and the most with their names."""
    least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[least] == counts[most]:
        return f"{counts[least]} each of {len(counts)}"
    return f"{counts[least]} ({least}) to {counts[most]} ({most}), {len(counts)} in all"


def summary(outcome: SetOutcome, folder: Path) -> str:
    """What was written, what it cost and what was turned away."""
    tally = outcome.tally
    lines = [
        *(
            f"{part.part.name}: {len(part.items)} of {len(part.slots)} items; {len(part.rejections)} of {part.read} "
            "judged were rejected"
            for part in outcome.parts
        ),
        f"calls: {tally.calls} for this set (minimum {tally.minimum}; {tally.repairs} repairs), {tally.made} of them now; "
        f"{tally.failed} failed now",
        f"tokens: {tally.input_tokens} in, {tally.output_tokens} out",
        *(f"note: {finding}" for finding in outcome.findings()),
        f"card: {folder / 'card.md'}\nrejected: {folder / 'rejected.jsonl'}",
    ]
    return "\n".join(lines)


def shortfall(outcome: SetOutcome) -> str:
    """What is missing and why."""
    keys = [slot.key for part in outcome.parts for slot in part.missing]
    first = ", ".join(keys[:MISSING]) + (f" and {len(keys) - MISSING} more" if len(keys) > MISSING else "")
    missing = f"incomplete: {len(keys)} items are missing ({first})" if keys else "incomplete"
    if outcome.stopped:
        return f"{missing}; {outcome.stopped}; the same command goes on where it stopped"
    return f"{missing} after {outcome.job.rounds} rounds; see rejected.jsonl for the reasons, or give more --rounds"
