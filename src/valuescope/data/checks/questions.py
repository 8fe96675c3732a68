"""Checks of open dilemma questions, second-person descriptions and situational questions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from valuescope.data.checks.limits import (
    DESCRIPTION_LIMITS,
    QUESTION_LIMITS,
    SITUATION_LIMITS,
    DescriptionLimits,
    QuestionLimits,
    SituationLimits,
)
from valuescope.data.checks.naming import judging_words, key_words
from valuescope.data.checks.report import Report
from valuescope.data.checks.words import size
from valuescope.data.findings import Finding, Place
from valuescope.data.records import Description, Question
from valuescope.values import ValueSystem

_SECOND_PERSON = re.compile(r"\b(you|your|yours)\b|你|您", re.IGNORECASE)
_FIRST_PERSON = re.compile(r"\b(I|me|my|we|our|us)\b|我", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)")
_ASKED = re.compile(
    r"\byou\b.*\b(do|think|say|decide|choose|feel)|\b(do|think|say|decide|choose|feel)\b.*\byou\b|你"
)
_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]+[\"'”’)]*")


def check_question(
    question: Question, place: Place, system: ValueSystem, limits: QuestionLimits = QUESTION_LIMITS
) -> list[Finding]:
    """What is wrong with one open dilemma question."""
    report, text, language = Report(), question.question, question.language
    report.language(place, "question", text, language)
    report.length(place, "question", text, language, limits.length)
    _gives_away(report, place, "question", text, question, system)
    if not text.endswith(("?", "？")):
        report.add(place, "question", "does not end in a question mark", text[-20:], "ask")
    return report.findings


def check_questions(
    rows: Sequence[tuple[Place, Question]], limits: QuestionLimits = QUESTION_LIMITS
) -> list[Finding]:
    """What is wrong with the questions of one value as a set, near-duplicates apart (`check_repeats`)."""
    report = Report()
    report.keys([(place, question.key) for place, question in rows])
    report.openings(
        [(place, one.question, one.language) for place, one in rows], "question", limits.same_opening
    )
    report.at_most([(place, one.topic) for place, one in rows if one.topic], "scene", limits.same_scene)
    return report.findings


def check_description(
    description: Description,
    place: Place,
    system: ValueSystem,
    limits: DescriptionLimits = DESCRIPTION_LIMITS,
) -> list[Finding]:
    """What is wrong with one description."""
    report, text, language = Report(), description.description, description.language
    report.language(place, "description", text, language)
    report.length(place, "description", text, language, limits.length)
    _gives_away(report, place, "description", text, description, system)
    if not _SECOND_PERSON.search(text):
        report.add(place, "description", "is not in the second person", text, "speak to a 'you'")
    if said := _FIRST_PERSON.search(_QUOTED.sub("", text)):
        report.add(place, "description", "speaks in the first person", said.group(), "speak of 'you' only")
    return report.findings


def check_descriptions(
    rows: Sequence[tuple[Place, Description]], limits: DescriptionLimits = DESCRIPTION_LIMITS
) -> list[Finding]:
    """What is wrong with the descriptions of one value as a set, near-duplicates apart (`check_repeats`)."""
    report = Report()
    if not rows:
        return []
    report.keys([(place, one.key) for place, one in rows])
    report.openings(
        [(place, one.description, one.language) for place, one in rows], "description", limits.same_opening
    )
    sides = {
        stance: [size(one.description, one.language) for _, one in rows if one.stance == stance]
        for stance in ("for", "against")
    }
    if len(sides["for"]) != len(sides["against"]):
        rule = f"{len(sides['for'])} descriptions for and {len(sides['against'])} against"
        report.add(Place(rows[0][0].file), "stance", rule, "", "write equally many")
    elif sides["for"]:
        lengths = list(zip(sides["for"], sides["against"], strict=True))
        report.level(Place(rows[0][0].file), ("for", "against"), lengths, limits.mean_difference)
    return report.findings


def check_situation(
    question: Question, place: Place, system: ValueSystem, limits: SituationLimits = SITUATION_LIMITS
) -> list[Finding]:
    """What is wrong with one situational question."""
    report, text, language = Report(), question.question, question.language
    report.language(place, "question", text, language)
    report.length(place, "question", text, language, limits.length)
    _gives_away(report, place, "question", text, question, system)
    report.words(place, "question", text, language, judging_words(), "says which way is right")
    last = (_SENTENCE.findall(text) or [text])[-1].strip()
    if not last.rstrip("\"'”’)").endswith(("?", "？")) or not _ASKED.search(last.lower()):
        fix = "end in a question such as 'What would you do?'"
        report.add(place, "question", "does not end by asking what one would do or think", last, fix)
    if not _SECOND_PERSON.search(text):
        report.add(place, "question", "is not in the second person", text, "speak to a 'you'")
    if question.atomic not in _atomic_values(system, question.value):
        fix = f"name one of {', '.join(_atomic_values(system, question.value))}"
        report.add(place, "atomic", f"is no atomic value of {question.value!r}", question.atomic, fix)
    return report.findings


def check_situations(
    rows: Sequence[tuple[Place, Question]], system: ValueSystem, limits: SituationLimits = SITUATION_LIMITS
) -> list[Finding]:
    """What is wrong with the situational questions of one value as a set, near-duplicates apart."""
    report = Report()
    if not rows:
        return []
    whole, value = Place(rows[0][0].file), rows[0][1].value
    report.keys([(place, one.key) for place, one in rows])
    report.openings(
        [(place, one.question, one.language) for place, one in rows], "question", limits.same_opening
    )
    report.at_most([(place, one.atomic) for place, one in rows], "atomic", limits.same_atomic)
    report.at_most([(place, one.topic) for place, one in rows], "topic", limits.same_topic)
    report.at_most([(place, f"{one.topic} x {one.atomic}") for place, one in rows], "topic x atomic", 1)
    held = Counter(one.atomic for _, one in rows)
    for atomic in _atomic_values(system, value):
        if system[atomic].in_paper and not held[atomic]:
            report.add(whole, "atomic", f"no question is about {atomic!r}", "", "write one")
    topics = {one.topic for _, one in rows}
    if len(topics) < limits.topics:
        report.add(whole, "topic", f"{len(topics)} topics", sorted(topics), f"use at least {limits.topics}")
    return report.findings


def check_repeats(
    rows: Sequence[tuple[Place, str]], field: str, *, files: Collection[str] | None = None, suffix: str = ""
) -> list[Finding]:
    """Near-duplicates and shared templates among texts of one kind, over all files at once.

    `files`: findings about pairs with a text in these files only (None: about all).
    """
    report = Report(suffix)
    report.repeats(rows, field, {place.file for place, _ in rows} if files is None else files)
    return report.findings


def _gives_away(
    report: Report, place: Place, field: str, text: str, record: Question | Description, system: ValueSystem
) -> None:
    patterns = key_words(system, record.value, record.language)
    report.words(place, field, text, record.language, patterns, f"gives {record.value!r} away")


def _atomic_values(system: ValueSystem, value: str) -> tuple[str, ...]:
    """The lowest values below a value, through every level."""
    below = system.children(value)
    return tuple(dict.fromkeys(leaf for one in below for leaf in (_atomic_values(system, one) or (one,))))
