"""What a probe's accuracy must be compared with: the same regression on nothing but which words occur."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from valuescope.data.checks.words import words
from valuescope.data.records import LabelledText
from valuescope.locate.split import Split
from valuescope.logistic import Samples


def words_of(text: LabelledText) -> set[str]:
    """The lower-cased words of prompt and answer."""
    return set(words(f"{text.prompt}\n{text.answer}"))


def bag_of_words_accuracy(texts: Sequence[LabelledText], split: Split, *, c: float = 1.0) -> float:
    """Validation accuracy of a logistic regression on the presence of the training texts' words.

    Where it comes near a probe's accuracy, the labels can be told by wording alone, and the probe proves
    little.
    """
    bags = [words_of(texts[row]) for row in split.rows.tolist()]
    training = [bag for bag, held in zip(bags, split.validation.tolist(), strict=True) if not held]
    column = {word: index for index, word in enumerate(sorted(set().union(*training)))}
    presence = torch.zeros(1, len(bags), max(1, len(column)), dtype=torch.float64)
    for row, bag in enumerate(bags):
        presence[0, row, [column[word] for word in sorted(bag) if word in column]] = 1
    solution = Samples(presence, ~split.validation[None]).fit(split.positive[None], c)
    right = (solution.logits[0] > 0) == split.positive
    return float(right[split.validation].double().mean())
