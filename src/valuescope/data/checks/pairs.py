"""Checks of contrast pairs: two sides that only their stance may tell apart."""

from __future__ import annotations

import re
from collections.abc import Sequence

from valuescope.data.checks.limits import PAIR_LIMITS, PairLimits
from valuescope.data.checks.naming import key_words, telltale_words
from valuescope.data.checks.report import Report
from valuescope.data.checks.wording import word_differences, wording_accuracy
from valuescope.data.checks.words import opening, size
from valuescope.data.findings import Finding, Place
from valuescope.data.records import ContrastPair
from valuescope.values import ValueSystem

_FIRST_PERSON = re.compile(r"\b(I|me|my|mine|we|us|our)\b|我", re.IGNORECASE)


def check_pair(
    pair: ContrastPair, place: Place, system: ValueSystem, limits: PairLimits = PAIR_LIMITS
) -> list[Finding]:
    """What is wrong with one contrast pair."""
    report, language = Report(), pair.language
    sides = {"positive": pair.positive, "negative": pair.negative}
    for field, text in sides.items():
        report.language(place, field, text, language)
        report.length(place, field, text, language, limits.length)
        report.words(
            place,
            field,
            text,
            language,
            key_words(system, pair.value, language),
            f"gives {pair.value!r} away",
        )
        if language == "en":
            report.words(place, field, text, language, telltale_words(), "holds a telltale word")
        ends = {"question": ("?", "？"), "statement": (".", "。")}.get(pair.kind, ())
        if ends and not text.endswith(ends):
            report.add(
                place, field, f"is a {pair.kind} and does not end in {ends[0]!r}", text[-20:], "end it so"
            )
        if pair.kind == "statement" and not _FIRST_PERSON.search(text):
            report.add(place, field, "is not in the first person", text, "let the writer speak of themselves")
    first, second = (opening(text, language, limits.opening) for text in sides.values())
    if first != second:
        rule = f"the sides do not share their first {limits.opening} words"
        report.add(place, "positive/negative", rule, [first, second], "begin both alike")
    lengths = [size(text, language) for text in sides.values()]
    if abs(lengths[0] - lengths[1]) > limits.difference:
        rule = f"the sides' lengths differ by {abs(lengths[0] - lengths[1])}, at most {limits.difference}"
        report.add(place, "positive/negative", rule, lengths, "bring them closer")
    if pair.positive.lower() == pair.negative.lower():
        report.add(
            place, "positive/negative", "the sides are the same", pair.positive, "write the other side"
        )
    return report.findings


def check_pairs(
    rows: Sequence[tuple[Place, ContrastPair]], limits: PairLimits = PAIR_LIMITS
) -> list[Finding]:
    """What is wrong with the contrast pairs of one value as a set: lengths, openings, scenes, wording."""
    report = Report()
    if not rows:
        return []
    whole = Place(rows[0][0].file)
    report.keys([(place, pair.key) for place, pair in rows])
    report.openings(
        [(place, one.positive, one.language) for place, one in rows], "positive", limits.same_opening
    )
    report.at_most([(place, pair.topic) for place, pair in rows if pair.topic], "scene", limits.same_scene)
    lengths = [(size(one.positive, one.language), size(one.negative, one.language)) for _, one in rows]
    report.level(whole, ("positive", "negative"), lengths, limits.mean_difference)
    sides = [pair.positive for _, pair in rows], [pair.negative for _, pair in rows]
    for word in word_differences(*sides):
        if abs(word.excess) > limits.excess:
            rule = f"{word.word!r} tells the sides apart: {word.positive} positive and {word.negative} negative texts"
            fix = f"use it alike on both sides (at most {limits.excess} texts apart)"
            report.add(whole, "positive/negative", rule, word.word, fix)
    measured = wording_accuracy(*sides)
    if measured is not None and measured.accuracy >= limits.accuracy:
        worst = ", ".join(f"{word.word} {word.excess:+d}" for word in word_differences(*sides)[:8])
        rule = f"a bag of words tells the sides apart with accuracy {measured.accuracy:.3f} (under {limits.accuracy})"
        report.add(whole, "positive/negative", rule, worst, "cross the words that one side holds more often")
    return report.findings
