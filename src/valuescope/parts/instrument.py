"""What a run's measures can see on this model: the model told to hold each value, and told to reject it.

A measure that does not move under the strongest plain instruction cannot show what an edit does; and a method's effect says more
beside the effect of simply telling the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Literal, get_args

from pydantic import Field

from valuescope.data import Material
from valuescope.data.dilemma_set import DilemmaSet
from valuescope.lab.ask import Ask, Item, Outcomes, SystemText, question_of
from valuescope.lab.design import Design
from valuescope.lab.dilemma_design import DilemmaDesign
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.method import MethodSpec
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Strict
from valuescope.lab.system_texts import system_texts
from valuescope.metrics import Estimate
from valuescope.models.prompts import Messages
from valuescope.parts.instrument_shown import instrument_blocks
from valuescope.parts.sight import INSTRUMENT, MEASURE_OF, InstrumentFound, Measure, SightFound, sees
from valuescope.report.blocks import Section

Stance = Literal["for", "against"]
STANCES: tuple[Stance, ...] = get_args(Stance)


class InstrumentSpec(Strict):
    """What the measures can see, before any method is judged by them.

    `questions`: questions or pairs per value, the first ones (none: all). `measures`: none for all that data and judge allow.
    """

    questions: int | None = Field(default=20, ge=1)
    measures: tuple[Measure, ...] | None = None


class Instrument(Part[InstrumentSpec]):
    """The same items under a positive and a negative instruction for each value, and under none."""

    key, Spec = "instrument", InstrumentSpec
    place, order, Found = INSTRUMENT, 8, InstrumentFound

    def asks(self, design: Design) -> Iterator[Ask]:
        """Three asks for each measure."""
        for measure in measures_of(design, self.spec):
            yield from _asks(design, self.spec, measure)

    def conversations(self, design: Design) -> Iterator[Messages]:
        """A question after each instruction."""
        for question, stance in product(design.material.questions[:1], STANCES):
            texts = system_texts(design.system, design.material, language=_language(design), stance=stance)
            text = texts[question.value]
            yield [{"role": "system", "content": text}, {"role": "user", "content": question.asked}]

    def measure(self, lab: Laboratory) -> InstrumentFound:
        """How far apart the two instructions lie, by every measure."""
        return InstrumentFound({name: _sight(lab, self.spec, name) for name in measures_of(lab, self.spec)})

    @classmethod
    def view(cls, found: InstrumentFound, result: Result) -> Section:
        """The verdict on each measure, the differences by value, and each method's share of what telling the model does."""
        blocks = instrument_blocks(found.root, result)
        return Section("instrument", "What the measures can see", blocks, link="Instrument")


def measures_of(design: Design, spec: InstrumentSpec) -> list[Measure]:
    """The measures that data and judge allow, as far as they are wanted: what the model does first, then what it finds likely."""
    pairs, reads_values = bool(design.material.pairs), design.spec.judge != "likelihood"
    asked = {method.asked for method in design.spec.methods.values()}
    possible: dict[Measure, bool] = {
        "answers": reads_values and bool(design.items("dilemma")),
        "described": reads_values and "described" in asked,
        "preference": pairs,
        "letters": pairs,
        "yes-no": bool(design.yes_or_no(1)),
    }
    wanted = possible if spec.measures is None else spec.measures
    return [measure for measure, there in possible.items() if there and measure in wanted]


def ceiling_asks(design: Design, method: MethodSpec) -> Iterator[Ask]:
    """What `ceiling_share` reads; the instrument asks the same."""
    spec = getattr(design.spec, INSTRUMENT, None)
    if spec is not None and MEASURE_OF[method.asked] in measures_of(design, spec):
        yield from _asks(design, spec, MEASURE_OF[method.asked])


def ceiling_share(lab: Laboratory, method: MethodSpec, base: Outcomes, edited: Outcomes) -> float | None:
    """A method's effect as a share of what the instruction in its direction does, both on the instrument's items; None where the
    measure does not tell the two instructions apart, where what the instruction does is not clear of 0, or none was given."""
    asks = list(ceiling_asks(lab, method))
    if not asks:
        return None
    untold, told_for, told_against = map(lab.outcomes, asks)
    told = told_for if method.sign > 0 else told_against
    intended = lab.effect(untold, told) if method.sign > 0 else lab.effect(told, untold)
    if not sees(lab.effect(told_against, told_for)) or not sees(intended):
        return None
    keys = {outcome.key for outcome in untold}
    places = [place for place, outcome in enumerate(base) if question_of(outcome.key) in keys]
    effect = lab.effect([base[place] for place in places], [edited[place] for place in places])
    if effect.mean is None or intended.mean is None:
        return None
    return method.sign * effect.mean / intended.mean


def _asks(design: Design, spec: InstrumentSpec, measure: str) -> tuple[Ask, Ask, Ask]:
    items = _items(design, spec, measure)
    language = _language(design)
    told_for, told_against = (
        design.each(items, instructions(design, design.material, language, stance)) for stance in STANCES
    )
    return design.base(items), told_for, told_against


def _items(design: Design, spec: InstrumentSpec, measure: str) -> tuple[Item, ...]:
    match measure:
        case "letters":
            return design.choices(spec.questions)
        case "yes-no":
            return design.yes_or_no(spec.questions)
        case "preference":
            return design.items("pairs", spec.questions)
        case "described":
            return design.items("described", spec.questions)
    return design.items("dilemma", spec.questions)


def _sight(lab: Laboratory, spec: InstrumentSpec, measure: Measure) -> SightFound:
    base, told_for, told_against = arms = tuple(map(lab.outcomes, _asks(lab, spec, measure)))
    behaviour = measure in ("answers", "described")

    def level(outcomes: Outcomes) -> Estimate:
        return lab.success(outcomes) if behaviour else lab.mean(outcomes, measure="success")

    return SightFound(
        behaviour=behaviour,
        unit="nats per token" if measure == "preference" else "share",
        items=len(base),
        missing=sum(outcome.success is None for outcomes in arms for outcome in outcomes),
        base=level(base),
        told_for=level(told_for),
        told_against=level(told_against),
        for_minus_against=lab.effect(told_against, told_for),
        for_minus_base=lab.effect(base, told_for),
        against_minus_base=lab.effect(base, told_against),
        position_gap=lab.effect(base[1::2], base[::2]) if measure == "letters" else None,
        by_value={value: lab.effect(told_against, told_for, value=value) for value in lab.values},
    )


def instructions(
    design: Design | DilemmaDesign, data: Material | DilemmaSet, language: str, stance: Stance
) -> Mapping[str, Any]:
    """The system message for each value that describes somebody who holds it, or rejects it."""

    def made(_: Any) -> dict[str, SystemText]:
        texts = system_texts(design.system, data, language=language, stance=stance)
        return {value: SystemText(value, text) for value, text in texts.items()}

    return design.made([INSTRUMENT, stance, language], made)


def _language(design: Design) -> str:
    return next((question.language for question in design.material.questions), "en")
