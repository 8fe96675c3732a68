"""Exact and near-duplicate texts, and how many texts are left if each cluster of them counts once."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Indel
from rapidfuzz.process import cpdist
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from valuescope.data.checks.words import even, words

NEAR = 0.9
"""Similarity above which two texts count as one: twice the longest common subsequence of characters by both lengths."""
SHARED = 1 / 3
"""Share of common word trigrams above which two texts follow one template."""

_ALL_PAIRS = 400
_BANDS, _ROWS, _NEIGHBOURS = 24, 3, 8
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
    """Texts whose similarity (rapidfuzz's Indel ratio) is above `threshold`.

    All pairs are compared among up to 400 texts. Beyond that candidates come from min-hashes of character 4-grams
    (24 bands of 3): a pair with 60% of its 4-grams in common is missed with a chance below 1%, and the time grows
    with the number of texts, not with its square.
    """
    places = defaultdict[str, list[int]](list)
    for place, text in enumerate(texts):
        places[even(text)].append(place)
    unique, copies = list(places), list(places.values())
    complete = len(texts) <= _ALL_PAIRS
    if complete:
        rounds: Iterable[NDArray[np.int64]] = [np.stack(np.triu_indices(len(unique), 1), axis=1)]
    else:
        rounds = map(_candidates, np.split(np.stack([_signature(text) for text in unique]), _BANDS, axis=1))
    near, cluster_of = np.empty((0, 2), dtype=np.int64), np.arange(len(unique))
    for candidates in rounds:
        candidates = candidates[cluster_of[candidates[:, 0]] != cluster_of[candidates[:, 1]]]
        near = np.concatenate([near, candidates[_similarity(unique, candidates, threshold) > threshold]])
        links = coo_array((np.ones(len(near)), near.T), shape=(len(unique), len(unique)))
        cluster_of = connected_components(links)[1] if unique else cluster_of
    members = defaultdict[int, list[int]](list)
    for number, cluster in enumerate(cluster_of.tolist()):
        members[cluster] += copies[number]
    pairs = [
        (min(first, second), max(first, second))
        for left, right in near.tolist()
        for first in (copies[left] if complete else copies[left][:1])
        for second in (copies[right] if complete else copies[right][:1])
    ]
    for alike in copies:
        pairs += combinations(alike, 2) if complete else pairwise(alike)
    return Duplicates(
        texts=len(texts),
        exact=len(texts) - len(unique),
        pairs=tuple(sorted(set(pairs))),
        clusters=tuple(sorted(tuple(sorted(cluster)) for cluster in members.values() if len(cluster) > 1)),
        complete=complete,
    )


def shared_wording(texts: Sequence[str], threshold: float = SHARED) -> list[tuple[int, int, float]]:
    """Pairs of texts that share more than `threshold` of their word trigrams (Dice), however far apart they stand.

    Chinese: trigrams of characters. Found by an inverted index, so that the time grows with the number of shared
    trigrams.
    """
    trigrams = [_trigrams(text) for text in texts]
    holders = defaultdict[tuple[str, ...], list[int]](list)
    for place, trigrams_held in enumerate(trigrams):
        for trigram in trigrams_held:
            holders[trigram].append(place)
    common: Counter[tuple[int, int]] = Counter()
    for places in holders.values():
        common.update(combinations(places, 2))
    shares = (
        (first, second, 2 * count / (len(trigrams[first]) + len(trigrams[second])))
        for (first, second), count in sorted(common.items())
    )
    return [(first, second, share) for first, second, share in shares if share > threshold]


def repeated_pairs(texts: Sequence[str]) -> dict[tuple[int, int], str]:
    """The places of two texts too close to each other, and what the later one does: it is or shares, with the earlier."""
    rules = dict.fromkeys(near_duplicates(texts).pairs, "is a near-duplicate of")
    for first, second, share in shared_wording(texts):
        rules.setdefault((first, second), f"shares {share:.0%} of its word trigrams with")
    return rules


def _trigrams(text: str) -> set[tuple[str, ...]]:
    sequence = words(text)
    return set(zip(sequence, sequence[1:], sequence[2:], strict=False))


def _similarity(texts: Sequence[str], pairs: NDArray[np.int64], threshold: float) -> NDArray[np.float64]:
    """The similarity of each pair, 0 where it is below the threshold."""
    firsts, seconds = ([texts[place] for place in column] for column in pairs.T.tolist())
    scorer = Indel.normalized_similarity
    return cpdist(firsts, seconds, scorer=scorer, score_cutoff=threshold, dtype=np.float64)


def _candidates(band: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs of texts whose min-hashes of one band are the same.

    A long bucket holds one template: its neighbours link it, and every text meets the first one.
    """
    bucket = np.unique(band, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.argsort(bucket, kind="stable")
    bucket = bucket[order]
    pairs = [np.stack([order[np.searchsorted(bucket, bucket)], order], axis=1)]
    for step in range(1, _NEIGHBOURS + 1):
        meets = bucket[step:] == bucket[:-step]
        pairs.append(np.stack([order[:-step][meets], order[step:][meets]], axis=1))
    return np.concatenate(pairs)


def _signature(text: str) -> NDArray[np.uint64]:
    """Min-hashes of the character 4-grams of a text."""
    pieces = {text[place : place + 4] for place in range(max(1, len(text) - 3))}
    hashes = np.array([zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in pieces], np.uint64)
    mixed = hashes[:, None] * _FACTORS
    smallest: NDArray[np.uint64] = (mixed ^ (mixed >> np.uint64(29))).min(axis=0)
    return smallest
