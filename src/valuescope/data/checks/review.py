"""Collects findings: the checks that every kind of text shares, each with its fix."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from statistics import fmean

from valuescope.data.checks.duplicates import repeated_pairs
from valuescope.data.checks.set_limits import Range
from valuescope.data.checks.words import han_share, held_words, opening, size
from valuescope.data.findings import Finding, Place, shown
from valuescope.data.records import Record

_LISTED = 20
UNITS = {"zh": "characters"}
Rows = Sequence[tuple[Place, Record]]


class Review:
    """Findings about the texts of one record, or of one set of records.

    `place`: the record's, or the set's file. `suffix` is added to field names: ".zh" where a line holds its texts in
    two languages.
    """

    def __init__(self, place: Place, language: str = "en", suffix: str = "") -> None:
        self.findings: list[Finding] = []
        self._place, self._language, self._suffix = place, language, suffix

    def add(self, field: str, rule: str, value: object, fix: str, place: Place | None = None) -> None:
        """Add one finding, about another place than the review's where one is given."""
        self.findings.append(Finding(place or self._place, field + self._suffix, rule, shown(value), fix))

    def length(self, field: str, text: str, limits: Range) -> None:
        """Words of an English text, characters of a Chinese one."""
        count, (low, high) = size(text, self._language), limits
        if not low <= count <= high:
            unit = UNITS.get(self._language, "words")
            self.add(field, f"has {count} {unit}", text, f"write {low} to {high} {unit}")

    def language(self, field: str, text: str) -> None:
        """Chinese texts are Chinese and English ones hold no Han character."""
        share = han_share(text)
        if self._language == "zh" and share < 0.8:
            self.add(
                field, f"is not Chinese ({share:.0%} of the letters are Han)", text, "write it in Chinese"
            )
        if self._language == "en" and share > 0:
            self.add(field, "is not English (it holds Han characters)", text, "write it in English")

    def words(self, field: str, text: str, patterns: Sequence[str], rule: str) -> None:
        """No word that matches one of the patterns."""
        if held := held_words(text, patterns, self._language):
            self.add(field, rule, ", ".join(held), "say it without the word")

    def keys(self, rows: Rows) -> None:
        """No key twice."""
        counts = Counter(record.key for _, record in rows)
        for place, record in rows:
            if counts[record.key] > 1:
                rule, fix = f"stands {counts[record.key]} times", "give every record its own key"
                self.add("key", rule, record.key, fix, place)
                counts[record.key] = 1

    def openings(self, rows: Rows, field: str, most: int) -> None:
        """At most `most` records whose field begins with the same words; each further one is named."""
        openings = ((place, opening(getattr(record, field), record.language)) for place, record in rows)
        for words, places in _places(openings).items():
            if len(places) > most:
                rule = f"{len(places)} texts begin alike, at most {most} may ({_lines(places)})"
                for place in places[most:]:
                    self.add(field, rule, words, "begin some of them otherwise", place)

    def at_most(self, rows: Iterable[tuple[Place, str]], field: str, most: int) -> None:
        """At most `most` records with one value of a field, empty ones aside, and each further one named; rows: (place, value)."""
        for value, places in _places(rows).items():
            if value and len(places) > most:
                rule = f"stands in {len(places)} lines, at most {most} may ({_lines(places)})"
                for place in places[most:]:
                    self.add(field, rule, value, "vary it", place)

    def level(self, sides: tuple[str, str], lengths: Sequence[tuple[int, int]], most: float) -> None:
        """The mean lengths of two sides are within `most` of each other."""
        means = [fmean(side) for side in zip(*lengths, strict=True)] if lengths else [0.0, 0.0]
        if abs(means[0] - means[1]) > most + 1e-9:
            rule = f"{sides[0]} is {means[0]:.2f} long on average and {sides[1]} {means[1]:.2f}"
            self.add("/".join(sides), rule, round(means[0] - means[1], 2), f"bring them within {most:g}")


def check_repeats(
    rows: Sequence[tuple[Place, str]], field: str, *, files: Collection[str] | None = None, suffix: str = ""
) -> list[Finding]:
    """Near-duplicates and shared templates among texts of one kind, over all files at once; rows are (place, text).

    `files`: findings about pairs with a text in these files only (None: about all).
    """
    review = Review(Place(""), suffix=suffix)
    files = {place.file for place, _ in rows} if files is None else files
    for (first, second), rule in sorted(repeated_pairs([text for _, text in rows]).items()):
        if rows[second][0].file not in files:
            first, second = second, first
        (earlier, _), (place, text) = rows[first], rows[second]
        if place.file in files:
            where = f"line {earlier.line}" if earlier.file == place.file else str(earlier)
            review.add(field, f"{rule} {where}", text, "write another one", place)
    return review.findings


def _places(rows: Iterable[tuple[Place, str]]) -> dict[str, list[Place]]:
    """The places of each text."""
    places = defaultdict[str, list[Place]](list)
    for place, text in rows:
        places[text].append(place)
    return places


def _lines(places: Sequence[Place]) -> str:
    lines = [str(place.line) for place in places[:_LISTED]]
    return (
        "lines " + ", ".join(lines) + (f" and {len(places) - _LISTED} more" if len(places) > _LISTED else "")
    )
