"""The split into training and validation texts, by group: a contrast pair never stands on both sides."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor

from valuescope.activations import Residuals
from valuescope.locate.evidence import LocateError
from valuescope.locate.seeds import generator


@dataclass(frozen=True, eq=False)
class Split:
    """Texts of one value, training ones first: positions among the residuals, class and side, each [n]."""

    rows: Tensor
    positive: Tensor
    validation: Tensor


def grouped_split(
    residuals: Residuals, positive: str, negative: str, *, value: str, share: float, seed: int
) -> Split:
    """Put about `share` of a value's groups aside for validation, alike for groups of each make-up.

    Groups are LabelledText.group; a text without one is a group of its own, together with its exact repeats.
    The outcome depends on the texts and the seed, not on the order of the texts.
    """
    members: dict[str, list[tuple[str, int, bool]]] = defaultdict(list)
    for label, side in ((positive, True), (negative, False)):
        for row in residuals.rows(label).tolist():
            group = residuals.groups[row]
            name = f"group:{group}" if group else f"text:{residuals.keys[row]}"
            members[name].append((residuals.keys[row], row, side))
    kinds: dict[frozenset[bool], list[str]] = defaultdict(list)
    for name in sorted(members):
        kinds[frozenset(side for _, _, side in members[name])].append(name)
    held: set[str] = set()
    for kind, names in kinds.items():
        order = torch.randperm(len(names), generator=generator("split", seed, value, sorted(kind)))
        count = min(max(1, round(share * len(names))), len(names) - 1)
        held |= {names[index] for index in order[:count].tolist()}
    entries = sorted((name in held, key, side, row) for name in members for key, row, side in members[name])
    sides = {(side, validation) for validation, _, side, _ in entries}
    if len(sides) < 4:
        raise LocateError(
            f"{value!r}: {len(members)} groups of texts are too few to train and validate with both labels, "
            f"{positive!r} and {negative!r}; give more texts, or pairs with a group each"
        )
    return Split(
        rows=torch.tensor([row for _, _, _, row in entries]),
        positive=torch.tensor([side for _, _, side, _ in entries]),
        validation=torch.tensor([validation for validation, _, _, _ in entries]),
    )
