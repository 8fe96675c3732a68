"""The unedited model: its success on every kind of question, and the fluency of its answers."""

from __future__ import annotations

from collections.abc import Iterator

from valuescope.lab.ask import Ask
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.method import Asked
from valuescope.lab.part import Part
from valuescope.lab.strict import Found, Measured


class BaseFound(Found):
    """`by_value`: by kind of question and value."""

    by_value: dict[str, dict[str, Measured]] = {}
    fluency: Measured | None = None


class Base(Part[None]):
    """The unedited model; the page shows it beside the methods."""

    place, order, Found = "base", 5, BaseFound

    def asks(self, design: Design) -> Iterator[Ask]:
        """Every kind of item that a method is asked, all runs, and what fluency is read off."""
        for kind in kinds(design):
            yield base_ask(design, kind)
            yield spoken_ask(design, kind)

    def measure(self, lab: Laboratory) -> BaseFound:
        """Success by kind and value, and fluency over all answers."""
        spoken = [outcome for kind in kinds(lab) for outcome in lab.fluent(*[spoken_ask(lab, kind)] * 2)[0]]
        return BaseFound(
            by_value={
                kind: {value: lab.success(lab.outcomes(base_ask(lab, kind)), value) for value in lab.values}
                for kind in kinds(lab)
            },
            fluency=lab.fluency(spoken),
        )


def kinds(design: Design) -> list[Asked]:
    """The kinds of items that the methods are asked."""
    return sorted({method.asked for method in design.spec.methods.values()})


def base_ask(design: Design, kind: Asked) -> Ask:
    """All items of a kind, put to the unedited model."""
    return design.base(design.repeated(design.items(kind)))


def spoken_ask(design: Design, kind: Asked) -> Ask:
    """The base answers that fluency is read off: where pairs are asked, answers to some questions beside them."""
    if kind != "pairs":
        return base_ask(design, kind)
    return design.base(design.items("dilemma", design.spec.answers_per_value))
