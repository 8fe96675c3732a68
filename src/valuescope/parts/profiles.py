"""Target profiles of several values as one edit, beside the plain sum of single edits (beyond the papers)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import Field

from valuescope.edit import Edit, profile
from valuescope.lab.ask import Ask, Outcomes
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.locations import Locations, neuron_sets
from valuescope.lab.parameters import require_known
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import Setting
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Found, Measured, Strict
from valuescope.metrics import Estimate, verdict_of
from valuescope.parts.method import effect_numbers
from valuescope.report.blocks import Block, Section, Words
from valuescope.report.names import method_name
from valuescope.report.numbers import MINUS, SHARES, Numbers, sample
from valuescope.report.table import Column, Table, records

ARMS = {"profile": "Solved as one edit", "sum": "Single edits added", "random": "Random neurons"}
"""The solved profile; all neurons of the targets with their nets, whoever shares them; as many random neurons."""


class ProfilesSpec(Strict):
    """Target profiles of several values, each solved as one edit of a method's neurons.

    `targets`: a profile's name -> value -> weight. `overlap_budget`: the share of neurons that may serve several values.
    """

    method: str = "neva"
    targets: dict[str, dict[str, float]] = Field(min_length=1)
    overlap_budget: float = Field(default=0.2, ge=0, le=1)
    questions: int = Field(default=10, ge=1)


class ProfileEffect(Found):
    """Change of the targeted values in their wanted directions, and of the values without a target."""

    towards: Measured
    others: Measured | None = None


class ProfileArm(ProfileEffect):
    """One arm: also by value, and its fluency."""

    by_value: dict[str, Measured] = {}
    fluency: Measured | None = None


class ProfileFound(Found):
    """One profile; `neurons` by arm."""

    targets: dict[str, float]
    neurons: dict[str, int] = {}
    parameters: dict[str, Any] = {}
    arms: dict[str, ProfileArm] = {}
    against_sum: ProfileEffect | None = None


class ProfilesFound(Found):
    """All profiles of one method's neurons."""

    method: str
    beta: float
    overlap_budget: float
    questions: int
    profiles: dict[str, ProfileFound] = {}


class Profiles(Part[ProfilesSpec]):
    """Every profile's effect on every value."""

    key, Spec = "profiles", ProfilesSpec
    place, order, Found = "profiles", 150, ProfilesFound

    @classmethod
    def check(cls, spec: ProfilesSpec, run: ComparisonSpec) -> None:
        """Its method is known, and has the edit that profiles are solved for."""
        require_known("profiles.methods", [spec.method], run.methods)
        if run.methods[spec.method].edit != "modulate":
            raise ValueError(
                "profiles are solved for edit modulate; name a method that has it as profiles.method"
            )

    def asks(self, design: Design) -> Iterator[Ask]:
        """Base, and every arm of every profile on all questions."""
        for name in self.spec.targets:
            for base, steered, *spoken in self._asks(design, name).values():
                yield from (base, steered, *spoken)

    def measure(self, lab: Laboratory) -> ProfilesFound:
        """Every profile."""
        setting = lab.settings[self.spec.method]
        return ProfilesFound(
            method=self.spec.method,
            beta=_beta(setting),
            overlap_budget=self.spec.overlap_budget,
            questions=self.spec.questions,
            profiles={name: self._profile(lab, name) for name in self.spec.targets},
        )

    def _edits(self, design: Design, name: str) -> Mapping[str, Any]:
        """The edit of each arm, the same for every value."""
        method, setting = design.spec.methods[self.spec.method], design.settings[self.spec.method]
        targets, budget, beta = self.spec.targets[name], self.spec.overlap_budget, _beta(setting)

        def solved(locations: Locations) -> dict[str, Edit]:
            sets = neuron_sets(locations.of(method, setting), setting)
            neurons = {value: members for value, members in sets.items() if len(members)}
            one = profile(targets, neurons, overlap_budget=budget, beta=beta)
            return {
                "profile": one,
                "sum": profile(targets, neurons, overlap_budget=1.0, beta=beta),
                "random": one.control(locations.model, seed=locations.spec.seed),
            }

        what = ["profile", self.spec.method, targets, budget, setting.model_dump(mode="json")]
        return design.made(what, solved, tuple(ARMS))

    def _asks(self, design: Design, name: str) -> dict[str, tuple[Ask, Ask, Ask, Ask]]:
        """Per arm: base, steered, and the answers of both that fluency is read off."""
        method, edits = design.spec.methods[self.spec.method], self._edits(design, name)
        items, asks = design.items(method.asked, self.spec.questions), {}
        for arm in ARMS:
            base, steered = design.base(items), design.all(items, edits[arm])
            everywhere = dict.fromkeys(design.values, edits[arm])
            asks[arm] = (base, steered, *design.spoken(method, base, steered, everywhere))
        return asks

    def _profile(self, lab: Laboratory, name: str) -> ProfileFound:
        targets, edits, arms, outcomes = self.spec.targets[name], self._edits(lab, name), {}, {}
        for arm, (base_ask, steered, *spoken) in self._asks(lab, name).items():
            base, outcomes[arm] = lab.outcomes(base_ask), lab.outcomes(steered)
            arms[arm] = ProfileArm(
                by_value={value: lab.effect(base, outcomes[arm], value=value) for value in lab.values},
                **dict(_effect(lab, base, outcomes[arm], targets)),
                fluency=lab.fluency(lab.fluent(*spoken)[1]),
            )
        return ProfileFound(
            targets=targets,
            neurons={arm: len(edit.subject) for arm, edit in edits.items()},
            parameters=dict(edits["profile"].neurons.parameters),
            arms=arms,
            against_sum=_effect(lab, outcomes["sum"], outcomes["profile"], targets),
        )

    @classmethod
    def view(cls, found: ProfilesFound, result: Result) -> Section:
        """Every profile beside the sum of single edits and random neurons."""
        numbers = effect_numbers(result)
        note = Words(
            f"Solved over the neurons of {method_name(found.method)} with at most {found.overlap_budget:.0%} of them shared "
            f"with other values, at beta {found.beta:g}.",
            style="small",
        )
        blocks: list[Block] = [note]
        for name, solved in found.profiles.items():
            blocks += [_table(name, solved, result, numbers), _against_sum(solved, numbers)]
        rows = [
            (name, arm, value, solved.targets.get(value), effect)
            for name, solved in found.profiles.items()
            for arm, effects in solved.arms.items()
            for value, effect in effects.by_value.items()
        ]
        return Section(
            "profiles",
            "Target profiles",
            (*blocks, records("profiles", "profile arm value target effect*", rows)),
        )


def _beta(setting: Setting) -> float:
    return float(setting.edit.get("beta", 0.9))


def _effect(lab: Laboratory, before: Outcomes, after: Outcomes, targets: dict[str, float]) -> ProfileEffect:
    """Mean change of the targeted values in their wanted directions, weighted by the size of their weights, and mean
    change of the values without a target (None where every value has one)."""
    total = sum(map(abs, targets.values())) / len(targets)

    def weighted(outcomes: Outcomes) -> list[float | None]:
        return [
            None if outcome.success is None else targets[outcome.value] / total * outcome.success
            for outcome in outcomes
            if outcome.value in targets
        ]

    rest = [place for place, outcome in enumerate(before) if outcome.value not in targets]
    return ProfileEffect(
        towards=lab.how.difference(weighted(before), weighted(after)),
        others=lab.effect([before[i] for i in rest], [after[i] for i in rest]) if rest else None,
    )


def _table(name: str, solved: ProfileFound, result: Result, numbers: Numbers) -> Table[str]:
    """Rows are values; the last three the targets together, the rest together, and fluency."""
    towards, others, fluent = "Towards the target", "Values without a target", "Fluent answers"
    fields = {towards: "towards", others: "others", fluent: "fluency"}

    def target(row: str) -> str:
        if row in fields:
            return ""
        weight = solved.targets.get(row)
        return "none" if weight is None else f"{weight:+g}".replace("-", MINUS)

    def effect(arm: str, row: str) -> Estimate | str | None:
        if row == fluent:
            fluency = solved.arms[arm].fluency
            return f"{SHARES.full(fluency, signed=False)} {sample(fluency)}".strip()
        return getattr(solved.arms[arm], fields[row]) if row in fields else solved.arms[arm].by_value.get(row)

    columns = (
        Column[str]("", "Value", lambda row: row if row in fields else result.head.value_name(row)),
        Column[str]("", "Target", target),
        *(
            Column[str](
                "",
                f"{title} ({solved.neurons.get(arm)} neurons)",
                partial(effect, arm),
                numbers,
            )
            for arm, title in ARMS.items()
        ),
    )
    rows = [*result.head.values, *fields]
    return Table("", f"Profile {name}: change of {result.head.measure.name or 'the measure'}", columns, rows)


def _against_sum(solved: ProfileFound, numbers: Numbers) -> Words:
    words = []
    for field, name in (("towards", "towards the target"), ("others", "on the values without a target")):
        difference: Estimate | None = getattr(solved.against_sum, field, None)
        if difference is not None and difference.mean is not None:
            words.append(f"{name} {verdict_of(difference)} ({numbers.full(difference)})")
    compared = "; ".join(words) or "nothing to compare"
    return Words(f"Solved as one edit against single edits added: {compared}.", style="small")
