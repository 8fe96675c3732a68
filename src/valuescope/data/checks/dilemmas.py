"""Checks of dilemmas: a story, an aligned and a violating action (ValueExploration, appendix B)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from valuescope.data.checks.limits import DILEMMA_LIMITS, DilemmaLimits
from valuescope.data.checks.naming import name_words
from valuescope.data.checks.report import Report
from valuescope.data.checks.words import size
from valuescope.data.findings import Finding, Place
from valuescope.data.records import Dilemma
from valuescope.values import ValueSystem

_FIRST_PERSON = {
    "en": re.compile(r"\b(I|me|my|mine|we|us|our)\b", re.IGNORECASE),
    "zh": re.compile("我|咱|俺"),
}


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
    report, language = Report(suffix), dilemma.language
    chinese = language == "zh"
    actions = {"aligned": dilemma.aligned, "violating": dilemma.violating}
    texts = {"story": dilemma.story, **actions}
    for field, text in {**texts, "topic": dilemma.topic, "rationale": dilemma.rationale}.items():
        if text:
            report.language(place, field, text, language)
    report.length(place, "story", dilemma.story, language, limits.story_zh if chinese else limits.story)
    for field, text in actions.items():
        report.length(place, field, text, language, limits.action_zh if chinese else limits.action)
        if text.endswith((".", "。", "!", "！")):
            report.add(place, field, "ends in a full stop", text, "leave it out")
    lengths = [size(text, language) for text in actions.values()]
    most = limits.action_difference_zh if chinese else limits.action_difference
    if abs(lengths[0] - lengths[1]) > most:
        rule = f"the actions' lengths differ by {abs(lengths[0] - lengths[1])}, at most {most}"
        report.add(place, "aligned/violating", rule, list(actions.values()), "make them alike in length")
    if not _FIRST_PERSON[language].search(dilemma.story):
        report.add(place, "story", "is not in the first person", dilemma.story, "tell it as one's own story")
    for field, text in texts.items():
        rule = f"names the value {dilemma.value!r}"
        report.words(place, field, text, language, name_words(system, dilemma.value, language), rule)
    if rationale and not dilemma.rationale:
        report.add(place, "rationale", "is missing", "", "say why the aligned action is right")
    if dilemma.rationale:
        allowed = limits.rationale_zh if chinese else limits.rationale
        report.length(place, "rationale", dilemma.rationale, language, allowed)
    return report.findings


def check_dilemmas(
    rows: Sequence[tuple[Place, Dilemma]], limits: DilemmaLimits = DILEMMA_LIMITS, *, suffix: str = ""
) -> list[Finding]:
    """What is wrong with the dilemmas of one value in one language as a set.

    Near-duplicate stories are not among it: they are looked for over all values at once (`check_repeats`).
    """
    report = Report(suffix)
    if not rows:
        return []
    language = rows[0][1].language
    report.keys([(place, dilemma.key) for place, dilemma in rows])
    report.openings([(place, one.story, language) for place, one in rows], "story", limits.same_opening)
    lengths = [(size(one.aligned, language), size(one.violating, language)) for _, one in rows]
    most = limits.mean_difference_zh if language == "zh" else limits.mean_difference
    report.level(Place(rows[0][0].file), ("aligned", "violating"), lengths, most)
    counts = Counter(dilemma.topic for _, dilemma in rows)
    if len(counts) != limits.topics or len(set(counts.values())) > 1:
        rule = f"{len(counts)} topics with {', '.join(map(str, counts.values()))} lines"
        fix = f"write {limits.topics} topics with equally many lines, each topic worded alike in all of them"
        report.add(Place(rows[0][0].file), "topic", rule, list(counts), fix)
    actions = defaultdict(list)
    for place, dilemma in rows:
        for field in ("aligned", "violating"):
            actions[getattr(dilemma, field)].append((place, field))
    for text, places in actions.items():
        if len(places) > 1:
            rule = f"stands {len(places)} times (lines {', '.join(str(place.line) for place, _ in places)})"
            report.add(*places[1], rule, text, "write another action")
    return report.findings
