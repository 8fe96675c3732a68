"""The unedited model: its success on every kind of question, and the fluency of its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from valuescope.lab.ask import Ask
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.method import Asked
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found, Measured
from valuescope.parts.method import METHODS, MethodFound, effect_numbers
from valuescope.report.blocks import Details, Section
from valuescope.report.names import asked_name, method_name
from valuescope.report.plots import DotFacet, Dots, dots
from valuescope.report.table import Column, Table


class BaseFound(Found):
    """`by_value`: by kind of question and value."""

    by_value: dict[str, dict[str, Measured]] = {}
    fluency: Measured | None = None


class Base(Part[None]):
    """The unedited model, and beside it every value under its own edit."""

    place, order, Found = "base", 140, BaseFound

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

    @classmethod
    def view(cls, found: BaseFound, result: Result) -> Section:
        """The value profile before and after, a panel for each method."""
        head, methods = result.head, result.found.get(METHODS)
        facets = [
            DotFacet(
                method_name(name),
                tuple(map(head.value_name, method.by_value)),
                (
                    Dots("base", "ink", tuple(effect.base for effect in method.by_value.values())),
                    Dots("edited", place, tuple(effect.edited for effect in method.by_value.values())),
                ),
                subtitle=asked_name(method.asked),
                style=place,
            )
            for place, (name, method) in enumerate(methods.items() if isinstance(methods, Mapping) else ())
            if isinstance(method, MethodFound)
        ]
        measure = head.measure.name or "the measure"
        figure = dots(
            "profile",
            f"Value profile before and after: {measure} of each value under its own edit",
            "Dark: the base model. Coloured: the method's edit of the value, at its headline setting. Intervals over questions.",
            facets,
            axis=f"{measure} ({head.measure.unit})",
            numbers=effect_numbers(result),
            signed=False,
        )
        base = Details("Base model by value", (_table(found, result),))
        return Section("profile", "Value profile before and after", (figure, base), link="Profile")


def _table(found: BaseFound, result: Result) -> Table[str]:
    """Success of the base model, a column for each kind of questions."""
    columns = (
        Column[str]("", "Value", result.head.value_name),
        *(
            Column[str]("", asked_name(kind), by_value.get, effect_numbers(result), signed=False)
            for kind, by_value in found.by_value.items()
        ),
    )
    caption = f"Base model: {result.head.measure.name} by value"
    return Table("", caption, columns, result.head.values)


def kinds(design: Design) -> list[Asked]:
    """The kinds of items that the methods are asked."""
    return sorted({method.asked for method in design.spec.methods.values()})


def base_ask(design: Design, kind: Asked) -> Ask:
    """All items of a kind, put to the unedited model."""
    return design.base(design.repeated(design.items(kind)))


def spoken_ask(design: Design, kind: Asked) -> Ask:
    """The base answers that fluency is read off (see `Design.speaks_apart`)."""
    return design.base(design.open_questions()) if design.speaks_apart(kind) else base_ask(design, kind)
