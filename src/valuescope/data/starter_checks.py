"""Checking files of the starter set, or of any set in its layout; `python -m valuescope.data.checks FILE...`."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

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
from valuescope.data.findings import DataError, Finding, Place, shown
from valuescope.data.records import ContrastPair, Description, Dilemma, Question, Record, compared_text
from valuescope.data.starter import PARTS, StarterPart
from valuescope.values import ValueSystem, load_value_system

Rows = Sequence[tuple[Place, Record]]


def main(arguments: Sequence[str]) -> int:
    """Print every finding about files or folders; 1 if there is any, 2 if the command line is wrong."""
    paths = [path for argument in arguments for path in _files(Path(argument))]
    if not paths:
        print("usage: python -m valuescope.data.checks FILE_OR_FOLDER...", file=sys.stderr)
        return 2
    for path in paths:
        try:
            if not path.is_file():
                raise DataError(f"{path}: no such file")
            part_of(path)
        except DataError as error:
            print(error, file=sys.stderr)
            return 2
    findings = check_files(paths)
    for finding in findings:
        print(finding)
    print(f"{len(paths)} files, {len(findings)} findings")
    return int(bool(findings))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*.jsonl") if _part_name(file) in PARTS)


def _part_name(path: Path) -> str:
    return "/".join(path.resolve().parts[-3:-1])


def part_of(path: Path) -> StarterPart:
    """The part that a file belongs to, by the last two folders of its path."""
    if _part_name(path) not in PARTS:
        raise DataError(f"{path}: not a file of the starter set; its folder must end in {' or '.join(PARTS)}")
    return PARTS[_part_name(path)]


def check_files(paths: Sequence[Path]) -> list[Finding]:
    """What is wrong with files of the starter set, near-duplicates of texts in the files beside them included."""
    findings = list[Finding]()
    texts = defaultdict[tuple[str, str, str], list[tuple[Place, str]]](list)
    given = {path.resolve() for path in paths}
    for base in sorted({path.parents[2] for path in given if part_of(path)}):
        for name, part in PARTS.items():
            for path in sorted((base / name).glob("*.jsonl")):
                try:
                    rows, problems = part.read(_shorter(path))
                except DataError as error:
                    rows, problems = [], list(error.findings)
                if path in given:
                    findings += [*problems, *_check_file(path.stem, _shorter(path), part, rows)]
                for place, record in rows:
                    field, text = compared_text(record)
                    texts[part.system, field, record.language].append((place, text))
    names = {str(_shorter(path)) for path in given}
    for (_, field, language), compared in texts.items():
        if any(place.file in names for place, _ in compared):
            suffix = f".{language}" if field == "story" else ""
            findings += check_repeats(compared, field, files=names, suffix=suffix)
    return sorted(
        set(findings), key=lambda finding: (finding.file, finding.line, finding.field, finding.rule)
    )


def _check_file(value: str, path: Path, part: StarterPart, rows: Rows) -> Iterator[Finding]:
    system = load_value_system(part.system)
    whole, known = Place(str(path)), system.at_level(part.level)
    if value not in known:
        fix = f"name the file after one of {', '.join(known)}"
        yield Finding(whole, "", f"{value!r} is no value of {part.system}", "", fix)
        return
    for place, record in rows:
        if record.value != value:
            fix = "write the value that the file is named after"
            yield Finding(place, "value", f"is not {value!r}", shown(record.value), fix)
    yield from _check_keys(value, whole, part, rows)
    for check in (_dilemmas, _pairs, _questions, _descriptions):
        yield from check(rows, whole, part, system)


def _check_keys(value: str, whole: Place, part: StarterPart, rows: Rows) -> Iterator[Finding]:
    """Every line has the key that its place asks for."""
    keys = list(
        dict.fromkeys((place, record.key.removesuffix(f"/{record.language}")) for place, record in rows)
    )
    wanted = part.keys(value)
    if len(keys) != len(wanted):
        counts = ", ".join(f"{count} {block.strip('/')}".strip() for block, count in part.blocks)
        yield Finding(whole, "", f"holds {len(keys)} lines", "", f"write {len(wanted)} ({counts})")
    for (place, key), right in zip(keys, wanted, strict=False):
        if key != right:
            yield Finding(place, "key", "is not the one of this line", shown(key), f"write {right!r}")


def _dilemmas(rows: Rows, whole: Place, part: StarterPart, system: ValueSystem) -> Iterator[Finding]:
    by_language = defaultdict[str, list[tuple[Place, Dilemma]]](list)
    reasoned = part.name == "activation"
    for place, dilemma in rows:
        if not isinstance(dilemma, Dilemma):
            continue
        by_language[dilemma.language].append((place, dilemma))
        if dilemma.rationale and not reasoned:
            fix = "leave it out: evaluation items have none"
            yield Finding(place, "rationale", "is not asked for", shown(dilemma.rationale), fix)
        if dilemma.value in system:
            suffix = f".{dilemma.language}"
            yield from check_dilemma(dilemma, place, system, rationale=reasoned, suffix=suffix)
    lines = {place for held in by_language.values() for place, _ in held}
    names = " and ".join({"en": "English", "zh": "Chinese"}[language] for language in part.languages)
    fix = f"write every line in {names}"
    for language, held in by_language.items():
        yield from check_dilemmas(held, suffix=f".{language}")
        if len(held) < len(lines):
            yield Finding(whole, "story", f"{len(held)} lines in {language}", "", fix)
    if by_language and set(by_language) != set(part.languages):
        rule = f"its languages are not {names}"
        yield Finding(whole, "story", rule, shown(list(by_language)), fix)


def _pairs(rows: Rows, whole: Place, part: StarterPart, system: ValueSystem) -> Iterator[Finding]:
    pairs = [(place, pair) for place, pair in rows if isinstance(pair, ContrastPair)]
    for place, pair in pairs:
        if pair.value in system:
            yield from check_pair(pair, place, system, part.pairs)
        if f"/{pair.kind}/" not in pair.key:
            yield Finding(place, "kind", "is not the one of the key", shown(pair.kind), "make them agree")
    yield from check_pairs(pairs, part.pairs)


def _questions(rows: Rows, whole: Place, part: StarterPart, system: ValueSystem) -> Iterator[Finding]:
    questions = [(place, question) for place, question in rows if isinstance(question, Question)]
    known = [(place, question) for place, question in questions if question.value in system]
    situations = part.name.startswith("situations")
    for place, question in known:
        if situations:
            yield from check_situation(question, place, system, part.situations)
        else:
            yield from check_question(question, place, system, part.questions)
    if situations:
        yield from check_situations(known, system, part.situations)
    else:
        yield from check_questions(questions, part.questions)


def _descriptions(rows: Rows, whole: Place, part: StarterPart, system: ValueSystem) -> Iterator[Finding]:
    texts = [(place, text) for place, text in rows if isinstance(text, Description)]
    for place, text in texts:
        if text.value in system:
            yield from check_description(text, place, system)
        if f"/{text.stance}/" not in text.key:
            yield Finding(place, "stance", "is not the one of the key", shown(text.stance), "make them agree")
    yield from check_descriptions(texts)


def _shorter(path: Path) -> Path:
    """The path as seen from the working directory, where it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
