"""data: what a data set holds, and what is wrong with it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valuescope.cli.command import argument, command, option
from valuescope.cli.terminal import ProgressBars, aligned

if TYPE_CHECKING:
    from valuescope.data import Dataset, Overview
    from valuescope.data.overview import Group

READERS = (
    *("valuescope", "c-voice", "valueinsight", "conva", "valuebench", "pvq", "valuecsv", "fulcra", "bbq"),
    *("safetybench", "vlsbench", "moralchoice", "daily-dilemmas", "mmlu", "qrnca", "ultrachat"),
)
TOPICS = 12
PROBLEMS = 20


@dataclass(frozen=True)
class Sample:
    """One record that is shown, without its empty fields, and where it stands."""

    kind: str
    place: str
    record: dict[str, Any]


@command(
    "show what a data set holds: counts, near-duplicates, wording that gives its sides away, problems",
    "valuescope data starter --sample 2\n  valuescope data DATA/conva/probe --as conva",
)
def data(
    path: str = argument(
        'file, folder, hf:owner/name on the hub, or "starter" (which ships with valuescope)', "PATH"
    ),
    reader: str | None = option(None, "the format (default: found by its columns)", "--as", names=READERS),
    sample: int = option(1, "records shown of each kind", "N"),
    seed: int = option(0, "of the sample"),
    strict: bool = option(False, "fail where any row is malformed", "--strict"),
    as_json: bool = option(False, "print everything as JSON", "--json"),
) -> None:
    """`valuescope data`."""
    from valuescope.data import DataError, overview, read_data, starter_folder

    if sample < 0:
        raise DataError(f"--sample is {sample}; it must be 0 or more")
    starter = path == "starter" and not Path(path).exists()
    dataset = read_data(str(starter_folder()) if starter else path, reader, strict=strict)
    with ProgressBars() as progress:
        view = overview(dataset, progress)
    samples = _samples(dataset, sample, seed)
    if as_json:
        content = {**view.to_dict(), "sample": [asdict(record) for record in samples]}
        print(json.dumps(content, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_lines(view, samples)))


def _samples(dataset: Dataset, count: int, seed: int) -> list[Sample]:
    """Records of each kind and language, drawn by the seed."""
    from valuescope.data.records import KINDS

    grouped: dict[tuple[str, str], list[int]] = {}
    for number, record in enumerate(dataset.records):
        grouped.setdefault((KINDS[type(record)], record.language), []).append(number)
    samples = []
    for (kind, language), numbers in grouped.items():
        rng = random.Random(f"sample-{seed}-{kind}-{language}")
        for number in sorted(rng.sample(numbers, min(count, len(numbers)))):
            fields = asdict(dataset.records[number])
            filled = {name: value for name, value in fields.items() if value not in ("", (), None)}
            samples.append(Sample(kind, str(dataset.places[number]), filled))
    return samples


def _lines(view: Overview, samples: Sequence[Sample]) -> Iterator[str]:
    languages = ", ".join(f"{language} {count}" for language, count in view.languages)
    yield f"{view.path}: {view.records} records read as {view.format} ({languages})"
    if view.unread:
        yield f"{view.unread} {'row' if view.unread == 1 else 'rows'} could not be read (see the problems below)"
    yield ""
    head = ["kind", "value", "language", "records", "repeated", "near-duplicates", "effective n", "length"]
    yield from aligned([head, *map(_counts, view.groups)])
    if any(group.sides for group in view.groups):
        yield ""
        yield "sides: mean lengths, what a bag of words tells (0.5 is chance), and the words that tell most (first : second)"
        head = ["value", "language", "sides", "texts", "lengths", "accuracy", "words"]
        yield from aligned([head, *(row for group in view.groups for row in _sides(group))])
    if view.topics:
        topics = ", ".join(f"{topic} {count}" for topic, count in view.topics[:TOPICS])
        rest = f", and {len(view.topics) - TOPICS} more" if len(view.topics) > TOPICS else ""
        yield from ("", f"topics ({len(view.topics)}): {topics}{rest}")
    for sample in samples:
        yield from ("", f"{sample.kind}, {sample.place}")
        yield from (f"  {name}: {value}" for name, value in sample.record.items())
    for note in view.notes:
        yield from ("", f"note: {note}")
    if view.problems:
        yield from ("", f"{len(view.problems)} problems; rows that cannot be read are left out:")
        yield from (f"  {problem}" for problem in view.problems[:PROBLEMS])
        if len(view.problems) > PROBLEMS:
            yield f"  ... and {len(view.problems) - PROBLEMS} more (--json shows all)"


def _counts(group: Group) -> list[str]:
    low, mean, high = group.length
    near = f"{group.near} texts" + (f", {group.pairs} pairs" if group.pairs else "") if group.near else "0"
    counts = [str(group.records), str(group.repeated), near, str(group.effective)]
    return [group.kind, group.value or "-", group.language, *counts, f"{low}-{high}, mean {mean:g}"]


def _sides(group: Group) -> Iterator[list[str]]:
    sides = group.sides
    if sides is not None:
        yield [
            group.value or "-",
            group.language,
            "/".join(sides.names),
            str(sides.texts),
            f"{sides.lengths[0]:g}/{sides.lengths[1]:g}",
            "-" if sides.accuracy is None else f"{sides.accuracy:.2f}",
            ", ".join(f"{word.word} {word.positive}:{word.negative}" for word in sides.words),
        ]
