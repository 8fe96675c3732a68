"""What the run's own measure can see on this model: the model told to hold each value, and told to reject it.

A measure that does not move under the strongest plain instruction cannot show what an edit does; and a method's effect says more
beside the effect of simply telling the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from valuescope.lab.ask import Ask, SystemText
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.locations import Locations
from valuescope.lab.method import Asked
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found, Measured, Strict
from valuescope.lab.system_texts import system_texts
from valuescope.parts.base import kinds
from valuescope.parts.method import INSTRUMENT, effect_numbers, mean_of, methods_of, sees
from valuescope.report.blocks import Section, Words
from valuescope.report.names import asked_name, method_name
from valuescope.report.numbers import SHARES
from valuescope.report.plots import DotFacet, Dots, dots
from valuescope.report.table import Column, Table, Verdict

STANCES = ("for", "against")


class InstrumentSpec(Strict):
    """What the measure can see, before any method is judged by it.

    `questions`: per value, the first ones (none: all).
    """

    questions: int | None = Field(default=20, ge=1)


class KindFound(Found):
    """One kind of items: success of the base and under both instructions, and the paired differences."""

    base: Measured
    told_for: Measured
    told_against: Measured
    for_minus_against: Measured
    for_minus_base: Measured
    against_minus_base: Measured
    by_value: dict[str, Measured] = {}


class InstrumentFound(Found):
    """By kind of items; `by_value` of a kind is for minus against."""

    measure: str
    questions: int | None = None
    kinds: dict[str, KindFound] = {}


class Instrument(Part[InstrumentSpec]):
    """The same questions under a positive and a negative instruction for each value, and under none."""

    key, Spec = "instrument", InstrumentSpec
    place, order, Found = INSTRUMENT, 8, InstrumentFound

    def asks(self, design: Design) -> Iterator[Ask]:
        """Three asks for each kind of items."""
        for kind in kinds(design):
            yield from self._asks(design, kind)

    def measure(self, lab: Laboratory) -> InstrumentFound:
        """How far apart the two instructions lie."""
        measure = "preference" if lab.spec.asks_pairs else "control success"
        found = dict[str, KindFound]()
        for kind in kinds(lab):
            base, told_for, told_against = map(lab.outcomes, self._asks(lab, kind))
            found[kind] = KindFound(
                base=lab.success(base),
                told_for=lab.success(told_for),
                told_against=lab.success(told_against),
                for_minus_against=lab.effect(told_against, told_for),
                for_minus_base=lab.effect(base, told_for),
                against_minus_base=lab.effect(base, told_against),
                by_value={value: lab.effect(told_against, told_for, value=value) for value in lab.values},
            )
        return InstrumentFound(measure=measure, questions=self.spec.questions, kinds=found)

    def _asks(self, design: Design, kind: Asked) -> tuple[Ask, Ask, Ask]:
        items = design.items(kind, self.spec.questions)
        told_for, told_against = (design.each(items, _instructions(design, stance)) for stance in STANCES)
        return design.base(items), told_for, told_against

    @classmethod
    def view(cls, found: InstrumentFound, result: Result) -> Section:
        """The verdict, the differences by value, and each method's share of what telling the model does."""
        numbers = effect_numbers(result)
        columns: tuple[Column[Any], ...] = (
            Column("kind", "Questions", lambda row: asked_name(row[0])),
            *(
                Column[Any](name, title, _field(name), numbers, signed=signed, estimate=True)
                for name, title, signed in (
                    ("base", "Base", False),
                    ("told_for", "Told to hold the value", False),
                    ("told_against", "Told to reject it", False),
                    ("for_minus_against", "For minus against", True),
                )
            ),
            Column("", "Verdict", lambda row: _verdict(sees(row[1].for_minus_against))),
        )
        caption = f"{found.measure} of the unedited model under a system message for each value"
        facets = [
            DotFacet(
                asked_name(kind),
                tuple(map(result.head.value_name, block.by_value)),
                (Dots("for minus against", "ink", tuple(block.by_value.values())),),
            )
            for kind, block in found.kinds.items()
        ]
        figure = dots(
            "instrument",
            f"What the measure sees: {found.measure}, told for minus told against each value",
            "The unedited model under a system message that describes a holder of the value, less one that describes somebody "
            "who rejects it. An interval that covers 0: the measure cannot tell the two apart.",
            facets,
            axis=f"difference of {found.measure}",
            numbers=numbers,
        )
        table = Table("instrument", caption, columns, list(found.kinds.items()))
        return Section(
            "instrument",
            "What the measure can see",
            (table, figure, _shares(found, result)),
            link="Instrument",
        )


def _instructions(design: Design, stance: Any) -> Mapping[str, Any]:
    language = next((question.language for question in design.material.questions), "en")

    def made(locations: Locations) -> dict[str, SystemText]:
        texts = system_texts(design.system, locations.material, language=language, stance=stance)
        return {value: SystemText(value, text) for value, text in texts.items()}

    return design.made(["instrument", stance, language], made)


def _field(name: str) -> Any:
    return lambda row: getattr(row[1], name)


def _verdict(clear: bool | None) -> Verdict:
    words = {True: "the measure can tell", False: "the measure cannot tell", None: "cannot be said"}
    return Verdict(clear, words[clear])


def _shares(found: InstrumentFound, result: Result) -> Words | None:
    """Each method's effect as a share of what the instruction in its direction does."""
    methods = methods_of(result)
    words = []
    for name, method in methods.items():
        kind = found.kinds.get(method.asked)
        ceiling = kind and (kind.for_minus_base if (method.direction or 1) > 0 else kind.against_minus_base)
        effect, most = mean_of(method.effect), mean_of(ceiling) if ceiling else None
        if effect is None or not most or not sees(kind.for_minus_against if kind else None):
            continue
        words.append(f"{method_name(name)} {SHARES.plain(effect / most)}")
    if not words:
        return None
    return Words(f"Effect as a share of what the instruction does: {', '.join(words)}.", style="small")
