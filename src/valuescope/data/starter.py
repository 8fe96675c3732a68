"""The starter set that ships with the package: its parts, reading them, and material for a run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TypeVar

from valuescope.data.checks.set_limits import (
    PAIR_LIMITS,
    PLAIN_PAIR_LIMITS,
    PLAIN_QUESTION_LIMITS,
    QUESTION_LIMITS,
    SITUATION_LIMITS,
    VALUE_SITUATION_LIMITS,
    PairLimits,
    QuestionLimits,
    SituationLimits,
)
from valuescope.data.findings import DataError, Finding, Place, refuse
from valuescope.data.material import Material, MaterialDraft, MaterialDraw, require_numbers
from valuescope.data.readers import own_lines
from valuescope.data.readers.rows import DataRow, gather
from valuescope.data.readers.table_files import read_tables
from valuescope.data.records import ContrastPair, Description, Dilemma, Question, Record, of_kind
from valuescope.ranges import Count, CountOrNone, HeldOut
from valuescope.values import load_value_system

_Kind = TypeVar("_Kind", ContrastPair, Description, Dilemma, Question)
TIERS = ("hard", "plain")
"""Of the contrast pairs and open questions: the sides' words nearly the same, or whatever says the stance plainly."""
NOTE = "Texts and questions are those of the starter set, written for valuescope."
KINDS = {"pairs": "questions", "descriptions": "situations", "dilemmas": "dilemmas"}
"""Kinds of texts about Schwartz's ten values (each paper reads one), and what of the kind can be asked alone."""
PLAIN_NOTE = "The pairs are those of the tier plain: content words speak for one side, so that a difference may be one of wording."


@dataclass(frozen=True)
class StarterPart:
    """One folder of the starter set: `<system>/<name>/<value>.jsonl` for each value of a level.

    `blocks`: what the keys hold between the value and the number, and how many lines each has, in their order.
    `pairs`, `questions`, `situations`: what its records of these kinds are held to. `languages`: of its dilemmas.
    """

    system: str
    name: str
    level: str
    parse: Callable[[DataRow], Iterable[Record]]
    blocks: tuple[tuple[str, int], ...]
    pairs: PairLimits = PAIR_LIMITS
    questions: QuestionLimits = QUESTION_LIMITS
    situations: SituationLimits = SITUATION_LIMITS
    languages: tuple[str, ...] = ("en", "zh")

    @property
    def folder(self) -> str:
        """Where its files lie."""
        return f"{self.system}/{self.name}"

    def keys(self, value: str) -> list[str]:
        """The keys of a file, in its order."""
        return [
            f"{value}/{block}{number:02d}" for block, count in self.blocks for number in range(1, count + 1)
        ]

    def read(self, path: Path) -> tuple[list[tuple[Place, Record]], list[Finding]]:
        """The records of one file with their places, and what could not be read."""
        (table,) = read_tables(path)
        problems = list(table.problems)
        records, places = gather(table.rows, self.parse, problems)
        return list(zip(places, records, strict=True)), problems


PARTS: dict[str, StarterPart] = {
    part.folder: part
    for part in (
        StarterPart("chinese-social", "evaluation", "value", own_lines.dilemma, (("evaluation/", 20),)),
        StarterPart("chinese-social", "activation", "value", own_lines.dilemma, (("activation/", 20),)),
        StarterPart("schwartz", "contrast", "value", own_lines.pair, (("statement/", 20), ("question/", 20))),
        StarterPart("schwartz", "questions", "value", own_lines.question, (("", 40),)),
        StarterPart(
            "schwartz",
            "contrast-plain",
            "value",
            own_lines.pair,
            (("plain/statement/", 60),),
            pairs=PLAIN_PAIR_LIMITS,
        ),
        StarterPart(
            "schwartz",
            "questions-plain",
            "value",
            own_lines.question,
            (("plain/yes/", 20), ("plain/no/", 20)),
            questions=PLAIN_QUESTION_LIMITS,
        ),
        StarterPart(
            "schwartz", "descriptions", "dimension", own_lines.description, (("for/", 20), ("against/", 20))
        ),
        StarterPart("schwartz", "situations", "dimension", own_lines.situation, (("", 40),)),
        StarterPart(
            "schwartz", "descriptions-value", "value", own_lines.description, (("for/", 12), ("against/", 12))
        ),
        StarterPart(
            "schwartz",
            "situations-value",
            "value",
            own_lines.situation,
            (("situation/", 20),),
            situations=VALUE_SITUATION_LIMITS,
        ),
        *(
            StarterPart(
                "schwartz", split, "value", own_lines.dilemma, ((f"{split}/", 12),), languages=("en",)
            )
            for split in ("evaluation", "activation")
        ),
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
    records = list[Record]()
    for value in values:
        path = base / part.folder / f"{value}.jsonl"
        if not path.is_file():
            known = sorted(file.stem for file in (base / part.folder).glob("*.jsonl"))
            raise DataError(
                f"the starter set has no {name} for {value!r}; it has {', '.join(known) or 'none'}"
            )
        rows, problems = part.read(path)
        refuse(problems)
        records += [record for _, record in rows]
    return records


def starter_material(
    values: tuple[str, ...],
    *,
    language: str = "en",
    tier: str = "hard",
    kinds: Sequence[str] = ("pairs",),
    questions_of: str = "questions",
    held_out: HeldOut | None = None,
    texts: Count = 60,
    questions: Count | None = None,
    tuning: CountOrNone = 5,
    seed: int = 0,
) -> Material:
    """Texts, questions and pairs of the starter set.

    Schwartz's ten values: contrast pairs (texts positive and negative, held-out pairs) and open questions; of other
    `kinds` descriptions and situational questions, and dilemmas, so that all three papers' methods have what they read. His four
    dimensions: descriptions and situational questions (texts for and against; questions alone and described). The
    twelve Chinese social values: activation dilemmas with rationale (text) and evaluation dilemmas as questions.

    Args:
        values: ids of one of these three levels.
        language: "en", or "zh" for the Chinese social values.
        tier: of Schwartz's ten values: "hard", 40 pairs whose sides hold nearly the same words, or "plain", 60 pairs
            whose stance can be read from content words, and questions to half of which yes is the answer for the
            value and to half of which no is (asked in turn, so that any number of them is balanced).
        kinds: of Schwartz's ten values, which of "pairs" (texts positive, negative; pairs), "descriptions" (for, against;
            situational questions, described) and "dilemmas" (text). Each has a split of its own, so that none changes
            what is drawn of another.
        questions_of: what is asked alone, of these kinds: the tier's "questions" of the pairs, the "situations" of the
            descriptions, or the "dilemmas". They are never mixed.
        held_out: share of the pairs (None: 0.3), or of descriptions and situations (None: 0.5), kept for the
            evaluation.
        texts: described situations read per value and direction at most.
        questions: evaluation questions per value and setting at most (None: all).
        tuning: questions per value and setting put aside for the choice of strengths.
        seed: of the split; that of a value does not depend on the other values.

    Raises:
        DataError: values of no such level, a language or tier that it lacks, a number out of range.
    """
    require_numbers(
        held_out=(held_out, 0.01, 0.99),
        texts=(texts, 1, 1e9),
        questions=(questions, 1, 1e9),
        tuning=(tuning, 0, 1e9),
    )
    system, level = _level(values)
    known = ("en", "zh") if system == "chinese-social" else ("en",)
    if language not in known:
        raise DataError(
            f"language is {language!r}; the starter set has these values in {' and '.join(known)}"
        )
    if tier not in TIERS:
        raise DataError(f"tier is {tier!r}; the tiers are {' and '.join(TIERS)}")
    plain = tier == "plain"
    if plain and (system, level) != ("schwartz", "value"):
        raise DataError("tier is 'plain'; the starter set has it for Schwartz's ten values")
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    _require_kinds(kinds, questions_of)
    if (kinds, questions_of) != (("pairs",), "questions") and (system, level) != ("schwartz", "value"):
        raise DataError("kinds and questions_of are of Schwartz's ten values; leave them out")
    draft = MaterialDraft()
    for value in values:
        # Each kind has its own random numbers.
        draw, described, dilemmas = (
            MaterialDraw(
                random.Random(f"starter-{seed}-{value}{kind}"), held_out or share, texts, questions, tuning
            )
            for kind, share in (
                ("", 0.5 if level == "dimension" else 0.3),
                ("-descriptions", 0.5),
                ("-dilemmas", 0.5),
            )
        )

        def shuffled(
            part: str, kind: type[_Kind], value: str = value, draw: MaterialDraw = draw
        ) -> list[_Kind]:
            """The records of one part in this draw's language and order."""
            held = of_kind(read_part(f"{system}/{part}", [value]), kind)
            records = [record for record in held if record.language == language]
            draw.rng.shuffle(records)
            return records

        if system == "chinese-social":
            draft.add_dilemmas(value, shuffled("activation", Dilemma), shuffled("evaluation", Dilemma), draw)
            continue
        if level == "dimension":
            descriptions = shuffled("descriptions", Description)
            draft.add_described(value, descriptions, shuffled("situations", Question), draw)
            continue
        if "pairs" in kinds:
            suffix = "-plain" if plain else ""
            draft.add_pairs(shuffled(f"contrast{suffix}", ContrastPair), draw)
            if questions_of == "questions":
                asked = shuffled(f"questions{suffix}", Question)
                draft.ask(_in_turn(asked) if plain else asked, draw)
        if "descriptions" in kinds:
            descriptions = shuffled("descriptions-value", Description, draw=described)
            situations = shuffled("situations-value", Question, draw=described)
            draft.add_described(
                value, descriptions, situations, described, alone=questions_of == "situations"
            )
        if "dilemmas" in kinds:
            read, asked_of = (
                shuffled(split, Dilemma, draw=dilemmas) for split in ("activation", "evaluation")
            )
            draft.add_dilemmas(value, read, asked_of if questions_of == "dilemmas" else (), dilemmas)
    notes = [NOTE, *([PLAIN_NOTE] if plain and "pairs" in kinds else [])]
    if kinds != ("pairs",):
        notes.append(f"Texts of the kinds {', '.join(kinds)} are in it; asked alone are its {questions_of}.")
    return draft.material("starter", values, notes)


def _require_kinds(kinds: tuple[str, ...], questions_of: str) -> None:
    if not kinds or set(kinds) - set(KINDS) or len(set(kinds)) < len(kinds):
        raise DataError(f"kinds are {', '.join(kinds) or 'none'}; name some of {', '.join(KINDS)}, each once")
    asked = [KINDS[kind] for kind in kinds]
    if questions_of not in asked:
        raise DataError(
            f"questions_of is {questions_of!r}; with kinds {', '.join(kinds)} it is {' or '.join(asked)}"
        )


def _in_turn(questions: Sequence[Question]) -> list[Question]:
    """Questions to which yes speaks for the value and those to which no does, by turns."""
    sides = ([question for question in questions if question.yes_is == side] for side in ("for", "against"))
    return list(chain.from_iterable(zip(*sides, strict=True)))


def _level(values: tuple[str, ...]) -> tuple[str, str]:
    """The value system and the level of the values, one that the set has material for."""
    for system, level in dict.fromkeys((part.system, part.level) for part in PARTS.values()):
        if set(values) <= set(load_value_system(system).at_level(level)):
            return system, level
    raise DataError(
        f"the starter set has no level with the values {', '.join(values)}; it has Schwartz's ten values, his four "
        "dimensions and the twelve Chinese social values"
    )
