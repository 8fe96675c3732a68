"""What a run reads and learns before it asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from valuescope.activations import Activations
from valuescope.data import LabelledText
from valuescope.locate import Evidence
from valuescope.tune import TrainingText


@dataclass(frozen=True)
class Locating:
    """One location that takes long: its locator reads texts itself, or trains probes.

    `name` tells it from others. `labels`: value -> the label of the texts that speak for it, and of those against.
    `parameters` are the locator's. `times`: how often it works through all texts, for its null included.
    """

    name: str
    locator: str
    labels: Mapping[str, tuple[str, str]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    times: int = 1

    def texts_used(self, texts: Sequence[LabelledText]) -> int:
        """How many texts it works through, over all values and times; some locators take only the first `texts` of each
        label."""
        wanted = {label for labels in self.labels.values() for label in labels}
        most = self.parameters.get("texts") or len(texts)
        counts = {label: sum(text.label == label for text in texts) for label in wanted}
        return self.times * sum(min(count, most) for count in counts.values())

    def evidence(self, value: str, activations: Activations, texts: Sequence[LabelledText]) -> Evidence:
        """What the locator would find one value in."""
        positive, negative = self.labels[value]
        return Evidence(activations, (value,), {value: positive}, {value: negative}, texts)


@dataclass(frozen=True)
class TextsToRead:
    """Texts that are read and counted, what is located in them at length, and texts that adapters learn, each training
    with its number of epochs.

    `residuals`: whether the last tokens' residuals are kept too. `counters`: how many there are for each label, since a null
    counts the texts under other labels too.
    """

    texts: Sequence[LabelledText]
    residuals: bool = False
    counters: int = 1
    locating: Sequence[Locating] = ()
    learnt: Sequence[tuple[Sequence[TrainingText], int]] = ()

    @property
    def labels(self) -> int:
        """How many labels are counted apart."""
        return self.counters * len({text.label for text in self.texts})
