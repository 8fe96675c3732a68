"""The choice of a setting on tuning questions, so that the evaluation questions judge a setting they did not choose.

A search tries a list of settings; `automatic` looks for the largest control at a floor of fluency and under a ceiling of
leakage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from valuescope.lab.ask import Ask, Item
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.matrix import Matrix, strength_of
from valuescope.lab.method import MethodSpec
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import AutomaticSpec, SearchSpec, Setting
from valuescope.lab.strict import Found, Measured
from valuescope.metrics import Bootstrap, Estimate
from valuescope.parts.method import effect_numbers
from valuescope.report.blocks import Details, Section, Words
from valuescope.report.names import method_name
from valuescope.report.numbers import SHARES, grouped, parameters
from valuescope.report.table import Column, Table, Verdict


class Tried(Found):
    """One setting's effect and fluency on the tuning questions; its leakage too where the search has a ceiling."""

    locator_parameters: dict[str, Any] = {}
    edit_parameters: dict[str, Any] = {}
    effect: Measured | None = None
    fluency: Measured | None = None
    leakage: Measured | None = None
    chosen: bool = False


class SearchFound(Found):
    """What was tried, and by which rule one was chosen."""

    questions: int | None = None
    rule: str = ""
    tried: tuple[Tried, ...] = ()


class Search(Part[None]):
    """Every method's search; `measure` tells the laboratory the settings that were found."""

    place, order, stage, Found = "methods.*.search", 210, 0, SearchFound

    def asks(self, design: Design) -> Iterator[Ask]:
        """Base and every setting on the tuning questions."""
        for method in design.spec.methods.values():
            if method.chooses:
                yield design.base(_tuning(design, method))
            for setting in method.settings() if method.search else ():
                yield _tuned(design, method, setting)

    def later(self, design: Design) -> Iterator[Ask]:
        """The strengths of an automatic search."""
        for method in design.spec.methods.values():
            if method.automatic:
                strengths = method.automatic.points + 2 * method.automatic.rounds
                yield from [_steered(design, method, method.default)] * strengths

    def measure(self, lab: Laboratory) -> Mapping[str, SearchFound]:
        """What each method's search tried; none for a method without."""
        found = {}
        for name, method in lab.spec.methods.items():
            if method.search:
                found[name], lab.settings[name] = _searched(lab, method, method.search)
            elif method.automatic:
                found[name], lab.settings[name] = _automatic(lab, method, method.automatic)
        return found

    @classmethod
    def view(cls, found: Mapping[str, SearchFound], result: Result) -> Section:
        """How the found settings were found."""
        note = Words(
            "Settings were compared on tuning questions; the numbers elsewhere on this page come from other, "
            "evaluation questions. The best of many tried looks better here than it is.",
            style="small",
        )
        tables = [_shown(name, search, result) for name, search in found.items()]
        return Section("search", "The search for settings", (note, *tables), link="Search")


def _tuning(design: Design, method: MethodSpec) -> tuple[Item, ...]:
    """The tuning questions: where pairs are asked, those that tell fluency."""
    return design.tuning_items("dilemma" if method.asked == "pairs" else method.asked)


def _tuned(design: Design, method: MethodSpec, setting: Setting) -> Ask:
    return design.each(_tuning(design, method), design.treatments(method, setting))


def _searched(lab: Laboratory, method: MethodSpec, search: SearchSpec) -> tuple[SearchFound, Setting]:
    base = lab.outcomes(lab.base(_tuning(lab, method)))
    tried = []
    for setting in method.settings():
        outcomes = lab.outcomes(_tuned(lab, method, setting))
        tried.append((setting, lab.effect(base, outcomes), lab.fluency(outcomes), None))
    floor = search.min_fluency * (lab.fluency(base).mean or 0.0)
    fluent = [
        (setting, effect.mean)
        for setting, effect, fluency, _ in tried
        if effect.mean is not None and fluency.mean is not None and fluency.mean >= floor
    ]
    best = max(fluent, key=lambda pair: method.sign * pair[1], default=None)
    rule = f"largest effect {method.direction} with at least {search.min_fluency:.0%} of the base's fluency"
    chosen = best[0] if best else method.default
    return _found(len(base), rule, tried, chosen), chosen


def _found(
    questions: int,
    rule: str,
    tried: Sequence[tuple[Setting, Estimate | None, Estimate, Estimate | None]],
    chosen: Setting,
) -> SearchFound:
    return SearchFound(
        questions=questions,
        rule=rule,
        tried=tuple(
            Tried(
                locator_parameters=setting.locator,
                edit_parameters={
                    **setting.edit,
                    **({} if setting.top is None else {"top": setting.top}),
                },
                effect=effect,
                fluency=fluency,
                leakage=leakage,
                chosen=setting == chosen,
            )
            for setting, effect, fluency, leakage in tried
        ),
    )


# Automatic strengths --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weighed:
    """What one strength did on the tuning questions."""

    strength: float
    control: float | None
    fluency: float | None
    leakage: Estimate

    def allowed(self, how: AutomaticSpec, base_fluency: float) -> bool:
        """Whether it keeps the floor and the ceiling."""
        if self.control is None or self.fluency is None or self.leakage.mean is None:
            return False
        return self.fluency >= how.min_fluency * base_fluency and self.leakage.mean <= how.max_leakage


def _steered(design: Design, method: MethodSpec, setting: Setting) -> Ask:
    """Every value steered on all tuning questions, in one ask; where pairs are asked, on its own questions."""
    if method.asked == "pairs":
        return _tuned(design, method, setting)
    items, per_value = _tuning(design, method), design.treatments(method, setting)
    rows = [(item, per_value[value]) for value in design.values for item in items]
    return design.ask([item for item, _ in rows], [treatment for _, treatment in rows])


def _automatic(lab: Laboratory, method: MethodSpec, how: AutomaticSpec) -> tuple[SearchFound, Setting]:
    """The strength with most control among those that are allowed; the default where none is."""
    base_ask = lab.base(_tuning(lab, method))
    base = lab.fluent(base_ask, base_ask)[0]
    floor, size = lab.fluency(base).mean or 0.0, len(base)
    tried, weighed = list[tuple[Setting, Estimate | None, Estimate, Estimate | None]](), list[Weighed]()
    strengths = [how.low + (how.high - how.low) * i / (how.points - 1) for i in range(how.points)]
    for _ in range(how.rounds + 1):
        for strength in strengths:
            setting = method.default.with_edit(how.parameter, strength)
            ask = _steered(lab, method, setting)
            lab.bench.ask(ask)
            outcomes = lab.fluent(base_ask, ask)[1]
            if method.asked == "pairs":
                fluency = lab.fluency(outcomes)
                tried.append((setting, None, fluency, None))
                weighed.append(Weighed(strength, strength, fluency.mean, Estimate(0.0, None, None, 0)))
                continue
            steered = {
                value: outcomes[place * size : (place + 1) * size] for place, value in enumerate(lab.values)
            }
            at = strength_of(Matrix(base, steered, base, tuple(steered.values())), strength, method.sign)
            leakage = Bootstrap(seed=lab.spec.seed).mean(at.leakage)
            edited = [answer for value, arm in steered.items() for answer in arm if answer.value == value]
            before = [answer for value in steered for answer in base if answer.value == value]
            fluency = lab.fluency([answer for arm in steered.values() for answer in arm])
            tried.append((setting, lab.effect(before, edited), fluency, leakage))
            control = Bootstrap(resamples=1).mean(at.control).mean
            weighed.append(Weighed(strength, control, fluency.mean, leakage))
        strengths = between(weighed, how, floor)
        if not strengths:
            break
    best = most_control(weighed, how, floor)
    chosen = method.default.with_edit(how.parameter, best.strength) if best else method.default
    none = "" if best else "; none of them is within both, so the default stays"
    fluent = f"with at least {how.min_fluency:.0%} of the base's fluency"
    rule = f"largest effect {method.direction} {fluent} and at most {how.max_leakage:g} mean change of the other values{none}"
    if method.asked == "pairs":
        rule = f"largest strength {fluent}{none}"
    return _found(size, rule, tried, chosen), chosen


def most_control(weighed: list[Weighed], how: AutomaticSpec, floor: float) -> Weighed | None:
    """Of the strengths that are allowed the one of most control, the weaker one where two are equal."""
    allowed = [weight for weight in weighed if weight.allowed(how, floor)]
    return max(allowed, key=lambda weight: (weight.control or 0.0, -weight.strength), default=None)


def between(weighed: list[Weighed], how: AutomaticSpec, floor: float) -> list[float]:
    """The strengths to try next: halfway from the best to its neighbours, or below the weakest where none is allowed."""
    tried = sorted({weight.strength for weight in weighed})
    best = most_control(weighed, how, floor)
    if best is None:
        return [tried[0] / 2]
    return [(low + high) / 2 for low, high in pairwise(tried) if best.strength in (low, high)]


def _shown(name: str, search: SearchFound, result: Result) -> Details:
    numbers = effect_numbers(result)
    size = "an unstated number of" if search.questions is None else grouped(search.questions)
    count = len(search.tried)
    caption = f"{method_name(name)}: {count} settings on {size} tuning questions. Rule: {search.rule or 'not stated'}"
    columns: tuple[Column[Tried], ...] = (
        Column(
            "",
            "Setting",
            lambda tried: parameters(tried.locator_parameters),
            small=lambda tried: f"edit: {parameters(tried.edit_parameters)}",
        ),
        Column("", "Effect", lambda tried: tried.effect, numbers=numbers, estimate=True),
        Column("", "Fluency", lambda tried: tried.fluency, numbers=SHARES, signed=False, estimate=True),
        *(
            [Column[Tried]("", "Leakage", lambda tried: tried.leakage, numbers, estimate=True)]
            if any(tried.leakage for tried in search.tried)
            else []
        ),
        Column("", "Choice", lambda tried: Verdict(True, "chosen") if tried.chosen else ""),
    )
    return Details(
        f"{method_name(name)}: {count} settings tried", (Table("", caption, columns, search.tried),)
    )
