"""Labels dealt anew: texts cut in halves, and labels exchanged that nothing tells apart where no neuron is related to a value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from valuescope.activations import text_key
from valuescope.data.records import LabelledText
from valuescope.locate.parameters import generator

OUT = ""
"""The label of a text that is left out."""


@dataclass(frozen=True)
class Exchange:
    """Labels that may stand for each other under the null hypothesis.

    `pools`: sets of labels that are exchanged among each other: the two sides of each value, or the values in one role.
    Within a group (`LabelledText.group`: a contrast pair, a situation) texts of all labels of a pool exchange theirs, one of
    each at a time; texts without such partners exchange theirs with all of the pool. A label keeps its number of texts.
    """

    name: str
    pools: tuple[tuple[str, ...], ...]

    def dealt(self, texts: Sequence[LabelledText], *, seed: int, draw: int) -> tuple[str, ...]:
        """A label for each text; `OUT` for those of no pool. Depends on the texts and the seed, not on their order."""
        labels = [OUT] * len(texts)
        groups = _groups(texts)
        for pool in self.pools:
            random, alone = generator("exchange", self.name, seed, draw, *pool), list[int]()
            for name in sorted(groups):
                rows = [[row for row in groups[name] if texts[row].label == label] for label in pool]
                sets = list(zip(*rows, strict=False))
                for members in sets:
                    _permute(labels, texts, members, random)
                alone += [row for of_label in rows for row in of_label[len(sets) :]]
            _permute(labels, texts, alone, random)
        return tuple(labels)


def first_half(texts: Sequence[LabelledText], *, seed: int, draw: int) -> tuple[bool, ...]:
    """Whether each text is in the first of two random halves; groups are kept together.

    Groups of each make-up (which labels they hold) are halved alike, so that both halves have as many texts of each label
    as can be. Depends on the texts and the seed, not on the order of the texts.
    """
    groups = _groups(texts)
    kinds: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in sorted(groups):
        kinds[tuple(sorted({texts[row].label for row in groups[name]}))].append(name)
    first = [False] * len(texts)
    for kind, names in kinds.items():
        random = generator("halves", seed, draw, *kind)
        order = torch.randperm(len(names), generator=random).tolist()
        extra = int(torch.randint(2, (1,), generator=random))  # who gets the odd one
        for place in order[: (len(names) + extra) // 2]:
            for row in groups[names[place]]:
                first[row] = True
    return tuple(first)


def _groups(texts: Sequence[LabelledText]) -> dict[str, list[int]]:
    """The places of each group's texts by their hash; a text without a group is one, together with its exact repeats."""
    groups: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row, text in enumerate(texts):
        key = text_key(text)
        groups[f"group:{text.group}" if text.group else f"text:{key}"].append((key, row))
    return {name: [row for _, row in sorted(members)] for name, members in groups.items()}


def _permute(
    labels: list[str], texts: Sequence[LabelledText], rows: Sequence[int], random: torch.Generator
) -> None:
    """Give the texts at `rows` each other's labels in a random order."""
    order = torch.randperm(len(rows), generator=random).tolist()
    for row, other in zip(rows, order, strict=True):
        labels[row] = texts[rows[other]].label
