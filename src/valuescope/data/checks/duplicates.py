"""Exact and near-duplicate texts, and how many texts are left if each cluster of them counts once."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Indel
from rapidfuzz.process import cpdist
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from valuescope.data.checks.words import even, words

NEAR = 0.9
"""Similarity above which two texts count as one: twice the longest common subsequence of characters by both lengths."""
SHARED = 1 / 3
"""Share of common word trigrams above which two texts follow one template."""

_ALL_PAIRS = 400
_BANDS, _ROWS, _NEIGHBOURS = 24, 3, 8
_BLOCK, _COMMON = 512, 20
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

    Chinese: trigrams of characters. Exact: two texts that share so much also share a trigram that is not among the most
    common `threshold / (2 - threshold)` of either's, so that those ("what would you", in every text) propose no pair. The
    time grows with the number of texts and of the pairs with rare trigrams in common, not with the square of the number.
    """
    held = _trigrams(texts)
    sizes = np.diff(held.indptr)
    rare = _without_common(held, threshold / (2 - threshold))
    skipped, holders, found = sizes - np.diff(rare.indptr), rare.T.tocsr(), list[tuple[int, int, float]]()
    for start in range(0, len(texts), _BLOCK):
        shared = (rare[start : start + _BLOCK] @ holders).tocoo()
        first, second, common = shared.row + start, shared.col, shared.data
        needed = threshold * (sizes[first] + sizes[second]) / 2
        likely = (first < second) & (common + np.maximum(skipped[first], skipped[second]) > needed)
        first, second = first[likely], second[likely]
        for some in range(0, len(first), _BLOCK):
            lefts, rights = first[some : some + _BLOCK], second[some : some + _BLOCK]
            common = held[lefts].multiply(held[rights]).sum(axis=1)
            shares = 2 * np.asarray(common).ravel() / (sizes[lefts] + sizes[rights])
            above = shares > threshold
            found += zip(lefts[above].tolist(), rights[above].tolist(), shares[above].tolist(), strict=True)
    return sorted(found)


def repeated_pairs(texts: Sequence[str]) -> dict[tuple[int, int], str]:
    """The places of two texts too close to each other, and what the later one does: it is or shares, with the earlier."""
    rules = dict.fromkeys(near_duplicates(texts).pairs, "is a near-duplicate of")
    for first, second, share in shared_wording(texts):
        rules.setdefault((first, second), f"shares {share:.0%} of its word trigrams with")
    return rules


def _trigrams(texts: Sequence[str]) -> csr_array:
    """Which text holds which word trigram: ones, [texts, trigrams], the rarest trigrams first."""
    numbers = dict[str, int]()
    rows, keys = [np.empty(0, np.int64)], [np.empty((0, 3), np.int32)]
    for place, text in enumerate(texts):
        sequence = np.array([numbers.setdefault(word, len(numbers)) for word in words(text)], np.int32)
        if len(sequence) > 2:
            keys.append(np.unique(np.lib.stride_tricks.sliding_window_view(sequence, 3), axis=0))
            rows.append(np.full(len(keys[-1]), place))
    row = np.concatenate(rows)
    _, trigram, holders = np.unique(np.concatenate(keys), axis=0, return_inverse=True, return_counts=True)
    column = np.argsort(np.argsort(holders, kind="stable"))[trigram.reshape(-1)]
    shape = (len(texts), len(holders))
    return csr_array((np.ones(len(row), np.int32), (row, column)), shape=shape)


def _without_common(held: csr_array, share: float) -> csr_array:
    """The same without the most common `share` of each text's trigrams, as far as more than `_COMMON` texts hold them."""
    held.sort_indices()
    sizes, holders = np.diff(held.indptr), np.bincount(held.indices, minlength=held.shape[1])
    place = np.arange(held.nnz) - np.repeat(held.indptr[:-1], sizes)
    first_common = np.repeat(sizes - np.floor(sizes * share).astype(sizes.dtype), sizes)
    kept = (place < first_common) | (holders[held.indices] <= _COMMON)
    starts = np.concatenate([[0], np.cumsum(kept)])[held.indptr]
    return csr_array((held.data[kept], held.indices[kept], starts), held.shape)


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


@lru_cache(maxsize=2**15)  # a set that is written in rounds is compared after each
def _signature(text: str) -> NDArray[np.uint64]:
    """Min-hashes of the character 4-grams of a text."""
    pieces = {text[place : place + 4] for place in range(max(1, len(text) - 3))}
    hashes = np.array([zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in pieces], np.uint64)
    mixed = hashes[:, None] * _FACTORS
    smallest: NDArray[np.uint64] = (mixed ^ (mixed >> np.uint64(29))).min(axis=0)
    return smallest
