"""Checks of open dilemma questions, second-person descriptions and situational questions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from valuescope.data.checks.review import Review
from valuescope.data.checks.set_limits import (
    DESCRIPTION_LIMITS,
    QUESTION_LIMITS,
    SITUATION_LIMITS,
    DescriptionLimits,
    QuestionLimits,
    Range,
    SituationLimits,
)
from valuescope.data.checks.words import judging_words, key_words, size
from valuescope.data.findings import Finding, Place
from valuescope.data.records import Description, Question
from valuescope.values import ValueSystem

_SECOND_PERSON = re.compile(r"\b(you|your|yours)\b|你|您", re.IGNORECASE)
_FIRST_PERSON = re.compile(r"\b(I|me|my|we|our|us)\b|我", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)")
_ASKED = re.compile(
    r"\byou\b.*\b(do|think|say|decide|choose|feel)|\b(do|think|say|decide|choose|feel)\b.*\byou\b|你"
)
_POLAR = re.compile(r"(am|are|can|could|do|does|is|ought|shall|should|will|would)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]+[\"'”’)]*")


def check_question(
    question: Question, place: Place, system: ValueSystem, limits: QuestionLimits = QUESTION_LIMITS
) -> list[Finding]:
    """What is wrong with one open dilemma question."""
    review = _review("question", question.question, question, place, system, limits.length)
    if not question.question.endswith(("?", "？")):
        review.add("question", "does not end in a question mark", question.question[-20:], "ask")
    if limits.polar:
        review.words("question", question.question, judging_words(), "says which way is right")
        last = (_SENTENCE.findall(question.question) or [question.question])[-1].strip()
        if not _POLAR.match(last):
            fix = "end in a question such as 'Should I go?'"
            review.add("question", "does not end by asking for yes or no", last, fix)
    return review.findings


def check_questions(
    rows: Sequence[tuple[Place, Question]], limits: QuestionLimits = QUESTION_LIMITS
) -> list[Finding]:
    """What is wrong with the questions of one value as a set, near-duplicates apart (`check_repeats`)."""
    if not rows:
        return []
    review = Review(Place(rows[0][0].file))
    review.keys(rows)
    review.openings(rows, "question", limits.same_opening)
    review.at_most([(place, question.topic) for place, question in rows], "scene", limits.same_scene)
    return review.findings


def check_description(
    description: Description,
    place: Place,
    system: ValueSystem,
    limits: DescriptionLimits = DESCRIPTION_LIMITS,
) -> list[Finding]:
    """What is wrong with one description."""
    text = description.description
    review = _review("description", text, description, place, system, limits.length)
    if not _SECOND_PERSON.search(text):
        review.add("description", "is not in the second person", text, "speak to a 'you'")
    if speaker := _FIRST_PERSON.search(_QUOTED.sub("", text)):
        review.add("description", "speaks in the first person", speaker.group(), "speak of 'you' only")
    return review.findings


def check_descriptions(
    rows: Sequence[tuple[Place, Description]], limits: DescriptionLimits = DESCRIPTION_LIMITS
) -> list[Finding]:
    """What is wrong with the descriptions of one value as a set, near-duplicates apart (`check_repeats`)."""
    if not rows:
        return []
    review = Review(Place(rows[0][0].file))
    review.keys(rows)
    review.openings(rows, "description", limits.same_opening)
    favour, oppose = (
        [size(text.description, text.language) for _, text in rows if text.stance == stance]
        for stance in ("for", "against")
    )
    if len(favour) != len(oppose):
        rule = f"{len(favour)} descriptions for and {len(oppose)} against"
        review.add("stance", rule, "", "write equally many")
    else:
        lengths = list(zip(favour, oppose, strict=True))
        review.level(("for", "against"), lengths, limits.mean_difference)
    return review.findings


def check_situation(
    question: Question, place: Place, system: ValueSystem, limits: SituationLimits = SITUATION_LIMITS
) -> list[Finding]:
    """What is wrong with one situational question."""
    text = question.question
    review = _review("question", text, question, place, system, limits.length)
    review.words("question", text, judging_words(), "says which way is right")
    last = (_SENTENCE.findall(text) or [text])[-1].strip()
    if not last.rstrip("\"'”’)").endswith(("?", "？")) or not _ASKED.search(last.lower()):
        fix = "end in a question such as 'What would you do?'"
        review.add("question", "does not end by asking what one would do or think", last, fix)
    if not _SECOND_PERSON.search(text):
        review.add("question", "is not in the second person", text, "speak to a 'you'")
    atomic = system.lowest_below(question.value)
    if question.atomic not in atomic:
        rule, fix = f"is no atomic value of {question.value!r}", f"name one of {', '.join(atomic)}"
        review.add("atomic", rule, question.atomic, fix)
    return review.findings


def check_situations(
    rows: Sequence[tuple[Place, Question]], system: ValueSystem, limits: SituationLimits = SITUATION_LIMITS
) -> list[Finding]:
    """What is wrong with the situational questions of one value as a set, near-duplicates apart."""
    if not rows:
        return []
    review = Review(Place(rows[0][0].file))
    review.keys(rows)
    review.openings(rows, "question", limits.same_opening)
    for field, most in (("atomic", limits.same_atomic), ("topic", limits.same_topic)):
        review.at_most([(place, getattr(question, field)) for place, question in rows], field, most)
    combinations = [(place, f"{question.topic} x {question.atomic}") for place, question in rows]
    review.at_most(combinations, "topic x atomic", limits.same_combination)
    counts = Counter(question.atomic for _, question in rows)
    for atomic in system.lowest_below(rows[0][1].value):
        if system[atomic].in_paper and not counts[atomic]:
            review.add("atomic", f"no question is about {atomic!r}", "", "write one")
    topics = {question.topic for _, question in rows}
    if len(topics) < limits.topics:
        review.add("topic", f"{len(topics)} topics", sorted(topics), f"use at least {limits.topics}")
    return review.findings


def _review(
    field: str, text: str, record: Question | Description, place: Place, system: ValueSystem, limits: Range
) -> Review:
    """A review that holds what is wrong with any open text: language, length, words that give its value away."""
    review = Review(place, record.language)
    review.language(field, text)
    review.length(field, text, limits)
    patterns = key_words(system, record.value, record.language)
    review.words(field, text, patterns, f"gives {record.value!r} away")
    return review
