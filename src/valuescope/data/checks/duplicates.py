"""Exact and near-duplicate texts, and how many texts are left if each cluster of them counts once."""

from __future__ import annotations

import difflib
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from valuescope.data.checks.words import even, words

NEAR = 0.9
"""Similarity (twice the matching characters by both lengths, difflib's ratio) above which two texts count as one."""
SHARED = 1 / 3
"""Share of common word trigrams above which two texts follow one template."""

_ALL_PAIRS, _LONG = 400, 800
_BANDS, _ROWS, _NEIGHBOURS, _AGREEMENT = 24, 3, 8, 0.4
_FACTORS = np.random.default_rng(0).integers(1, 2**63, size=_BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)


@dataclass(frozen=True)
class Duplicates:
    """Repeats among n texts.

    `exact`: texts that repeat an earlier one (width and spaces aside). `pairs`: places of two texts that are
    near-duplicates; every one of them among up to 400 texts, beyond that enough to link each cluster. `clusters`:
    places of texts linked by such pairs, only those of two or more.
    """

    texts: int
    exact: int
    pairs: tuple[tuple[int, int], ...]
    clusters: tuple[tuple[int, ...], ...]
    complete: bool

    @property
    def effective(self) -> int:
        """Number of texts if each cluster counts once."""
        return self.texts - sum(len(cluster) - 1 for cluster in self.clusters)


def near_duplicates(texts: Sequence[str], threshold: float = NEAR) -> Duplicates:
    """Texts whose similarity ratio is above `threshold`.

    All pairs are compared among up to 400 texts. Beyond that candidates come from min-hashes of character 4-grams
    (24 bands of 3): a pair with 60% of its 4-grams in common is missed with a chance below 1%, and the time grows
    with the number of texts, not with its square.
    """
    prepared = [even(text) for text in texts]
    places = defaultdict(list)
    for place, text in enumerate(prepared):
        places[text].append(place)
    unique = list(places)
    complete = len(texts) <= _ALL_PAIRS
    links = _Links(len(unique))
    similar = _Similarity(unique, threshold, exact=complete)
    found = []
    for first, second in _all_pairs(len(unique)) if complete else _candidates(unique):
        if (complete or not links.linked(first, second)) and similar.alike(first, second):
            found.append((first, second))
            links.link(first, second)
    members = defaultdict[int, list[int]](list)
    for number, text in enumerate(unique):
        members[links.root(number)] += places[text]
    pairs = [
        (min(one, other), max(one, other))
        for first, second in found
        for one in (places[unique[first]] if complete else places[unique[first]][:1])
        for other in (places[unique[second]] if complete else places[unique[second]][:1])
    ]
    for same in places.values():
        within = [(same[i], same[j]) for i, j in _all_pairs(len(same))]
        pairs += within if complete else list(pairwise(same))
    return Duplicates(
        texts=len(texts),
        exact=len(texts) - len(unique),
        pairs=tuple(sorted(pairs)),
        clusters=tuple(sorted(tuple(sorted(group)) for group in members.values() if len(group) > 1)),
        complete=complete,
    )


def shared_wording(texts: Sequence[str], threshold: float = SHARED) -> list[tuple[int, int, float]]:
    """Pairs of texts that share more than `threshold` of their word trigrams (Dice), however far apart they stand.

    Chinese: trigrams of characters. Found by an inverted index, so that the time grows with the number of shared
    trigrams.
    """
    grams = [_trigrams(text) for text in texts]
    holders = defaultdict(list)
    for place, held in enumerate(grams):
        for gram in held:
            holders[gram].append(place)
    common: Counter[tuple[int, int]] = Counter()
    for places in holders.values():
        common.update((places[i], places[j]) for i, j in _all_pairs(len(places)))
    shares = (
        (first, second, 2 * count / (len(grams[first]) + len(grams[second])))
        for (first, second), count in sorted(common.items())
    )
    return [(first, second, share) for first, second, share in shares if share > threshold]


def _trigrams(text: str) -> set[tuple[str, ...]]:
    held = words(text)
    return set(zip(held, held[1:], held[2:], strict=False))


def _all_pairs(count: int) -> Iterator[tuple[int, int]]:
    return ((first, second) for first in range(count) for second in range(first + 1, count))


class _Similarity:
    """Whether two of the texts are alike, cheap bounds first.

    With `exact` off, and for long texts, whole words decide where their matches are clear (more than the threshold, or
    under 0.7 of the characters); comparing characters costs fifty times as much.
    """

    def __init__(self, texts: Sequence[str], threshold: float, *, exact: bool) -> None:
        self._texts, self._threshold, self._exact = texts, threshold, exact
        self._counts = [Counter(text) for text in texts]
        self._grams = [Counter(text[n : n + 4] for n in range(len(text) - 3)) for text in texts if exact]
        self._words = [text.split(" ") for text in texts]
        self._by_character, self._by_word = (difflib.SequenceMatcher(autojunk=False) for _ in range(2))

    def alike(self, first: int, second: int) -> bool:
        """Whether the ratio of the two is above the threshold."""
        one, other = self._texts[first], self._texts[second]
        total = len(one) + len(other)
        least = self._threshold * total / 2
        if min(len(one), len(other)) <= least:
            return False
        if (self._counts[first] & self._counts[second]).total() <= least:
            return False
        if self._exact:
            # A block of M matching characters holds M - 3 common four-grams; unmatched characters bound their number.
            blocks = (1 - self._threshold) * total + 1
            if (self._grams[first] & self._grams[second]).total() < least - 3 * blocks:
                return False
        if not self._exact or total > _LONG:
            matched = self._matched_by_word(first, second)
            if matched > least or matched < 0.35 * total:
                return matched > least
        _set(self._by_character, one, other)
        return self._by_character.ratio() > self._threshold

    def _matched_by_word(self, first: int, second: int) -> int:
        """Characters in matching words, with the space after each."""
        held = self._words[first]
        _set(self._by_word, held, self._words[second])
        return sum(
            len(word) + 1
            for _, start, size in self._by_word.get_matching_blocks()
            for word in held[start : start + size]
        )


def _set(matcher: Any, one: Sequence[str], other: Sequence[str]) -> None:
    """Give a matcher its texts; it keeps what it knows of the one it has as its second."""
    if matcher.b is not one:
        matcher.set_seq2(one)
    matcher.set_seq1(other)


def _candidates(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of texts with a band of min-hashes in common, whose min-hashes agree in two of five at least."""
    signatures = np.stack([_signature(text) for text in texts])
    seen: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        buckets = defaultdict(list)
        for row, key in enumerate(signatures[:, band * _ROWS : (band + 1) * _ROWS].tolist()):
            buckets[tuple(key)].append(row)
        # A long bucket holds one template: its neighbours link it, and every text meets the first one.
        meet = {
            (other, row)
            for bucket in buckets.values()
            for place, row in enumerate(bucket[1:], 1)
            for other in (bucket[0], *bucket[max(0, place - _NEIGHBOURS) : place])
        } - seen
        seen |= meet
        fresh = np.array(sorted(meet), dtype=np.int64).reshape(-1, 2)
        for start in range(0, len(fresh), 100_000):
            part = fresh[start : start + 100_000]
            agreement = (signatures[part[:, 0]] == signatures[part[:, 1]]).mean(axis=1)
            yield from map(tuple, part[agreement >= _AGREEMENT].tolist())


def _signature(text: str) -> NDArray[np.uint64]:
    """Min-hashes of the character 4-grams of a text."""
    pieces = {text[place : place + 4] for place in range(max(1, len(text) - 3))}
    held = np.array([zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in pieces], np.uint64)
    mixed = held[:, None] * _FACTORS
    hashes: NDArray[np.uint64] = (mixed ^ (mixed >> np.uint64(29))).min(axis=0)
    return hashes


class _Links:
    """Disjoint sets of places."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def root(self, place: int) -> int:
        """The place that stands for the whole set."""
        while self._above[place] != place:
            self._above[place] = place = self._above[self._above[place]]
        return place

    def link(self, first: int, second: int) -> None:
        """Make one set of two."""
        one, other = self.root(first), self.root(second)
        self._above[max(one, other)] = min(one, other)

    def linked(self, first: int, second: int) -> bool:
        """Whether two places are in one set."""
        return self.root(first) == self.root(second)
