"""data: what a data set holds, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from valuescope.cli.options import ProgressBars, add_command
from valuescope.data import READERS, DataError, Dataset, Overview, overview, read_data, starter_folder
from valuescope.data.compared import KINDS
from valuescope.data.overview import Group

TOPICS = 12
PROBLEMS = 20


def add_commands(commands: Any) -> None:
    """Add the command."""
    show = add_command(
        commands,
        "data",
        show_data,
        "show what a data set holds: counts, near-duplicates, wording that gives its sides away, problems",
        "valuescope data starter --sample 2\n  valuescope data DATA/conva/probe --as conva",
    )
    show.add_argument(
        "path",
        metavar="PATH",
        help='a file or folder, hf:owner/name on the Hugging Face hub, or "starter" (the set that ships with valuescope)',
    )
    show.add_argument(
        "--as", dest="reader", choices=list(READERS), help="the set's format (default: found by its columns)"
    )
    show.add_argument(
        "--sample", type=int, default=1, metavar="N", help="records shown of each kind (default: 1)"
    )
    show.add_argument("--seed", type=int, default=0, help="of the sample")
    show.add_argument("--strict", action="store_true", help="fail where any row is malformed")
    show.add_argument("--json", action="store_true", help="print everything as JSON")


def show_data(options: argparse.Namespace) -> None:
    """`valuescope data`."""
    if options.sample < 0:
        raise DataError(f"--sample is {options.sample}; it must be 0 or more")
    starter = options.path == "starter" and not Path(options.path).exists()
    dataset = read_data(
        str(starter_folder()) if starter else options.path, options.reader, strict=options.strict
    )
    progress = ProgressBars()
    try:
        found = overview(dataset, progress)
    finally:
        progress.close()
    sample = _sample(dataset, options.sample, options.seed)
    if options.json:
        print(json.dumps({**found.to_dict(), "sample": sample}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_lines(found, sample)))


def _sample(dataset: Dataset, count: int, seed: int) -> list[dict[str, Any]]:
    """Records of each kind and language, drawn by the seed, with where they stand."""
    grouped: dict[tuple[str, str], list[int]] = {}
    for number, record in enumerate(dataset.records):
        grouped.setdefault((KINDS[type(record)], record.language), []).append(number)
    found = []
    for (kind, language), numbers in grouped.items():
        rng = random.Random(f"sample-{seed}-{kind}-{language}")
        for number in sorted(rng.sample(numbers, min(count, len(numbers)))):
            fields = {
                name: value
                for name, value in asdict(dataset.records[number]).items()
                if value not in ("", (), None)
            }
            found.append({"kind": kind, "place": str(dataset.places[number]), "record": fields})
    return found


def _lines(found: Overview, sample: Sequence[dict[str, Any]]) -> Iterator[str]:
    languages = ", ".join(f"{language} {count}" for language, count in found.languages)
    yield f"{found.path}: {found.records} records read as {found.format} ({languages})"
    yield ""
    yield from _table(
        ["kind", "value", "language", "records", "repeated", "near-duplicates", "effective n", "length"],
        [_counts(group) for group in found.groups],
    )
    two_sided = [group for group in found.groups if group.sides]
    if two_sided:
        yield ""
        yield "sides: mean lengths, what a bag of words tells (0.5 is chance), and the words that tell most (first : second)"
        yield from _table(
            ["value", "language", "sides", "texts", "lengths", "accuracy", "words"],
            [row for group in two_sided for row in _sides(group)],
        )
    if found.topics:
        shown = ", ".join(f"{topic} {count}" for topic, count in found.topics[:TOPICS])
        rest = f", and {len(found.topics) - TOPICS} more" if len(found.topics) > TOPICS else ""
        yield from ("", f"topics ({len(found.topics)}): {shown}{rest}")
    for one in sample:
        yield from ("", f"{one['kind']}, {one['place']}")
        yield from (f"  {name}: {value}" for name, value in one["record"].items())
    for note in found.notes:
        yield from ("", f"note: {note}")
    if found.problems:
        yield from ("", f"{len(found.problems)} problems; rows that cannot be read are left out:")
        yield from (f"  {problem}" for problem in found.problems[:PROBLEMS])
        if len(found.problems) > PROBLEMS:
            yield f"  ... and {len(found.problems) - PROBLEMS} more (--json shows all)"


def _counts(group: Group) -> list[str]:
    low, mean, high = group.length
    near = f"{group.near} texts" + (f", {group.pairs} pairs" if group.pairs else "") if group.near else "0"
    counts = [str(group.records), str(group.repeated), near, str(group.effective)]
    return [group.kind, group.value or "-", group.language, *counts, f"{low}-{high}, mean {mean:g}"]


def _sides(group: Group) -> Iterator[list[str]]:
    if group.sides is not None:
        one = group.sides
        words = ", ".join(f"{word.word} {word.positive}:{word.negative}" for word in one.words)
        yield [
            group.value or "-",
            group.language,
            "/".join(one.names),
            str(one.texts),
            f"{one.lengths[0]:g}/{one.lengths[1]:g}",
            "-" if one.accuracy is None else f"{one.accuracy:.2f}",
            words,
        ]


def _table(head: list[str], rows: Sequence[list[str]]) -> Iterator[str]:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    for row in [head, *rows]:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
