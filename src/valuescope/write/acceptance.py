"""What is taken of what was written: the project's own checks, item by item, against all other items, and as a set."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.data import ContrastPair, DataError, Description, Dilemma, Finding, Place, Question, Record
from valuescope.data.checks import (
    DescriptionLimits,
    DilemmaLimits,
    PairLimits,
    QuestionLimits,
    SituationLimits,
    check_description,
    check_descriptions,
    check_dilemma,
    check_dilemmas,
    check_pair,
    check_pairs,
    check_question,
    check_questions,
    check_situation,
    check_situations,
    repeated_pairs,
    word_differences,
    wording_accuracy,
    words,
)
from valuescope.data.checks.review import Review
from valuescope.data.findings import shown
from valuescope.data.readers.rows import DataRow
from valuescope.data.records import compared_text
from valuescope.data.starter import PARTS
from valuescope.values import ValueSystem
from valuescope.write.plan import WritingPlan
from valuescope.write.slot import Slot

_VERSUS = {"en": re.compile(r"\bvs\b|\bversus\b", re.IGNORECASE), "zh": re.compile("与")}
_ALIKE = (
    0.05  # of a large set, as many texts may begin alike; small sets keep to the limit of the starter set
)

_MEASURED = 40  # pairs from which on the accuracy of a bag of words is worth a decision


@dataclass(frozen=True)
class Written:
    """An item in its slot: the line of its file, and the records that the line reads as (none for a topic)."""

    slot: Slot
    row: Mapping[str, Any]
    records: tuple[Record, ...]

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """What is compared with other items: a pool's name and a text, per language."""
        if not self.records:
            return tuple((f"topic {self.slot.value} {one}", text) for one, text in self.row["topic"].items())
        compared = [(compared_text(record), record.language) for record in self.records]
        return tuple((f"{field} {language}", text) for (field, text), language in compared)


def read_item(slot: Slot, item: Mapping[str, Any], system: ValueSystem) -> tuple[Written, list[Finding]]:
    """An item as a line and its records, and what is wrong with it by itself."""
    row = {"key": slot.key, "value": slot.value, **slot.fixed, **item}
    place = Place(slot.key)
    if slot.part == "topics":
        return Written(slot, row, ()), _check_topic(row, place)
    part = PARTS[f"{system.id}/{slot.part}"]
    try:
        records = tuple(part.parse(DataRow(place, row)))
    except DataError as error:
        return Written(slot, row, ()), list(error.findings)
    return Written(slot, row, records), [
        finding for record in records for finding in _check_record(record, place, slot, system)
    ]


def _check_topic(row: Mapping[str, Any], place: Place) -> list[Finding]:
    findings = list[Finding]()
    for language, text in row["topic"].items():
        review, field = Review(place, language), f"topic.{language}"
        review.language(field, text)
        if not _VERSUS[language].search(text):
            fix = "write ... vs. ..." if language == "en" else "write ……与……"
            review.add(field, "does not name two things in conflict", text, fix)
        findings += review.findings
    return findings


def _check_record(record: Record, place: Place, slot: Slot, system: ValueSystem) -> list[Finding]:
    match record:
        case Dilemma():
            suffix = f".{record.language}"
            asked = slot.part == "activation"
            return check_dilemma(record, place, system, rationale=asked, suffix=suffix)
        case ContrastPair():
            return check_pair(record, place, system)
        case Description():
            return check_description(record, place, system)
        case Question(atomic=""):
            return check_question(record, place, system)
        case Question():
            return check_situation(record, place, system)
        case _:
            raise TypeError(f"no checks for {type(record).__name__}")


def repeats(taken: Sequence[Written], new: Sequence[Written]) -> dict[str, Finding]:
    """The new items that are too close to an item taken or to an earlier new one, by their keys."""
    refused = dict[str, Finding]()
    pools = defaultdict[str, list[tuple[Written, str]]](list)
    for item in (*taken, *new):
        for pool, text in item.texts:
            pools[pool].append((item, text))
    fresh = {item.slot.key for item in new}
    for pool, compared in pools.items():
        before = -1
        while before < len(refused):  # of many texts not every pair is found at once
            before = len(refused)
            compared = [(item, text) for item, text in compared if item.slot.key not in refused]
            texts = [text for _, text in compared]
            pairs = sorted(repeated_pairs(texts).items(), key=lambda pair: (pair[0][1], pair[0][0]))
            for (first, second), rule in pairs:
                later, earlier = compared[second][0].slot.key, compared[first][0].slot.key
                if later in fresh and later not in refused and earlier not in refused and later != earlier:
                    rule, fix = f"{rule} another text", f"write another one ({earlier} holds it)"
                    refused[later] = Finding(Place(later), pool.split()[0], rule, shown(texts[second]), fix)
    return refused


def set_findings(items: Sequence[Written], plan: WritingPlan) -> list[tuple[Finding, Written | None]]:
    """What is wrong with items of one value and language as a set; None where it is about no single item.

    The limits grow with what is planned: how many items, over how many topics.
    """
    found = list[tuple[Finding, Written | None]]()
    rows = [
        (Place(one.slot.value, number), record, one)
        for number, one in enumerate(items, 1)
        for record in one.records
    ]
    for language in dict.fromkeys(record.language for _, record, _ in rows):
        held = [(place, record) for place, record, _ in rows if record.language == language]
        for finding in _check_set(held, plan, language):
            item = items[finding.line - 1] if finding.line else None
            found.append((finding, item))
    return found


def _check_set(rows: Sequence[tuple[Place, Record]], plan: WritingPlan, language: str) -> list[Finding]:
    planned = plan.count

    def alike(limit: int) -> int:
        return max(limit, math.ceil(_ALIKE * planned))

    match rows[0][1]:
        case Dilemma():
            dilemmas = [(place, one) for place, one in rows if isinstance(one, Dilemma)]
            limits = DilemmaLimits(same_opening=alike(DilemmaLimits.same_opening))
            return check_dilemmas(dilemmas, limits, suffix=f".{language}")
        case ContrastPair():
            pairs = [(place, one) for place, one in rows if isinstance(one, ContrastPair)]
            return check_pairs(
                pairs, PairLimits(same_opening=alike(PairLimits.same_opening), excess=_excess(planned))
            )
        case Description():
            texts = [(place, one) for place, one in rows if isinstance(one, Description)]
            opening = alike(DescriptionLimits.same_opening)
            return check_descriptions(texts, DescriptionLimits(same_opening=opening))
        case Question(atomic=""):
            questions = [(place, one) for place, one in rows if isinstance(one, Question)]
            return check_questions(questions, QuestionLimits(same_opening=alike(QuestionLimits.same_opening)))
        case Question() as first:
            situations = [(place, one) for place, one in rows if isinstance(one, Question)]
            subjects, atomics = len(plan.situation_topics), len(plan.system.lowest_below(first.value))
            evenly = SituationLimits(
                same_opening=alike(SituationLimits.same_opening),
                same_atomic=math.ceil(planned / atomics) + 1,
                same_topic=math.ceil(planned / subjects) + 1,
                same_combination=math.ceil(planned / (atomics * subjects)),
                topics=min(SituationLimits.topics, subjects, planned),
            )
            return check_situations(situations, plan.system, evenly)
        case _:
            return []


def telling_pairs(
    items: Sequence[Written], planned: int, fresh: Collection[str]
) -> list[tuple[Finding, Written]]:
    """The new contrast pairs whose words most tell the sides of a value's pairs apart, where they do so too well.

    One pair where a single word is too far ahead on one side. A tenth of the new ones where a bag of words is right too
    often; that is measured for sets of 40 pairs or more, once half of them are there, since chance rules smaller ones.
    `fresh`: the keys of the new pairs, the only ones that are named.
    """
    held = [(one, record) for one in items for record in one.records if isinstance(record, ContrastPair)]
    if not held:
        return []
    sides = [pair.positive for _, pair in held], [pair.negative for _, pair in held]
    differences = word_differences(*sides)
    most, count = _excess(planned), 1
    weights = {one.word: one.excess for one in differences if abs(one.excess) > most}
    if not weights and planned >= _MEASURED and len(held) > planned // 2:
        measured = wording_accuracy(*sides)
        if measured is not None and measured.accuracy >= PairLimits.accuracy:
            weights = {one.word: one.excess for one in differences if abs(one.excess) > 1}
            count = math.ceil(len(fresh) / 10)
    scored = []
    for one, pair in held:
        positive, negative = set(words(pair.positive)), set(words(pair.negative))
        own = sorted((positive ^ negative) & weights.keys())
        score = sum(weights[word] * (1 if word in positive else -1) for word in own)
        if score > 0 and one.slot.key in fresh:
            scored.append((score, own, one))
    scored.sort(key=lambda entry: -entry[0])
    fix = "use them on the other side, or on both"
    return [
        (
            Finding(
                Place(one.slot.key),
                "positive/negative",
                "words tell the sides apart",
                shown(", ".join(own)),
                fix,
            ),
            one,
        )
        for _, own, one in scored[:count]
    ]


def _excess(planned: int) -> int:
    """By how many texts one side may be ahead of the other in a word."""
    return max(PairLimits.excess, math.ceil(0.15 * planned))


def kind_of(finding: Finding) -> str:
    """A finding's field and rule without what differs from text to text, for counting."""
    rule = re.sub(r"\([^)]*\)|'[^']*'", "", finding.rule)
    rule = re.sub(r"\d+(?:\.\d+)?", "N", rule)
    return f"{finding.field}: {' '.join(rule.split())}" if finding.field else " ".join(rule.split())


def by_value(items: Iterable[Written]) -> dict[tuple[str, tuple[str, ...]], list[Written]]:
    """Items of one value and the same languages together, in their order."""
    groups = dict[tuple[str, tuple[str, ...]], list[Written]]()
    for one in items:
        groups.setdefault((one.slot.value, one.slot.languages), []).append(one)
    return groups
