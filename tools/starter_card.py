"""Write the data card of the starter set: counts, lengths, checks, repeats and wording, all computed from its files.

python tools/starter_card.py --out docs/starter-set.md
"""

from __future__ import annotations

import argparse
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, product
from pathlib import Path
from statistics import fmean

from starter_rules import limited_fields, rules

from valuescope.data.checks import (
    WordDifference,
    WordingAccuracy,
    function_words,
    near_duplicates,
    shared_wording,
    size,
    word_differences,
    wording_accuracy,
)
from valuescope.data.checks.duplicates import NEAR, SHARED
from valuescope.data.checks.set_limits import PAIR_LIMITS, Range
from valuescope.data.records import (
    ContrastPair,
    Description,
    Dilemma,
    Question,
    Record,
    compared_text,
    of_kind,
    sides,
)
from valuescope.data.starter import PARTS, read_part, starter_folder
from valuescope.data.starter_checks import check_files
from valuescope.files import write_text_atomic
from valuescope.values import load_value_system

Held = Mapping[str, Mapping[str, Sequence[Record]]]
"""The records of each part and value."""

_WORDS = 6


def read_starter() -> Held:
    """All records of the starter set, by part and value."""
    return {
        name: {
            value: read_part(name, [value]) for value in load_value_system(part.system).at_level(part.level)
        }
        for name, part in PARTS.items()
    }


def starter_card(held: Held, tables: Mapping[str, Callable[[Held], str]] | None = None) -> str:
    """The card as Markdown.

    Args:
        held: what `read_starter` read.
        tables: name -> what computes that table (None: `TABLES`).
    """
    computed = TABLES if tables is None else tables
    card = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    blocks = [f"# {card['title']}"]
    for section in card["sections"]:
        blocks += [f"## {section['title']}", section["text"].strip()]
        blocks += [computed[name](held) for name in section.get("tables", [])]
    return "\n\n".join(blocks) + "\n"


def _counts(held: Held) -> str:
    rows = []
    for name, language, records in _parts(held):
        per_value = Counter(record.value for record in records).values()
        topics = {(record.value, record.topic) for record in records if record.topic}
        rows.append([name, language, len(per_value), _range(per_value), len(records), len(topics) or "-"])
    total = sum(len(records) for _, _, records in _parts(held))
    head = ["part", "language", "values", "per value", "records", "topics or scenes"]
    return _table(head, [*rows, ["all", "", "", "", total, ""]])


def _values(held: Held) -> str:
    """Values that have equally many records of each kind share a row."""
    counts = defaultdict[tuple[str, str], list[str]](list)
    for name, language, records in _parts(held):
        for value, count in Counter(record.value for record in records).items():
            counts[PARTS[name].system, value].append(f"{PARTS[name].name} {language} {count}")
    alike = defaultdict[tuple[str, str], list[str]](list)
    for (system, value), found in counts.items():
        alike[system, ", ".join(found)].append(value)
    rows = [[system, ", ".join(values), found] for (system, found), values in alike.items()]
    return _table(["value system", "values", "records of each"], rows)


def _topics(held: Held) -> str:
    cells = defaultdict[str, list[str]](list)
    for name, language, records in _parts(held):
        if language == "en" and of_kind(records, Dilemma):
            for value in held[name]:
                counts = Counter(record.topic for record in records if record.value == value)
                cells[value].append("; ".join(f"{topic} ({count})" for topic, count in counts.items()))
    return _table(["value", "topics of evaluation", "topics of activation"], _keyed(cells))


def _situations(held: Held) -> str:
    rows = []
    for value, records in (*held["schwartz/situations"].items(), *held["schwartz/situations-value"].items()):
        found = [record for record in records if isinstance(record, Question)]
        columns = Counter(record.atomic for record in found), Counter(record.topic for record in found)
        rows.append(
            [value, *(", ".join(f"{name} {count}" for name, count in sorted(one.items())) for one in columns)]
        )
    return _table(["situations of", "atomic values", "topics"], rows)


def _lengths(held: Held) -> str:
    rows = []
    for name, language, records in _parts(held):
        fields = defaultdict[tuple[str, Range], list[int]](list)
        for record in records:
            for field, text, allowed in limited_fields(record, PARTS[name]):
                fields[field, allowed].append(size(text, language))
        for (field, allowed), lengths in fields.items():
            found = [min(lengths), f"{fmean(lengths):.1f}", max(lengths)]
            rows.append([name, language, field, f"{allowed[0]}-{allowed[1]}", *found])
    return _table(["part", "language", "field", "allowed", "least", "mean", "most"], rows)


def _checks(held: Held) -> str:
    rows = []
    for name, language, records in _parts(held):
        by_value = defaultdict[str, list[Record]](list)
        for record in records:
            by_value[record.value].append(record)
        rows += [[name, language, *rule] for rule in rules(list(by_value.values()), PARTS[name])]
    return _table(["part", "language", "rule, in any file", "threshold", "found"], rows)


def _findings(held: Held) -> str:
    paths = [starter_folder() / name / f"{value}.jsonl" for name, values in held.items() for value in values]
    found = check_files(paths)
    lines = [
        f"All checks together: {len(paths)} files, {len(found)} findings.",
        *(f"- {one.place}: {one.rule}" for one in found),
    ]
    return "\n".join(lines)


def _repeats(held: Held) -> str:
    rows = []
    for name, language, records in _parts(held):
        texts = [compared_text(record)[1] for record in records]
        found = near_duplicates(texts)
        near = sum(map(len, found.clusters))
        shared = max(share for _, _, share in [(0, 0, 0.0), *shared_wording(texts, 0)])
        row = [name, language, len(texts), found.exact, near, f"{near / len(texts):.1%}", found.effective]
        rows.append([*row, f"{shared:.2f}"])
    head = [
        "part",
        "language",
        "texts",
        "exact repeats",
        f"near-duplicates (above {NEAR:g})",
        "rate",
        "effective n",
    ]
    return _table([*head, f"shared trigrams (at most {SHARED:.2f})"], rows)


def _wording(held: Held) -> str:
    rows = []
    for value, records in held["schwartz/contrast"].items():
        rows.append([value, *_told(records)[1:]])
    return _table(["value", *_TOLD[1:]], rows)


def _pooled(held: Held) -> str:
    """The values taken together: a wording that their positive sides have in common."""
    told = _told(list(chain(*held["schwartz/contrast"].values())))
    shown = ", ".join(f"{name} {cell}" for name, cell in zip(_TOLD[1:], told[1:], strict=True))
    return f"All values together: {shown}."


def _plain(held: Held) -> str:
    """What function words and all words tell of the pairs of the tier plain, value by value and together."""
    files = {value: list(records) for value, records in held["schwartz/contrast-plain"].items()}
    files["all values"] = list(chain(*files.values()))
    rows = []
    for value, records in files.items():
        pairs, told = of_kind(records, ContrastPair), _told(records)
        first, second = tuple(pair.positive for pair in pairs), tuple(pair.negative for pair in pairs)
        measured = _accuracy(first, second, function_words())
        cells = ["-", "-"] if measured is None else _shown(measured)
        ahead = [word for word in word_differences(first, second) if word.word in function_words()][:_WORDS]
        rows.append([value, *told[1:3], *cells, *told[3:6], _words(ahead)])
    head = [
        "value",
        "pairs",
        "folds",
        "function words",
        "95% interval",
        "all words",
        "95% interval",
        "longer",
    ]
    return _table([*head, "function words ahead"], rows)


def _sides(held: Held) -> str:
    rows = []
    for (value, language, _), records in _two_sided(held).items():
        rows.append([value, language, *_told(records)])
    return _table(["value", "language", *_TOLD], rows)


def _shortcuts(held: Held) -> str:
    found = []
    for (value, language, _), records in _two_sided(held).items():
        measured = sides(records)
        told = _accuracy(tuple(measured[1]), tuple(measured[2])) if measured else None
        if measured and told and told.accuracy >= PAIR_LIMITS.accuracy:
            found.append(f"- {value} ({language}), {'/'.join(measured[0])}: {told.accuracy:.2f}")
    return "\n".join(found) or "- none"


def _parts(held: Held) -> Iterator[tuple[str, str, list[Record]]]:
    """Each part in each of its languages."""
    for name, values in held.items():
        by_language = defaultdict[str, list[Record]](list)
        for record in chain(*values.values()):
            by_language[record.language].append(record)
        for language, records in by_language.items():
            yield name, language, records


def _two_sided(held: Held) -> dict[tuple[str, str, type[Record]], list[Record]]:
    """Dilemmas and descriptions by value, language and kind."""
    found = defaultdict[tuple[str, str, type[Record]], list[Record]](list)
    for values in held.values():
        for record in chain(*values.values()):
            if isinstance(record, Dilemma | Description):
                found[record.value, record.language, type(record)].append(record)
    return found


_TOLD = ("sides", "pairs", "folds", "accuracy", "95% interval", "longer", "words")


def _told(records: Sequence[Record]) -> list[object]:
    """What tells the two sides apart, as the columns `_TOLD`."""
    measured = sides(records)
    if measured is None:
        return ["-"] * len(_TOLD)
    names, first, second = measured
    told = _accuracy(tuple(first), tuple(second))
    lengths = [[size(text, records[0].language) for text in side] for side in (first, second)]
    paired = product(*lengths) if isinstance(records[0], Description) else zip(*lengths, strict=True)
    longer = fmean((one > other) + (one == other) / 2 for one, other in paired)
    ahead = word_differences(first, second)[:_WORDS]
    return [
        "/".join(names),
        len(first),
        "-" if told is None else f"{told.folds} x {told.repeats}",
        *(["-", "-"] if told is None else _shown(told)),
        f"{longer:.2f}",
        _words(ahead),
    ]


def _shown(told: WordingAccuracy) -> list[str]:
    """The accuracy, and 95% over pairs."""
    half = 1.96 * told.standard_error
    return [
        f"{told.accuracy:.3f}",
        f"{max(0.0, told.accuracy - half):.2f}-{min(1.0, told.accuracy + half):.2f}",
    ]


def _words(ahead: Iterable[WordDifference]) -> str:
    return ", ".join(f"{word.word} {word.positive}:{word.negative}" for word in ahead)


@cache
def _accuracy(
    first: tuple[str, ...], second: tuple[str, ...], vocabulary: frozenset[str] | None = None
) -> WordingAccuracy | None:
    """Two tables ask for the same sides."""
    return wording_accuracy(first, second, vocabulary=vocabulary)


def _keyed(cells: Mapping[str, Sequence[object]]) -> list[list[object]]:
    return [[key, *found] for key, found in cells.items()]


def _range(numbers: Iterable[int]) -> str:
    """The least and the most, once where they are the same."""
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]}-{found[-1]}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)


TABLES: dict[str, Callable[[Held], str]] = {
    "counts": _counts,
    "values": _values,
    "topics": _topics,
    "situations": _situations,
    "lengths": _lengths,
    "checks": _checks,
    "findings": _findings,
    "repeats": _repeats,
    "wording": _wording,
    "pooled": _pooled,
    "plain": _plain,
    "sides": _sides,
    "shortcuts": _shortcuts,
}
"""name -> function that computes one table of the card from all records."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write the data card of the starter set.")
    parser.add_argument("--out", type=Path, default=Path("docs/starter-set.md"), help="default: %(default)s")
    options = parser.parse_args(arguments)
    print(write_text_atomic(options.out, starter_card(read_starter())))


if __name__ == "__main__":
    main()
