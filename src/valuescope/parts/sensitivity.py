"""How much the choices matter that the papers leave open: each choice's alternative beside the default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from valuescope.edit import EDITS
from valuescope.files import sha256_of
from valuescope.lab.ask import Ask
from valuescope.lab.counted_texts import counted_texts, needs_residuals
from valuescope.lab.counting import count_texts
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.locations import Locations, edits
from valuescope.lab.method import MethodSpec
from valuescope.lab.parameters import require_known, require_parameters
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import Setting
from valuescope.lab.spec import ComparisonSpec, Scope
from valuescope.lab.strict import Found, Measured, Strict
from valuescope.lab.truth import precision_of_ranking
from valuescope.locate import LOCATORS, locator_parameters
from valuescope.metrics import Estimate
from valuescope.parts.sensitivity_shown import sensitivity_section
from valuescope.ranges import hints_of
from valuescope.report.blocks import Section

RULE = (
    "an effect holds where its whole interval lies in the intended direction beyond 0 and beyond the mean of random neurons; "
    "the choice changes the conclusion where the effect holds with one of the two and not with the other"
)


class Alternative(Strict):
    """Another choice for one method: changed parameters of its locator or edit, or other tokens that are counted.

    `scope`: which tokens of a text count; `special_tokens`: whether the tokenizer's special tokens count too.
    """

    method: str
    locator: dict[str, Any] = Field(default_factory=dict)
    edit: dict[str, Any] = Field(default_factory=dict)
    scope: Scope | None = None
    special_tokens: bool | None = None

    @property
    def recounts(self) -> bool:
        """Whether the texts have to be read again."""
        return self.scope is not None or self.special_tokens is not None

    @property
    def tag(self) -> str:
        """Tells files of recounted texts apart."""
        return f"-{sha256_of([self.scope, self.special_tokens])[:8]}" if self.recounts else ""


class SensitivitySpec(Strict):
    """How much each choice matters: its name -> the alternative to what the method does by default.

    `questions`: evaluation questions (or pairs) per value, the first ones.
    """

    choices: dict[str, Alternative] = Field(min_length=1)
    questions: int = Field(default=8, ge=1)


class SideFound(Found):
    """One side of a choice: the method with the default, or with the alternative. `holds`: see RULE."""

    effect: Measured
    random: Measured
    holds: bool | None = None
    precision: dict[str, float | None] | None = None
    neurons: float = 0.0

    @property
    def mean_precision(self) -> float | None:
        """Average precision over values."""
        present = [score for score in (self.precision or {}).values() if score is not None]
        return sum(present) / len(present) if present else None


class ChoiceFound(Found):
    """One choice: the changed parameters as they were and as they become, both sides, and what differs."""

    choice: str
    method: str
    was: dict[str, Any] = {}
    becomes: dict[str, Any] = {}
    default: SideFound
    alternative: SideFound
    difference: Measured | None = None
    precision_difference: Measured | None = None
    changes: bool | None = None


class SensitivityFound(Found):
    """All choices."""

    rule: str
    questions: int
    rows: tuple[ChoiceFound, ...] = ()


class Sensitivity(Part[SensitivitySpec]):
    """One row for each choice; everything else stays at the headline setting."""

    key, Spec = "sensitivity", SensitivitySpec
    place, order, Found = "sensitivity", 90, SensitivityFound
    computes = True

    def __init__(self, spec: SensitivitySpec):
        super().__init__(spec)
        self._recounts: dict[str, Locations] = {}

    @classmethod
    def check(cls, spec: SensitivitySpec, run: ComparisonSpec) -> None:
        """Every choice changes something that its method has."""
        for name, choice in spec.choices.items():
            place = f"sensitivity.choices.{name}"
            require_known(f"{place}.method", [choice.method], run.methods)
            method = run.methods[choice.method]
            if method.intervention:
                raise ValueError(f"{place}.method: {choice.method} edits no neurons; name another")
            of_edit = EDITS[method.edit].parameter_defaults()
            of_locator = locator_parameters(method.locator)
            hints, edit_hints = hints_of(LOCATORS[method.locator]), hints_of(EDITS[method.edit])
            require_parameters(f"{place}: locator {method.locator}", choice.locator, of_locator, hints)
            require_parameters(f"{place}: edit {method.edit}", choice.edit, of_edit, edit_hints)
            EDITS[method.edit].check(choice.edit)
            if not (choice.locator or choice.edit or choice.recounts):
                raise ValueError(f"{place} changes nothing; give locator, edit, scope or special_tokens")

    def asks(self, design: Design) -> Iterator[Ask]:
        """Base, and edited and random answers of both sides."""
        for choice in self.spec.choices.values():
            yield from self._asks(design, choice)

    def measure(self, lab: Laboratory) -> SensitivityFound:
        """Every choice."""
        rows = tuple(self._row(lab, name, choice) for name, choice in self.spec.choices.items())
        return SensitivityFound(rule=RULE, questions=self.spec.questions, rows=rows)

    def _asks(self, design: Design, choice: Alternative) -> tuple[Ask, Ask, Ask, Ask, Ask]:
        """Base; edited and random by default; edited and random of the alternative."""
        method, setting = design.spec.methods[choice.method], design.settings[choice.method]
        items, other = design.items(method.asked, self.spec.questions), _other(setting, choice)
        control = design.control(method, setting)
        assert control is not None
        what = ["sensitivity", choice.model_dump(mode="json"), other.model_dump(mode="json")]

        def edited(locations: Locations) -> Any:
            return edits(method, other, self._recounted(locations, choice).of(method, other))

        def random(locations: Locations) -> Any:
            return edits(
                method, other, self._recounted(locations, choice).control("random", method, other, 0)
            )

        sides = (
            design.treatments(method, setting),
            control,
            design.made([*what, "edited"], edited),
            design.made([*what, "random"], random),
        )
        default_edited, default_random, other_edited, other_random = (
            design.each(items, side) for side in sides
        )
        return design.base(items), default_edited, default_random, other_edited, other_random

    def _row(self, lab: Laboratory, name: str, choice: Alternative) -> ChoiceFound:
        method, setting = lab.spec.methods[choice.method], lab.settings[choice.method]
        base, edited, random, other_edited, other_random = map(lab.outcomes, self._asks(lab, choice))
        located = lab.locations.of(method, setting)
        others = self._recounted(lab.locations, choice).of(method, _other(setting, choice))

        def side(location: Any, after: Any, control: Any) -> SideFound:
            effect, chance = lab.effect(base, after), lab.effect(base, control)
            return SideFound(
                effect=effect,
                random=chance,
                holds=effect_holds(effect, chance, method.sign),
                precision=None if lab.truth is None else precision_of_ranking(lab.truth, location),
                neurons=sum(location.sizes().values()) / len(location.values),
            )

        default, alternative = side(located, edited, random), side(others, other_edited, other_random)
        first, second = default.precision, alternative.precision
        unknown = default.holds is None or alternative.holds is None
        changed = _words(method, setting, located, choice, lab.spec)
        return ChoiceFound(
            choice=name,
            method=choice.method,
            was=changed[0],
            becomes=changed[1],
            default=default,
            alternative=alternative,
            difference=lab.effect(edited, other_edited),
            precision_difference=lab.how.difference(list(first.values()), list(second.values()))
            if first is not None and second is not None
            else None,
            changes=None if unknown else default.holds != alternative.holds,
        )

    def _recounted(self, locations: Locations, choice: Alternative) -> Locations:
        """Locations from the same texts with other tokens counted; those of the run where a choice counts no others."""
        if not choice.recounts:
            return locations
        if choice.tag in self._recounts:
            return self._recounts[choice.tag]
        spec = locations.spec
        counted = counted_texts(spec, locations.folder, locations.model, locations.material)
        activations = count_texts(
            locations.folder.path / f"activations{choice.tag}",
            locations.model,
            counted.texts,
            drawn=counted.drawn,
            batch_size=spec.activations.rows,
            part=spec.activations.part,
            scope=choice.scope or spec.activations.scope,
            special_tokens=bool(choice.special_tokens),
            residuals=needs_residuals(spec),
        )
        self._recounts[choice.tag] = Locations(
            spec, locations.folder, locations.model, locations.material, activations, tag=choice.tag
        )
        return self._recounts[choice.tag]

    @classmethod
    def view(cls, found: SensitivityFound, result: Result) -> Section:
        """One row for each choice."""
        return sensitivity_section(found)


def effect_holds(effect: Estimate, random: Estimate, sign: int) -> bool | None:
    """Whether an effect is clear of 0 and of random neurons in the intended direction; None without an interval."""
    if effect.low is None or effect.high is None or random.mean is None:
        return None
    near = effect.low if sign > 0 else -effect.high
    return near > max(0.0, sign * random.mean)


def _other(setting: Setting, choice: Alternative) -> Setting:
    changed = {
        "locator": {**setting.locator, **choice.locator},
        "edit": {**setting.edit, **choice.edit},
    }
    return setting.model_copy(update=changed)


def _words(
    method: MethodSpec, setting: Setting, location: Any, choice: Alternative, spec: ComparisonSpec
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The changed parameters: as they are by default, and as the alternative has them."""
    located = {**location.parameters, **setting.locator}
    edit = next(edit for edit in edits(method, setting, location).values() if edit is not None)
    was = {name: located.get(name) for name in choice.locator}
    was |= {name: edit.parameters.get(name, 1.0) for name in choice.edit}
    becomes = {**choice.locator, **choice.edit}
    if choice.scope is not None:
        was["scope"], becomes["scope"] = spec.activations.scope, choice.scope
    if choice.special_tokens is not None:
        was["special_tokens"], becomes["special_tokens"] = False, choice.special_tokens
    return was, becomes
