"""The null beside a location: which labels are exchanged, the texts under every dealing of labels, and what was counted of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from valuescope.activations import Activations, Counters
from valuescope.data import LabelledText, label
from valuescope.lab.method import READING, MethodSpec
from valuescope.lab.setting import Setting
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Strict
from valuescope.locate.relabelling import OUT, Exchange, first_half

BETWEEN_VALUES = ("vape", "vape-layer-bar", "specificity", "two-proportion")
"""The locators that read one label for each value."""
RANDOM = ("random", "random-matched")
"""The locators that read no label: there is nothing to exchange."""
Relabellings = Mapping[str, tuple[str, ...]]
"""By the name of a dealing a label for each text, `OUT` where it is left out."""


class NullSpec(Strict):
    """What every locator selects by chance, and how far it agrees with itself.

    `shuffles`: dealings of exchanged labels. `halves`: cuts of the texts in two. `reading`: also for locators that run the
    texts through the model themselves, which then run again for every dealing and every half. `agreement`: the correlation
    of two halves for which the number of texts is said.
    """

    shuffles: int = Field(default=2, ge=1)
    halves: int = Field(default=1, ge=1)
    reading: bool = False
    agreement: float = Field(default=0.8, gt=0, lt=1)

    def counted(self, exchanges: int) -> int:
        """How many counters there are for each label, beside the real ones: a half, a dealing and its half count one each."""
        return self.halves + exchanges * (self.shuffles + self.halves)

    def dealings(
        self, exchanges: Iterable[Exchange], texts: Sequence[LabelledText], seed: int
    ) -> Relabellings:
        """The label of every text under every dealing. The other half of a cut is what the whole has beside the first."""
        dealt: dict[str, tuple[str, ...]] = {}
        halves = [first_half(texts, seed=seed, draw=draw) for draw in range(self.halves)]
        for draw, first in enumerate(halves):
            dealt[half_name("", draw)] = _kept([text.label for text in texts], first)
        for exchange in exchanges:
            for draw in range(self.shuffles):
                dealt[shuffle_name(exchange, draw)] = exchange.dealt(texts, seed=seed, draw=draw)
            for draw, first in enumerate(halves):
                whole = shuffle_name(exchange, draw % self.shuffles)
                dealt[half_name(whole, draw)] = _kept(dealt[whole], first)
        return dealt


def exchange_of(method: MethodSpec, setting: Setting, values: Sequence[str]) -> Exchange | None:
    """What is exchanged for a method: the sides of each value, or the values where one label is read for each; None for a
    method that reads no labels."""
    if method.intervention or method.locator in RANDOM:
        return None
    positive, negative = method.read_roles
    if (
        positive == negative
        or method.locator in BETWEEN_VALUES
        or setting.locator.get("contrast") == "others"
    ):
        return values_exchange([label(value, positive) for value in values], positive)
    sides = tuple((label(value, positive), label(value, negative)) for value in values)
    return Exchange(f"sides-{positive}-{negative}", sides)


def values_exchange(labels: Sequence[str], role: str) -> Exchange:
    """The exchange of values among texts in one role, by the label of each value."""
    return Exchange(f"values-{role}", (tuple(labels),))


def exchanges_of(spec: ComparisonSpec, values: Sequence[str]) -> tuple[Exchange, ...]:
    """All exchanges of a comparison that its counters are made for."""
    null = null_of(spec)
    found = [
        exchange_of(method, setting, values)
        for method in spec.methods.values()
        for setting in method.settings()
        if null is not None and (null.reading or method.locator not in READING)
    ]
    return tuple(dict.fromkeys(exchange for exchange in found if exchange is not None))


def null_of(spec: Any) -> NullSpec | None:
    """The null that a specification asks for; None where it asks for none."""
    null: NullSpec | None = getattr(spec, "nulls", None)
    return null


def null_dealings(spec: ComparisonSpec, values: Sequence[str], texts: Sequence[LabelledText]) -> Relabellings:
    """The dealings of a comparison; none where it asks for no null."""
    null = null_of(spec)
    return {} if null is None else null.dealings(exchanges_of(spec, values), texts, spec.seed)


def counted_times(spec: ComparisonSpec, values: Sequence[str]) -> int:
    """How many counters a comparison has for each label, the real ones included."""
    null = null_of(spec)
    return 1 if null is None else 1 + null.counted(len(exchanges_of(spec, values)))


def null_passes(spec: ComparisonSpec, method: MethodSpec) -> int:
    """How often a method's locator works through all texts again for its null: two halves are one pass."""
    null = null_of(spec)
    if null is None or not method.locator or (method.locator in READING and not null.reading):
        return 0
    return null.shuffles + 2 * null.halves


def half_name(whole: str, draw: int) -> str:
    """The name of the first half of the texts, as they are or as they were dealt."""
    return "-".join(filter(None, (whole, "half", str(draw))))


def shuffle_name(exchange: Exchange, draw: int) -> str:
    """The name of one dealing of an exchange."""
    return f"{exchange.name}-{draw}"


def _kept(labels: Sequence[str], first: Sequence[bool]) -> tuple[str, ...]:
    return tuple(label if inside else OUT for label, inside in zip(labels, first, strict=True))


@dataclass(frozen=True)
class Reading:
    """Texts under some labels, and the activations of those that have one."""

    labels: tuple[str, ...]
    activations: Activations

    def texts(self, texts: Sequence[LabelledText]) -> tuple[LabelledText, ...]:
        """The texts that have a label, under it."""
        return tuple(
            replace(text, label=label) for text, label in zip(texts, self.labels, strict=True) if label
        )


@dataclass(frozen=True)
class NullReadings:
    """What a locator reads for its null: nothing is run through the model again, everything was counted in one pass."""

    texts: Sequence[LabelledText]
    activations: Activations
    dealings: Relabellings

    def shuffled(self, exchange: Exchange, draws: int) -> Iterator[Reading]:
        """The texts under each dealing."""
        for draw in range(draws):
            name = shuffle_name(exchange, draw)
            yield self._reading(self.dealings[name], self.activations.relabelled[name])

    def halves(self, draws: int) -> Iterator[tuple[Reading, Reading]]:
        """Both halves of each cut, under their own labels."""
        labels = tuple(text.label for text in self.texts)
        for draw in range(draws):
            yield self._cut(labels, self.activations.counters, half_name("", draw))

    def shuffled_halves(
        self, exchange: Exchange, draws: int, shuffles: int
    ) -> Iterator[tuple[Reading, Reading]]:
        """Both halves of each cut, under dealt labels."""
        for draw in range(draws):
            whole = shuffle_name(exchange, draw % shuffles)
            yield self._cut(self.dealings[whole], self.activations.relabelled[whole], half_name(whole, draw))

    def _cut(self, labels: Sequence[str], counters: Counters, half: str) -> tuple[Reading, Reading]:
        first, counted = self.dealings[half], self.activations.relabelled[half]
        second = tuple(OUT if mine else label for label, mine in zip(labels, first, strict=True))
        return self._reading(first, counted), self._reading(second, counters - counted)

    def _reading(self, labels: tuple[str, ...], counters: Counters) -> Reading:
        residuals = self.activations.residuals
        return Reading(labels, Activations(counters, residuals and residuals.relabelled(labels)))
