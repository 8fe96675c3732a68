"""Checks of dilemmas (ValueExploration, appendix B) and of contrast pairs, whose sides only their stance may tell apart."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from valuescope.data.checks.review import Review
from valuescope.data.checks.set_limits import DILEMMA_LIMITS, PAIR_LIMITS, DilemmaLimits, PairLimits
from valuescope.data.checks.wording import word_differences, wording_accuracy
from valuescope.data.checks.words import function_words, key_words, name_words, opening, size, telltale_words
from valuescope.data.findings import Finding, Place
from valuescope.data.records import ContrastPair, Dilemma
from valuescope.values import ValueSystem

_FIRST_PERSON = {
    "en": re.compile(r"\b(I|me|my|mine|we|us|our)\b", re.IGNORECASE),
    "zh": re.compile("我|咱|俺"),
}
_FIRST_PERSON_OF_PAIRS = re.compile(r"\b(I|me|my|mine|we|us|our)\b|我", re.IGNORECASE)


def check_dilemma(
    dilemma: Dilemma,
    place: Place,
    system: ValueSystem,
    limits: DilemmaLimits = DILEMMA_LIMITS,
    *,
    rationale: bool = False,
    suffix: str = "",
) -> list[Finding]:
    """What is wrong with one dilemma. `rationale`: it must have one."""
    review, language = Review(place, dilemma.language, suffix), dilemma.language
    limits = limits.in_language(language)
    actions = {"aligned": dilemma.aligned, "violating": dilemma.violating}
    texts = {"story": dilemma.story, **actions}
    for field, text in {**texts, "topic": dilemma.topic, "rationale": dilemma.rationale}.items():
        if text:
            review.language(field, text)
    review.length("story", dilemma.story, limits.story)
    for field, text in actions.items():
        review.length(field, text, limits.action)
        if text.endswith((".", "。", "!", "！")):
            review.add(field, "ends in a full stop", text, "leave it out")
    difference = abs(size(dilemma.aligned, language) - size(dilemma.violating, language))
    if difference > limits.action_difference:
        rule = f"the actions' lengths differ by {difference}, at most {limits.action_difference}"
        review.add("aligned/violating", rule, list(actions.values()), "make them alike in length")
    if not _FIRST_PERSON[language].search(dilemma.story):
        review.add("story", "is not in the first person", dilemma.story, "tell it as one's own story")
    for field, text in texts.items():
        patterns = name_words(system, dilemma.value, language)
        review.words(field, text, patterns, f"names the value {dilemma.value!r}")
    if rationale and not dilemma.rationale:
        review.add("rationale", "is missing", "", "say why the aligned action is right")
    if dilemma.rationale:
        review.length("rationale", dilemma.rationale, limits.rationale)
    return review.findings


def check_dilemmas(
    rows: Sequence[tuple[Place, Dilemma]], limits: DilemmaLimits = DILEMMA_LIMITS, *, suffix: str = ""
) -> list[Finding]:
    """What is wrong with the dilemmas of one value in one language as a set.

    Near-duplicate stories are not among it: they are looked for over all values at once (`check_repeats`).
    """
    if not rows:
        return []
    language = rows[0][1].language
    review = Review(Place(rows[0][0].file), language, suffix)
    review.keys(rows)
    review.openings(rows, "story", limits.same_opening)
    lengths = [(size(dilemma.aligned, language), size(dilemma.violating, language)) for _, dilemma in rows]
    review.level(("aligned", "violating"), lengths, limits.in_language(language).mean_difference)
    counts = Counter(dilemma.topic for _, dilemma in rows)
    if len(counts) != limits.topics or len(set(counts.values())) > 1:
        rule = f"{len(counts)} topics with {', '.join(map(str, counts.values()))} lines"
        fix = f"write {limits.topics} topics with equally many lines, each topic worded alike in all of them"
        review.add("topic", rule, list(counts), fix)
    actions = defaultdict[str, list[tuple[Place, str]]](list)
    for place, dilemma in rows:
        actions[dilemma.aligned].append((place, "aligned"))
        actions[dilemma.violating].append((place, "violating"))
    for text, places in actions.items():
        if len(places) > 1:
            rule = f"stands {len(places)} times (lines {', '.join(str(place.line) for place, _ in places)})"
            place, field = places[1]
            review.add(field, rule, text, "write another action", place)
    return review.findings


def check_pair(
    pair: ContrastPair, place: Place, system: ValueSystem, limits: PairLimits = PAIR_LIMITS
) -> list[Finding]:
    """What is wrong with one contrast pair."""
    review, language, both = Review(place, pair.language), pair.language, "positive/negative"
    sides = {"positive": pair.positive, "negative": pair.negative}
    for field, text in sides.items():
        review.language(field, text)
        review.length(field, text, limits.length)
        review.words(field, text, key_words(system, pair.value, language), f"gives {pair.value!r} away")
        if language == "en":
            review.words(field, text, telltale_words(), "holds a telltale word")
        ends = {"question": ("?", "？"), "statement": (".", "。")}.get(pair.kind, ())
        if ends and not text.endswith(ends):
            review.add(field, f"is a {pair.kind} and does not end in {ends[0]!r}", text[-20:], "end it so")
        if pair.kind == "statement" and not _FIRST_PERSON_OF_PAIRS.search(text):
            review.add(field, "is not in the first person", text, "let the writer speak of themselves")
    openings = [opening(text, language, limits.opening) for text in sides.values()]
    if openings[0] != openings[1]:
        rule = f"the sides do not share their first {limits.opening} words"
        review.add(both, rule, openings, "begin both alike")
    lengths = [size(text, language) for text in sides.values()]
    if abs(lengths[0] - lengths[1]) > limits.difference:
        rule = f"the sides' lengths differ by {abs(lengths[0] - lengths[1])}, at most {limits.difference}"
        review.add(both, rule, lengths, "bring them closer")
    if pair.positive.lower() == pair.negative.lower():
        review.add(both, "the sides are the same", pair.positive, "write the other side")
    return review.findings


def check_pairs(
    rows: Sequence[tuple[Place, ContrastPair]], limits: PairLimits = PAIR_LIMITS
) -> list[Finding]:
    """What is wrong with the contrast pairs of one value as a set: lengths, openings, scenes, wording."""
    if not rows:
        return []
    review, both = Review(Place(rows[0][0].file)), "positive/negative"
    review.keys(rows)
    review.openings(rows, "positive", limits.same_opening)
    review.at_most([(place, pair.topic) for place, pair in rows], "scene", limits.same_scene)
    lengths = [(size(pair.positive, pair.language), size(pair.negative, pair.language)) for _, pair in rows]
    review.level(("positive", "negative"), lengths, limits.mean_difference)
    sides = [pair.positive for _, pair in rows], [pair.negative for _, pair in rows]
    vocabulary, bag = (function_words(), "function words") if limits.function_words else (None, "words")
    differences = [word for word in word_differences(*sides) if vocabulary is None or word.word in vocabulary]
    for word in differences:
        if abs(word.excess) > limits.excess:
            rule = f"{word.word!r} tells the sides apart: {word.positive} positive and {word.negative} negative texts"
            fix = f"use it alike on both sides (at most {limits.excess} texts apart)"
            review.add(both, rule, word.word, fix)
    measured = wording_accuracy(*sides, vocabulary=vocabulary)
    if measured is not None and measured.accuracy >= limits.accuracy:
        worst = ", ".join(f"{word.word} {word.excess:+d}" for word in differences[:8])
        rule = f"a bag of {bag} tells the sides apart with accuracy {measured.accuracy:.3f} (under {limits.accuracy})"
        review.add(both, rule, worst, "cross the words that one side holds more often")
    return review.findings
