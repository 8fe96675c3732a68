"""Wording that tells two sides of a data set apart, whatever they mean."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from valuescope.data.checks.words import words
from valuescope.logistic import Samples

_VOCABULARY = 5000


@dataclass(frozen=True)
class WordDifference:
    """A word, and how many of `texts` pairs hold it on the positive and on the negative side."""

    word: str
    positive: int
    negative: int
    texts: int

    @property
    def excess(self) -> int:
        """By how many texts the positive side is ahead; negative where the other side is."""
        return self.positive - self.negative


@dataclass(frozen=True)
class WordingAccuracy:
    """How well a bag of words tells the two sides apart: the mean over folds and repeats; 0.5 is chance.

    `standard_error`: of that mean over pairs, the folds taken as they are. The sides of a pair are mostly both right
    or both wrong, so that pairs count and not texts.
    """

    accuracy: float
    pairs: int
    folds: int
    repeats: int
    standard_error: float


def word_differences(positive: Sequence[str], negative: Sequence[str]) -> tuple[WordDifference, ...]:
    """The words of two sides of equal size, those that differ most first; words level on both sides left out."""
    sides = [Counter(word for text in side for word in set(words(text))) for side in (positive, negative)]
    differences = [
        WordDifference(word, sides[0][word], sides[1][word], len(positive))
        for word in sides[0].keys() | sides[1].keys()
        if sides[0][word] != sides[1][word]
    ]
    return tuple(sorted(differences, key=lambda difference: (-abs(difference.excess), difference.word)))


def wording_accuracy(
    positive: Sequence[str],
    negative: Sequence[str],
    *,
    folds: int = 5,
    repeats: int = 5,
    c: float = 1.0,
    seed: int = 0,
    vocabulary: Collection[str] | None = None,
) -> WordingAccuracy | None:
    """Cross-validated accuracy of a logistic regression on the presence of words.

    The texts of one pair are always in one fold: else a pair's shared wording would leak. Words beyond the 5000 most
    frequent are left out, and those outside `vocabulary` where one is given (`function_words`, to ask what is told
    whatever the texts are about). None where there are fewer pairs than folds.
    """
    if len(positive) != len(negative):
        raise ValueError(f"{len(positive)} positive and {len(negative)} negative texts are not pairs")
    pairs = len(positive)
    if pairs < folds:
        return None
    bags = [set(words(text)) for text in (*positive, *negative)]
    if vocabulary is not None:
        bags = [bag.intersection(vocabulary) for bag in bags]
    frequency = Counter(word for bag in bags for word in bag)
    column = {
        word: place
        for place, (word, _) in enumerate(sorted(frequency.items(), key=_most_frequent)[:_VOCABULARY])
    }
    presence = torch.zeros(len(bags), max(1, len(column)), dtype=torch.float64)
    for row, bag in enumerate(bags):
        presence[row, [column[word] for word in sorted(bag) if word in column]] = 1
    side = torch.arange(2 * pairs) < pairs
    right = torch.zeros(2 * pairs, dtype=torch.int64)
    for repeat in range(repeats):
        held = _fold_of(pairs, folds, seed + repeat).repeat(2)
        for fold in range(folds):
            training = held != fold
            logits = Samples(presence[None], training[None]).fit(side[None], c).logits[0]
            right += ((logits > 0) == side) & ~training
    shares = right.view(2, pairs).sum(0).double() / (2 * repeats)
    return WordingAccuracy(
        int(right.sum()) / (2 * pairs * repeats), pairs, folds, repeats, float(shares.std()) / pairs**0.5
    )


def _most_frequent(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]


def _fold_of(pairs: int, folds: int, seed: int) -> torch.Tensor:
    """The fold of each pair: as even as can be, in an order drawn from the seed."""
    order = list(range(pairs))
    random.Random(f"folds-{seed}").shuffle(order)
    return torch.tensor([place % folds for place in order])
