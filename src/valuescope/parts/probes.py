"""How well linear probes read each value off each layer, beside a bag of words and shuffled labels (NeVA, section 4.1)."""

from __future__ import annotations

from typing import Any, Self

from pydantic import model_validator

from valuescope.lab.laboratory import Laboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found
from valuescope.metrics import Estimate
from valuescope.report.blocks import Details, Section, Words
from valuescope.report.figure import Figure
from valuescope.report.numbers import MISSING, SHARES, Numbers
from valuescope.report.plots import Curve, CurveFacet, Strip, curves
from valuescope.report.table import Column, Table


class ProbesFound(Found):
    """Validation accuracy by value and layer (from 1) with Wilson's intervals, the layers kept, and two baselines by value."""

    layers: tuple[int, ...] = ()
    accuracy: dict[str, tuple[float | None, ...]] = {}
    interval: dict[str, tuple[tuple[float, float], ...]] = {}
    kept: dict[str, tuple[int, ...]] = {}
    bag_of_words: dict[str, float | None] = {}
    shuffled: dict[str, float | None] = {}
    n_train: int | None = None
    n_validation: int | None = None

    @model_validator(mode="after")
    def _by_layer(self) -> Self:
        for value, accuracy in self.accuracy.items():
            if len(accuracy) != len(self.layers):
                raise ValueError(
                    f"accuracy of {value} has {len(accuracy)} entries; it must have one for each of {len(self.layers)} layers"
                )
        return self

    def points(self, value: str) -> tuple[Estimate | float | None, ...]:
        """A value's accuracy in each layer, with its interval where that is known."""
        intervals, size = self.interval.get(value), self.n_validation or 0
        if intervals is None:
            return self.accuracy[value]
        return tuple(
            None if level is None else Estimate(level, *ends, n=size, interval="wilson")
            for level, ends in zip(self.accuracy[value], intervals, strict=True)
        )


class Probes(Part[None]):
    """The probes of the first method that trains any."""

    place, order, Found = "probes", 180, ProbesFound

    def measure(self, lab: Laboratory) -> ProbesFound | None:
        """Read off the location's diagnostics; None where no method trains probes."""
        for method in lab.spec.methods.values():
            facts = {} if method.intervention else lab.locations.of(method, method.default).diagnostics
            if "validation_accuracy" in facts:
                accuracy = facts["validation_accuracy"]
                return ProbesFound(
                    layers=tuple(range(1, len(next(iter(accuracy.values()))) + 1)),
                    accuracy={value: accuracy[value] for value in lab.values},
                    interval={value: facts["validation_interval"][value] for value in lab.values},
                    kept={
                        value: tuple(layer + 1 for layer in layers)
                        for value, layers in facts["kept_layers"].items()
                    },
                    bag_of_words=facts["bag_of_words_accuracy"],
                    shuffled={
                        value: sum(row) / len(row) for value, row in facts["shuffled_accuracy"].items()
                    },
                    n_train=min(facts["train_texts"].values()),
                    n_validation=min(facts["validation_texts"].values()),
                )
        return None

    @classmethod
    def view(cls, found: ProbesFound, result: Result) -> Section:
        """One panel for each value, and the numbers."""
        note = Words(
            "A probe means little where a bag of words does as well: then the texts give the answer away without the model. "
            "Intervals are Wilson's, with every text as a trial: where they hold the accuracy that a layer is kept for, a text or "
            "two decided.",
            style="small",
        )
        return Section(
            "probes",
            "Probes",
            (_figure(found, result), note, Details("Probe numbers", (_table(found, result),))),
        )


def _figure(found: ProbesFound, result: Result) -> Figure | None:
    sizes = [
        f"{size} {purpose}"
        for size, purpose in ((found.n_train, "to train"), (found.n_validation, "to validate"))
        if size is not None
    ]
    facets = [
        CurveFacet(
            result.head.value_name(value),
            (
                Strip(
                    "accuracy",
                    (
                        Curve(
                            "probes",
                            "ink",
                            found.layers,
                            found.points(value),
                            filled=[layer in found.kept.get(value, ()) for layer in found.layers],
                        ),
                    ),
                    Numbers(2),
                    domain=(0.4, 1.0) if min(filter(None, accuracy), default=1.0) >= 0.4 else (0.0, 1.0),
                    zero=False,
                    levels=(
                        (found.bag_of_words.get(value), "bag of words", "dash"),
                        (found.shuffled.get(value), "shuffled labels", "dot"),
                    ),
                ),
            ),
            log=False,
        )
        for value, accuracy in found.accuracy.items()
    ]
    return curves(
        "probes",
        "Probe accuracy on held-out texts, by layer",
        "Filled marks: layers kept. Dashed: a bag of words, without the model. Dotted: probes on shuffled labels. Texts for "
        f"each value: {', '.join(sizes) or 'not stated'}.",
        facets,
        x_axis="layer",
    )


def _table(found: ProbesFound, result: Result) -> Table[Any]:
    def best(value: str) -> str | None:
        known = [
            (level, layer)
            for layer, level in zip(found.layers, found.accuracy[value], strict=False)
            if level is not None
        ]
        level, layer = max(known, key=lambda pair: pair[0], default=(None, 0))
        if level is None:
            return None
        point = found.points(value)[found.layers.index(layer)]
        interval = f" {SHARES.interval(point, signed=False)}" if isinstance(point, Estimate) else ""
        return f"{SHARES.plain(level)}{interval} (layer {layer})"

    def kept(value: str) -> str:
        layers = found.kept.get(value)
        return MISSING if layers is None else ", ".join(map(str, layers)) or "none"

    columns: tuple[Column[str], ...] = (
        Column("", "Value", result.head.value_name),
        Column("", "Best accuracy", best),
        Column("", "Layers kept", kept),
        Column("", "Bag of words", found.bag_of_words.get, SHARES, signed=False),
        Column("", "Shuffled labels", found.shuffled.get, SHARES, signed=False),
    )
    train, validation = (
        "an unstated number of" if size is None else str(size) for size in (found.n_train, found.n_validation)
    )
    caption = f"Validation accuracy; {train} texts to train, {validation} to validate for each value"
    return Table("", caption, columns, list(found.accuracy))
