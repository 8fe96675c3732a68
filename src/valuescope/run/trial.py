"""Trials: what one setting of one method does, against the unedited model and random controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from valuescope.data import Material, Question
from valuescope.edit import Edit
from valuescope.files import sha256_of
from valuescope.judge import typical
from valuescope.metrics import Estimate, bootstrap_mean, paired_difference, rate
from valuescope.run.arms import Arm, ArmRunner, Item, Outcome
from valuescope.run.spec import Asked, MethodSpec, Setting, Spec
from valuescope.run.stages import Locations, edits

Outcomes = list[Outcome]


@dataclass(frozen=True)
class Trial:
    """The outcomes of one setting on its items, every arm in the same order of items.

    `base_answers` and `answers` are what fluency is read off: the same outcomes, or where the items are pairs,
    the answers to some evaluation questions beside them. `control_warnings`: where a control is not what it should be.
    """

    base: Outcomes
    edited: Outcomes
    random: tuple[Outcomes, ...]
    matched: tuple[Outcomes, ...]
    base_answers: Outcomes
    answers: Outcomes
    control_warnings: tuple[str, ...]


class Laboratory:
    """Asks the questions of a run: knows the items of each kind and remembers the base outcomes."""

    def __init__(self, spec: Spec, material: Material, locations: Locations, runner: ArmRunner):
        self.spec, self.material, self.locations, self.runner = spec, material, locations, runner
        self._base: dict[str, Outcomes] = {}

    def items(self, asked: Asked, per_value: int | None = None) -> tuple[Item, ...]:
        """The evaluation items of one kind, the first `per_value` of each value."""
        if asked == "pairs":
            return first_of_each(self.material.pairs, per_value)
        return first_of_each(_in_setting(self.material.questions, asked), per_value)

    def tuning_items(self, asked: Asked) -> tuple[Item, ...]:
        """The tuning items of one kind: never used for the evaluation."""
        return tuple(_in_setting(self.material.tuning, asked))

    def base(self, name: str, items: tuple[Item, ...]) -> Outcomes:
        """The unedited model's outcomes."""
        if name not in self._base:
            self._base[name] = self.runner.run(Arm(f"base/{name}", items, (None,) * len(items)))
        return self._base[name]

    def edited(self, name: str, items: tuple[Item, ...], per_value: Mapping[str, Edit | None]) -> Outcomes:
        """Outcomes where each item carries the edit of its own value."""
        return self.runner.run(Arm(name, items, tuple(per_value[item.value] for item in items)))

    def steered(self, name: str, items: tuple[Item, ...], edit: Edit | None) -> Outcomes:
        """Outcomes where every item carries the same edit."""
        return self.runner.run(Arm(name, items, (edit,) * len(items)))

    def trial(self, name: str, method: MethodSpec, setting: Setting) -> Trial:
        """One setting in full: base, edited and all controls, on all evaluation items."""
        items = self.items(method.asked)
        place = f"{name}/{setting_hash(setting)}"

        warnings = list[str]()

        def controls(kind: str) -> tuple[Outcomes, ...]:
            found = []
            for draw in range(self.spec.controls.draws):
                location = self.locations.control(kind, method, setting, draw)
                warnings.extend(
                    f"{kind}: {said}" for said in location.warnings if f"{kind}: {said}" not in warnings
                )
                found.append(self.edited(f"{place}/{kind}-{draw}", items, edits(method, setting, location)))
            return tuple(found)

        per_value = edits(method, setting, self.locations.of(method, setting))
        base, edited = self.base(method.asked, items), self.edited(f"{place}/edited", items, per_value)
        base_answers, answers = self.spoken(place, method, base, edited, per_value)
        return Trial(
            base=base,
            edited=edited,
            random=controls("random"),
            matched=controls("random-matched") if self.spec.controls.matched else (),
            base_answers=base_answers,
            answers=answers,
            control_warnings=tuple(warnings),
        )

    def spoken(
        self,
        place: str,
        method: MethodSpec,
        base: Outcomes,
        edited: Outcomes,
        per_value: Mapping[str, Edit | None],
    ) -> tuple[Outcomes, Outcomes]:
        """The base's and the edited answers that fluency is read off (see Trial)."""
        if method.asked == "pairs":
            items = self.items("dilemma", self.spec.answers_per_value)
            base, edited = self.base("answers", items), self.edited(f"{place}/answers", items, per_value)
        if self.spec.judge == "likelihood":
            return with_typical(base, base), with_typical(edited, base)
        return base, edited

    # Estimates -------------------------------------------------------------------------------------

    def effect(self, base: Outcomes, *edited: Outcomes, value: str | None = None) -> Estimate:
        """Mean paired change over items; several arms (draws of a control) share their items' clusters."""
        before, after, clusters = list[float | None](), list[float | None](), list[str]()
        for outcomes in edited:
            for one, other in zip(base, outcomes, strict=True):
                if value in (None, one.value):
                    before.append(one.success)
                    after.append(other.success)
                    clusters.append(one.key)
        return paired_difference(before, after, clusters=clusters, **self._bootstrap())

    def fluency(self, outcomes: Outcomes) -> Estimate:
        """Share of fluent answers."""
        return rate([one.fluent for one in outcomes], **self._bootstrap())

    def success(self, outcomes: Outcomes, value: str | None = None) -> Estimate:
        """Mean success: a share of answers, or a mean margin of pairs."""
        found = [one.success for one in outcomes if value in (None, one.value)]
        if self.spec.asks_pairs:
            return bootstrap_mean(found, **self._bootstrap())
        return rate([None if one is None else bool(one) for one in found], **self._bootstrap())

    def _bootstrap(self) -> dict[str, Any]:
        how = self.spec.bootstrap
        return {"resamples": how.resamples, "confidence": how.confidence, "seed": self.spec.seed}


def with_typical(outcomes: Outcomes, base: Outcomes) -> Outcomes:
    """The outcomes with fluency read off their likelihood, on the base's scale."""
    fluent = typical([one.score for one in outcomes], [one.score for one in base])
    return [replace(one, fluent=typically) for one, typically in zip(outcomes, fluent, strict=True)]


def setting_hash(setting: Setting) -> str:
    """A short name for a setting in file names."""
    return sha256_of(setting.model_dump(mode="json"))[:12]


def first_of_each(items: Sequence[Item], per_value: int | None) -> tuple[Item, ...]:
    """The first items of each value, in the order given; None: all."""
    if per_value is None:
        return tuple(items)
    seen: dict[str, int] = {}
    kept = []
    for item in items:
        seen[item.value] = seen.get(item.value, 0) + 1
        if seen[item.value] <= per_value:
            kept.append(item)
    return tuple(kept)


def _in_setting(questions: Sequence[Question], asked: str) -> list[Question]:
    return [question for question in questions if question.setting == asked]
