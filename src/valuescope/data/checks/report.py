"""Collects findings: the checks that every kind of text shares, each with its fix."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from statistics import fmean

from valuescope.data.checks.duplicates import near_duplicates, shared_wording
from valuescope.data.checks.limits import Range
from valuescope.data.checks.naming import held_words
from valuescope.data.checks.words import han_share, opening, size
from valuescope.data.findings import Finding, Place, shown

UNITS = {"zh": "characters"}


class Report:
    """Findings about the texts of one record, or of one set of records.

    `suffix` is added to field names: ".zh" where a line holds its texts in two languages.
    """

    def __init__(self, suffix: str = "") -> None:
        self.findings: list[Finding] = []
        self._suffix = suffix

    def add(self, place: Place, field: str, rule: str, value: object, fix: str) -> None:
        """Add one finding."""
        self.findings.append(Finding(place, field + self._suffix if field else "", rule, shown(value), fix))

    def length(self, place: Place, field: str, text: str, language: str, limits: Range) -> None:
        """Words of an English text, characters of a Chinese one."""
        count, (low, high) = size(text, language), limits
        if not low <= count <= high:
            unit = UNITS.get(language, "words")
            fix = f"write {low} to {high} {unit}"
            self.add(place, field, f"has {count} {unit}", text, fix)

    def language(self, place: Place, field: str, text: str, language: str) -> None:
        """Chinese texts are Chinese and English ones hold no Han character."""
        share = han_share(text)
        if language == "zh" and share < 0.8:
            self.add(
                place,
                field,
                f"is not Chinese ({share:.0%} of the letters are Han)",
                text,
                "write it in Chinese",
            )
        if language == "en" and share > 0:
            self.add(place, field, "is not English (it holds Han characters)", text, "write it in English")

    def words(
        self, place: Place, field: str, text: str, language: str, patterns: Sequence[str], rule: str
    ) -> None:
        """No word that matches one of the patterns."""
        if held := held_words(text, patterns, language):
            self.add(place, field, rule, ", ".join(held), "say it without the word")

    def openings(self, rows: Sequence[tuple[Place, str, str]], field: str, most: int) -> None:
        """At most `most` texts with one opening; rows are (place, text, language)."""
        groups = defaultdict(list)
        for place, text, language in rows:
            groups[opening(text, language)].append(place)
        for first, places in groups.items():
            if len(places) > most:
                rule = f"{len(places)} texts begin alike, at most {most} may ({_lines(places)})"
                self.add(places[most], field, rule, first, "begin some of them otherwise")

    def repeats(self, rows: Sequence[tuple[Place, str]], field: str, files: Collection[str]) -> None:
        """No near-duplicates, and no two texts from one template; rows are (place, text).

        Pairs of which neither stands in `files` are left out.
        """
        places, texts = [place for place, _ in rows], [text for _, text in rows]
        found = dict.fromkeys(near_duplicates(texts).pairs, "is a near-duplicate of")
        for first, second, share in shared_wording(texts):
            found.setdefault((first, second), f"shares {share:.0%} of its word trigrams with")
        for (first, second), rule in sorted(found.items()):
            if places[second].file not in files:
                first, second = second, first
            if places[second].file in files:
                other = _other(places[first], places[second])
                self.add(places[second], field, f"{rule} {other}", texts[second], "write another one")

    def at_most(self, rows: Sequence[tuple[Place, str]], field: str, most: int) -> None:
        """At most `most` records with one value of a field; rows are (place, value)."""
        groups = defaultdict(list)
        for place, value in rows:
            groups[value].append(place)
        for value, places in groups.items():
            if len(places) > most:
                rule = f"stands in {len(places)} lines, at most {most} may ({_lines(places)})"
                self.add(places[most], field, rule, value, "vary it")

    def level(
        self, place: Place, sides: tuple[str, str], lengths: Sequence[tuple[int, int]], most: float
    ) -> None:
        """The mean lengths of two sides are within `most` of each other."""
        means = [fmean(side) for side in zip(*lengths, strict=True)] if lengths else [0.0, 0.0]
        if abs(means[0] - means[1]) > most + 1e-9:
            rule = f"{sides[0]} is {means[0]:.2f} long on average and {sides[1]} {means[1]:.2f}"
            self.add(
                place, "/".join(sides), rule, round(means[0] - means[1], 2), f"bring them within {most:g}"
            )

    def keys(self, rows: Sequence[tuple[Place, str]]) -> None:
        """No key twice."""
        counts = Counter(key for _, key in rows)
        for place, key in rows:
            if counts[key] > 1:
                self.add(place, "key", f"stands {counts[key]} times", key, "give every record its own key")
                counts[key] = 1


def _lines(places: Sequence[Place]) -> str:
    return "lines " + ", ".join(str(place.line) for place in places)


def _other(other: Place, place: Place) -> str:
    return f"line {other.line}" if other.file == place.file else str(other)
