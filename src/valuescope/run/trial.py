"""Trials: what one setting of one method does, against the unedited model and random controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from valuescope.data import Material, Question
from valuescope.files import sha256_of
from valuescope.judge import typical
from valuescope.metrics import Bootstrap, Estimate
from valuescope.run.arms import Arm, ArmRunner, Item, Outcome
from valuescope.run.spec import Asked, MethodSpec, Setting, Spec
from valuescope.run.stages import Locations
from valuescope.run.treatments import (
    Treatment,
    Treatments,
    control_treatments,
    of_adapter,
    of_edit,
    of_system,
    treatments,
)

Outcomes = list[Outcome]
Measure = Literal["success", "relevance", "quality", "fluent"]
RUN_MARK = "~run"
"""Between a question's key and the number of the run that regenerates its answer; the first run has none."""


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

    def repeated(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """The items once for each run: each run draws its answers anew, with noise of its own. Pairs have one run."""
        again = tuple(
            replace(item, key=f"{item.key}{RUN_MARK}{run + 1}")
            for run in range(1, self.spec.runs)
            for item in items
            if isinstance(item, Question)
        )
        return items + again

    def tuning_items(self, asked: Asked) -> tuple[Item, ...]:
        """The tuning items of one kind: never used for the evaluation."""
        return tuple(_in_setting(self.material.tuning, asked))

    def base(self, name: str, items: tuple[Item, ...]) -> Outcomes:
        """The unedited model's outcomes."""
        if name not in self._base:
            self._base[name] = self.runner.run(Arm(f"base/{name}", items, (None,) * len(items)))
        return self._base[name]

    def edited(self, name: str, items: tuple[Item, ...], per_value: Treatments) -> Outcomes:
        """Outcomes where each item carries the edit (or system message) of its own value."""
        return self.treated(name, items, [per_value[item.value] for item in items])

    def steered(self, name: str, items: tuple[Item, ...], treatment: Treatment) -> Outcomes:
        """Outcomes where every item carries the same edit (or system message)."""
        return self.treated(name, items, [treatment] * len(items))

    def treated(self, name: str, items: tuple[Item, ...], each: Sequence[Treatment]) -> Outcomes:
        """Outcomes where each item carries what is given for it; an item may stand there more than once."""
        edits, systems = tuple(map(of_edit, each)), tuple(map(of_system, each))
        return self.runner.run(Arm(name, items, edits, systems, tuple(map(of_adapter, each))))

    def trial(self, name: str, method: MethodSpec, setting: Setting) -> Trial:
        """One setting in full: base, edited and all controls, on all evaluation items."""
        items = self.repeated(self.items(method.asked))
        place = f"{name}/{setting_hash(setting)}"

        warnings = list[str]()

        def controls(kind: str) -> tuple[Outcomes, ...]:
            found = []
            for draw in range(self.spec.controls.draws):
                drawn = control_treatments(self.locations, kind, method, setting, draw)
                if drawn is None:
                    return ()
                warnings.extend(f"{kind}: {said}" for said in drawn[1] if f"{kind}: {said}" not in warnings)
                found.append(self.edited(f"{place}/{kind}-{draw}", items, drawn[0]))
            return tuple(found)

        per_value = treatments(self.locations, method, setting)
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
        per_value: Treatments,
    ) -> tuple[Outcomes, Outcomes]:
        """The base's and the edited answers that fluency is read off (see Trial)."""
        if method.asked == "pairs":
            items = self.items("dilemma", self.spec.answers_per_value)
            base, edited = self.base("answers", items), self.edited(f"{place}/answers", items, per_value)
        if self.spec.judge == "likelihood":
            return with_typical(base, base), with_typical(edited, base)
        return base, edited

    # Estimates -------------------------------------------------------------------------------------

    def effect(
        self, base: Outcomes, *edited: Outcomes, value: str | None = None, measure: Measure = "success"
    ) -> Estimate:
        """Mean paired change over items; several arms (draws of a control) and runs share their items' clusters."""
        before, after, clusters = list[float | None](), list[float | None](), list[str]()
        for outcomes in edited:
            for one, other in zip(base, outcomes, strict=True):
                if value in (None, one.value):
                    before.append(getattr(one, measure))
                    after.append(getattr(other, measure))
                    clusters.append(question_of(one.key))
        return self._bootstrap.difference(before, after, clusters=clusters)

    def fluency(self, outcomes: Outcomes) -> Estimate:
        """Share of fluent answers."""
        return self._bootstrap.rate([one.fluent for one in outcomes], self._clusters(outcomes))

    def success(self, outcomes: Outcomes, value: str | None = None) -> Estimate:
        """Mean success: a share of answers, or a mean margin of pairs."""
        shown = [one for one in outcomes if value in (None, one.value)]
        clusters = self._clusters(shown)
        if self.spec.asks_pairs:
            return self._bootstrap.mean([one.success for one in shown], clusters)
        return self._bootstrap.rate(
            [None if one.success is None else bool(one.success) for one in shown], clusters
        )

    def mean(self, *outcomes: Outcomes, measure: Measure, value: str | None = None) -> Estimate:
        """The mean of one measure, over one arm or several draws of a control."""
        shown = [one for arm in outcomes for one in arm if value in (None, one.value)]
        clusters = [question_of(one.key) for one in shown]
        return self._bootstrap.mean([getattr(one, measure) for one in shown], clusters=clusters)

    def _clusters(self, outcomes: Outcomes) -> list[str] | None:
        """Questions, not answers, are resampled where there is more than one run."""
        return [question_of(one.key) for one in outcomes] if self.spec.runs > 1 else None

    @property
    def _bootstrap(self) -> Bootstrap:
        how = self.spec.bootstrap
        return Bootstrap(how.resamples, how.confidence, self.spec.seed)


def with_typical(outcomes: Outcomes, base: Outcomes) -> Outcomes:
    """The outcomes with fluency read off their likelihood, on the base's scale."""
    fluent = typical([one.score for one in outcomes], [one.score for one in base])
    return [replace(one, fluent=typically) for one, typically in zip(outcomes, fluent, strict=True)]


def question_of(key: str) -> str:
    """The key of the question, whichever run asked it."""
    return key.partition(RUN_MARK)[0]


def run_of(key: str) -> int:
    """The number of the run that asked, from 0."""
    number = key.partition(RUN_MARK)[2]
    return int(number) - 1 if number else 0


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
