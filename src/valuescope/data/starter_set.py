"""The starter set that ships with the package: its parts, reading them, and checking their files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from valuescope.data.checks import (
    check_description,
    check_descriptions,
    check_dilemma,
    check_dilemmas,
    check_pair,
    check_pairs,
    check_question,
    check_questions,
    check_repeats,
    check_situation,
    check_situations,
)
from valuescope.data.compared import compared_text
from valuescope.data.findings import DataError, Finding, Place, refuse, shown
from valuescope.data.readers import own
from valuescope.data.readers.rows import Row, gather
from valuescope.data.readers.tables import read_tables
from valuescope.data.records import ContrastPair, Description, Dilemma, Question, Record
from valuescope.values import ValueSystem, load_value_system

Rows = list[tuple[Place, Record]]
_Kind = TypeVar("_Kind", bound=Record)


@dataclass(frozen=True)
class Part:
    """One folder of the starter set: `<system>/<name>/<value>.jsonl` for each value of a level.

    `blocks`: what the keys hold between the value and the number, and how many lines each has, in their order.
    """

    system: str
    name: str
    level: str
    parse: Callable[[Row], Iterable[Record]]
    blocks: tuple[tuple[str, int], ...]

    @property
    def folder(self) -> str:
        """Where its files lie."""
        return f"{self.system}/{self.name}"

    def keys(self, value: str) -> list[str]:
        """The keys of a file, in its order."""
        return [
            f"{value}/{block}{number:02d}" for block, count in self.blocks for number in range(1, count + 1)
        ]


PARTS: dict[str, Part] = {
    part.folder: part
    for part in (
        Part("chinese-social", "evaluation", "value", own.dilemma, (("evaluation/", 20),)),
        Part("chinese-social", "activation", "value", own.dilemma, (("activation/", 20),)),
        Part("schwartz", "contrast", "value", own.pair, (("statement/", 20), ("question/", 20))),
        Part("schwartz", "questions", "value", own.question, (("", 40),)),
        Part("schwartz", "descriptions", "dimension", own.description, (("for/", 20), ("against/", 20))),
        Part("schwartz", "situations", "dimension", own.situation, (("", 40),)),
    )
}


def starter_folder() -> Path:
    """Where the shipped files lie."""
    return Path(str(files("valuescope.data").joinpath("starter")))


def read_part(name: str, values: Iterable[str], folder: Path | None = None) -> list[Record]:
    """The records of one part for some values, in the order of the values and the files.

    Raises:
        DataError: a value has no file, or a line cannot be read.
    """
    part, base = PARTS[name], folder or starter_folder()
    found = list[Record]()
    for value in values:
        path = base / part.folder / f"{value}.jsonl"
        if not path.is_file():
            known = sorted(other.stem for other in (base / part.folder).glob("*.jsonl"))
            raise DataError(
                f"the starter set has no {name} for {value!r}; it has {', '.join(known) or 'none'}"
            )
        rows, problems = read_part_file(path, part)
        refuse(problems)
        found += [record for _, record in rows]
    return found


def read_part_file(path: Path, part: Part) -> tuple[Rows, list[Finding]]:
    """The records of one file with their places, and what could not be read."""
    (table,) = read_tables(path)
    problems = list(table.problems)
    records, places = gather(table.rows, part.parse, problems)
    return list(zip(places, records, strict=True)), problems


def part_of(path: Path) -> Part:
    """The part that a file belongs to, by the last two folders of its path."""
    name = "/".join(path.resolve().parts[-3:-1])
    if name not in PARTS:
        raise DataError(f"{path}: not a file of the starter set; its folder must end in {' or '.join(PARTS)}")
    return PARTS[name]


def check_files(paths: Sequence[Path]) -> list[Finding]:
    """What is wrong with files of the starter set, near-duplicates of texts in the files beside them included."""
    findings, texts = list[Finding](), dict[tuple[str, str, str], list[tuple[Place, str]]]()
    given = {path.resolve() for path in paths}
    sets = {path.parents[2] for path in given if part_of(path)}
    for base in sorted(sets):
        for name, part in PARTS.items():
            for path in sorted((base / name).glob("*.jsonl")):
                shown_path = _shorter(path)
                try:
                    rows, problems = read_part_file(shown_path, part)
                except DataError as error:
                    rows, problems = [], list(error.findings)
                if path in given:
                    findings += problems + _check_file(path.stem, shown_path, part, rows)
                for place, record in rows:
                    field, text = compared_text(record)
                    texts.setdefault((part.system, field, record.language), []).append((place, text))
    names = {str(_shorter(path)) for path in given}
    for (_, field, language), compared in texts.items():
        if any(place.file in names for place, _ in compared):
            suffix = f".{language}" if field == "story" else ""
            findings += check_repeats(compared, field, files=names, suffix=suffix)
    return sorted(set(findings), key=lambda one: (one.file, one.line, one.field, one.rule))


def _check_file(value: str, path: Path, part: Part, rows: Rows) -> list[Finding]:
    system = load_value_system(part.system)
    whole, known = Place(str(path)), system.at_level(part.level)
    findings = list[Finding]()
    if value not in known:
        fix = f"name the file after one of {', '.join(known)}"
        findings.append(Finding(whole, "", f"{value!r} is no value of {part.system}", "", fix))
        return findings
    for place, record in rows:
        if record.value != value:
            fix = "write the value that the file is named after"
            findings.append(Finding(place, "value", f"is not {value!r}", shown(record.value), fix))
    findings += _check_keys(value, whole, part, rows)
    for check in (_dilemmas, _pairs, _questions, _descriptions):
        findings += check(rows, part, system)
    return findings


def _check_keys(value: str, whole: Place, part: Part, rows: Rows) -> Iterator[Finding]:
    """Every line has the key that its place asks for."""
    found = list(
        dict.fromkeys((place, record.key.removesuffix(f"/{record.language}")) for place, record in rows)
    )
    wanted = part.keys(value)
    if len(found) != len(wanted):
        counts = ", ".join(f"{count} {block.strip('/')}".strip() for block, count in part.blocks)
        yield Finding(whole, "", f"holds {len(found)} lines", "", f"write {len(wanted)} ({counts})")
    for (place, key), right in zip(found, wanted, strict=False):
        if key != right:
            yield Finding(place, "key", "is not the one of this line", shown(key), f"write {right!r}")


def _of(rows: Rows, kind: type[_Kind]) -> list[tuple[Place, _Kind]]:
    return [(place, record) for place, record in rows if isinstance(record, kind)]


def _dilemmas(rows: Rows, part: Part, system: ValueSystem) -> list[Finding]:
    findings, by_language = list[Finding](), defaultdict(list)
    for place, dilemma in _of(rows, Dilemma):
        by_language[dilemma.language].append((place, dilemma))
        asked = part.name == "activation"
        if dilemma.rationale and not asked:
            fix = "leave it out: evaluation items have none"
            findings.append(Finding(place, "rationale", "is not asked for", shown(dilemma.rationale), fix))
        if dilemma.value in system:
            suffix = f".{dilemma.language}"
            findings += check_dilemma(dilemma, place, system, rationale=asked, suffix=suffix)
    for language, held in by_language.items():
        findings += check_dilemmas(held, suffix=f".{language}")
        if len(held) < len({place for place, _ in _of(rows, Dilemma)}):
            fix = "write every line in English and Chinese"
            findings.append(
                Finding(Place(held[0][0].file), "story", f"{len(held)} lines in {language}", "", fix)
            )
    if rows and isinstance(rows[0][1], Dilemma) and set(by_language) != set(own.LANGUAGES):
        fix = "write every line in English and Chinese"
        findings.append(
            Finding(Place(rows[0][0].file), "story", "one language only", shown(list(by_language)), fix)
        )
    return findings


def _pairs(rows: Rows, part: Part, system: ValueSystem) -> list[Finding]:
    held = _of(rows, ContrastPair)
    findings = [
        one for place, pair in held if pair.value in system for one in check_pair(pair, place, system)
    ]
    for place, pair in held:
        if f"/{pair.kind}/" not in pair.key:
            findings.append(
                Finding(place, "kind", "is not the one of the key", shown(pair.kind), "make them agree")
            )
    return findings + check_pairs(held)


def _questions(rows: Rows, part: Part, system: ValueSystem) -> list[Finding]:
    held = _of(rows, Question)
    known = [(place, question) for place, question in held if question.value in system]
    if part.name == "situations":
        findings = [one for place, question in known for one in check_situation(question, place, system)]
        return findings + check_situations(known, system)
    return [
        one for place, question in known for one in check_question(question, place, system)
    ] + check_questions(held)


def _descriptions(rows: Rows, part: Part, system: ValueSystem) -> list[Finding]:
    held = _of(rows, Description)
    findings = [
        one for place, text in held if text.value in system for one in check_description(text, place, system)
    ]
    for place, text in held:
        if f"/{text.stance}/" not in text.key:
            findings.append(
                Finding(place, "stance", "is not the one of the key", shown(text.stance), "make them agree")
            )
    return findings + check_descriptions(held)


def _shorter(path: Path) -> Path:
    """The path as seen from the working directory, where it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
