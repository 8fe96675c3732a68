"""What a data set holds: counts, repeats, lengths, and wording that gives its sides away."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from valuescope.data.checks import WordDifference, near_duplicates, size, word_differences, wording_accuracy
from valuescope.data.readers import Dataset
from valuescope.data.records import KINDS, Record, compared_text, sides
from valuescope.progress import Progress

_WORDS = 8


@dataclass(frozen=True)
class Sides:
    """Two sides of one group: their names, mean lengths, the words that differ most, and what a bag of words reads.

    `accuracy` is None where there are fewer than five texts a side.
    """

    names: tuple[str, str]
    texts: int
    lengths: tuple[float, float]
    words: tuple[WordDifference, ...]
    accuracy: float | None


@dataclass(frozen=True)
class Group:
    """The records of one kind, value and language.

    `repeated`: texts that repeat another but for width and spaces; `near`: texts in a cluster of near-duplicates, and
    `pairs` of them (None among more than 400 texts, where not every pair is compared); `effective`: records if each
    cluster counts once. `length`: least, mean and most, in words (Chinese: characters).
    """

    kind: str
    value: str
    language: str
    records: int
    repeated: int
    near: int
    pairs: int | None
    effective: int
    length: tuple[int, float, int]
    sides: Sides | None


@dataclass(frozen=True)
class Overview:
    """A whole set. `topics` are the most frequent first; `unread`: rows or entries that could not be read."""

    format: str
    path: str
    records: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    languages: tuple[tuple[str, int], ...]
    topics: tuple[tuple[str, int], ...]
    groups: tuple[Group, ...]
    unread: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return asdict(self)


def overview(dataset: Dataset, progress: Progress | None = None) -> Overview:
    """Count and compare all records; `progress(stage, done, total)` is called after each group."""
    grouped = defaultdict[tuple[str, str, str], list[Record]](list)
    for record in dataset.records:
        grouped[KINDS[type(record)], record.value, record.language].append(record)
    groups = []
    for number, (key, records) in enumerate(sorted(grouped.items(), key=_order), 1):
        groups.append(_group(*key, records))
        if progress:
            progress("comparing", number, len(grouped))
    topics = Counter(record.topic for record in dataset.records if record.topic)
    return Overview(
        format=dataset.format,
        path=dataset.path,
        records=len(dataset),
        problems=tuple(map(str, dataset.problems)),
        notes=dataset.notes,
        languages=tuple(Counter(record.language for record in dataset.records).most_common()),
        topics=tuple(topics.most_common()),
        groups=tuple(groups),
        unread=dataset.unread,
    )


def _order(entry: tuple[tuple[str, str, str], list[Record]]) -> tuple[int, str, str]:
    (kind, value, language), _ = entry
    return list(KINDS.values()).index(kind), value, language


def _group(kind: str, value: str, language: str, records: Sequence[Record]) -> Group:
    texts = [compared_text(record)[1] for record in records]
    repeats = near_duplicates(texts)
    lengths = [size(text, language) for text in texts]
    return Group(
        kind=kind,
        value=value,
        language=language,
        records=len(records),
        repeated=repeats.exact,
        near=sum(map(len, repeats.clusters)),
        pairs=len(repeats.pairs) if repeats.complete else None,
        effective=repeats.effective,
        length=(min(lengths), round(fmean(lengths), 1), max(lengths)),
        sides=_sides(records, language),
    )


def _sides(records: Sequence[Record], language: str) -> Sides | None:
    both = sides(records)
    if both is None:
        return None
    names, first, second = both
    measured = wording_accuracy(first, second)
    return Sides(
        names=names,
        texts=len(first),
        lengths=(
            round(fmean(size(text, language) for text in first), 1),
            round(fmean(size(text, language) for text in second), 1),
        ),
        words=word_differences(first, second)[:_WORDS],
        accuracy=None if measured is None else round(measured.accuracy, 3),
    )
