"""The design of a comparison: which items are asked under which treatments. It needs no model, so a dry run counts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from valuescope.data import ContrastPair, Material, Question
from valuescope.data.phrasing import template
from valuescope.files import sha256_of
from valuescope.judge.asking import TOP_LOGPROBS, Call
from valuescope.judge.support import pair_calls
from valuescope.lab.ask import LETTER, RUN_MARK, Ask, Item, Planned, Treatment, WordChoice, first_of_each
from valuescope.lab.locations import Locations
from valuescope.lab.method import Asked, MethodSpec
from valuescope.lab.setting import Setting
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.treatments import Treatments, control, treatments
from valuescope.values import ValueSystem

TO_BE_FOUND = Setting(edit={"to be": "found"})
"""Stands for the setting that a search will choose: another one than every setting of the specification."""


@dataclass(frozen=True)
class TrialAsks:
    """The asks of one setting in full: every arm over the same items in the same order.

    `base_answers` and `answers` are what fluency is read off: base and edited, or where the items are pairs, the answers to
    some questions beside them.
    """

    base: Ask
    edited: Ask
    random: tuple[Ask, ...]
    matched: tuple[Ask, ...]
    base_answers: Ask
    answers: Ask

    def __iter__(self) -> Iterator[Ask]:
        yield from (self.base, self.edited, *self.random, *self.matched, self.base_answers, self.answers)


class Design:
    """Makes the asks of a comparison. `settings`: every method's headline setting."""

    def __init__(self, spec: ComparisonSpec, system: ValueSystem, material: Material):
        self.spec, self.system = spec, system
        self.material = material if spec.answer is None else spec.answer.of_material(material)
        self.settings = {
            name: TO_BE_FOUND if method.chooses else method.default for name, method in spec.methods.items()
        }

    def settings_of(self, name: str) -> dict[str, Setting]:
        """A method's settings that are measured in full: the default, and the one that a search found, if another."""
        default, headline = self.spec.methods[name].default, self.settings[name]
        return {"default": default, **({} if headline == default else {"found": headline})}

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the run."""
        return self.material.values

    # Items ------------------------------------------------------------------------------------------------

    def items(self, asked: Asked, per_value: int | None = None) -> tuple[Item, ...]:
        """The evaluation items of one kind, the first `per_value` of each value."""
        if asked == "pairs":
            return first_of_each(self.material.pairs, per_value)
        questions = first_of_each(
            [item for item in self.material.questions if item.setting == asked], per_value
        )
        if not self.spec.yes_or_no or asked != "dilemma":
            return questions
        return tuple(
            replace(item, instruction=template(item.language, "yes_or_no"))
            for item in questions
            if isinstance(item, Question)
        )

    def open_questions(self) -> tuple[Item, ...]:
        """The questions that are answered for fluency alone, without an instruction."""
        questions = [item for item in self.material.questions if item.setting == "dilemma"]
        return first_of_each(questions, self.spec.answers_per_value)

    def speaks_apart(self, asked: Asked) -> bool:
        """Whether fluency is read off other answers than effects: of pairs, and of answers of a word or two."""
        return asked == "pairs" or (self.spec.yes_or_no and asked == "dilemma")

    def choices(self, per_value: int | None = None) -> tuple[Item, ...]:
        """The held-out pairs as choices between two letters, each in both orders."""
        return tuple(
            WordChoice(pair.key, pair.value, call, True, aligned)
            for pair in first_of_each(self.material.pairs, per_value)
            if isinstance(pair, ContrastPair)
            for aligned, call in zip("AB", pair_calls(pair), strict=True)
        )

    def yes_or_no(self, per_value: int | None = None) -> tuple[Item, ...]:
        """The open questions that say what yes means, as choices between Yes and No."""
        return tuple(
            WordChoice(
                question.key,
                question.value,
                Call(
                    f"{question.question} {template(question.language, 'yes_or_no')}",
                    top_logprobs=TOP_LOGPROBS,
                ),
                True,
                aligned="Yes" if question.yes_is == "for" else "No",
                words=("Yes", "No"),
            )
            for question in first_of_each(self.material.questions, per_value)
            if isinstance(question, Question) and question.yes_is and question.language == "en"
        )

    def worded(self, questions: Sequence[Question]) -> tuple[Question, ...]:
        """Questions of another source, put as those of the evaluation are."""
        role = self.spec.answer
        return tuple(questions) if role is None else tuple(map(role.worded, questions))

    def tuning_items(self, asked: Asked) -> tuple[Item, ...]:
        """The tuning items of one kind: never used for the evaluation."""
        return tuple(item for item in self.material.tuning if item.setting == asked)

    def repeated(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """The items once for each run: each run draws its answers anew, with noise of its own. Pairs have one run."""
        again = (
            replace(item, key=f"{item.key}{RUN_MARK}{run + 1}")
            for run in range(1, self.spec.runs)
            for item in items
            if isinstance(item, Question)
        )
        return (*items, *again)

    # Treatments -------------------------------------------------------------------------------------------

    def made(
        self, what: Any, make: Callable[[Locations], Treatments], names: Sequence[str] = ()
    ) -> Treatments:
        """Treatments that `make` gives when there is a model, by value (or by other `names`); `what` (JSON-able) decides
        what they are."""
        return {name: Planned(sha256_of([what, name])) for name in names or self.values}

    def treatments(self, method: MethodSpec, setting: Setting) -> Treatments:
        """What a setting does for each value."""
        what = [method.model_dump(mode="json", include=_WHAT), setting.model_dump(mode="json")]
        return self.made(what, lambda locations: treatments(locations, method, setting))

    def control(
        self, method: MethodSpec, setting: Setting, kind: str = "random", draw: int = 0
    ) -> Treatments | None:
        """One draw of a random control of equal size; None where there is none of this kind.

        Kind "random": random neurons, random directions of equal length, or the message or adapter of another value;
        "random-matched": neurons of the same layers and rates.
        """
        if method.intervention is not None and kind != "random":
            return None
        what = [kind, draw, method.model_dump(mode="json", include=_WHAT), setting.model_dump(mode="json")]
        return self.made(what, lambda locations: control(locations, method, setting, kind, draw))

    # Asks -------------------------------------------------------------------------------------------------

    def ask(self, items: Sequence[Item], treatments: Sequence[Treatment], arm: str = "") -> Ask:
        """Items, each with its own treatment; an item may stand there more than once."""
        how, sampling = self.spec.generate, self.spec.generate.sampling(self.spec.seed)
        if items and isinstance(items[0], WordChoice):
            sampling = LETTER
        return Ask(tuple(items), tuple(treatments), sampling, how.rows, how.on, arm)

    def base(self, items: Sequence[Item]) -> Ask:
        """The items put to the unedited model."""
        kind = items[0].setting if items and isinstance(items[0], Question) else "pairs"
        tuning = "tuning-" if items and items[0] in self.material.tuning else ""
        return self.ask(items, (None,) * len(items), f"base/{tuning}{kind}-{len(items)}")

    def each(self, items: Sequence[Item], per_value: Treatments, arm: str = "") -> Ask:
        """Each item under the treatment of its own value."""
        return self.ask(items, [per_value[item.value] for item in items], arm)

    def all(self, items: Sequence[Item], treatment: Treatment, arm: str = "") -> Ask:
        """Every item under the same treatment."""
        return self.ask(items, (treatment,) * len(items), arm)

    def spoken(self, method: MethodSpec, base: Ask, edited: Ask, per_value: Treatments) -> tuple[Ask, Ask]:
        """What the fluency of base and edited is read off (see `TrialAsks`)."""
        if not self.speaks_apart(method.asked):
            return base, edited
        questions = self.open_questions()
        return self.base(questions), self.each(questions, per_value)

    def trial(self, method: MethodSpec, setting: Setting) -> TrialAsks:
        """One setting in full: base, edited and all controls, on all evaluation items."""
        items, treatments = self.repeated(self.items(method.asked)), self.treatments(method, setting)
        name = next((name for name, known in self.spec.methods.items() if known == method), "method")
        place = f"{name}/{setting.hash}"
        base, edited = self.base(items), self.each(items, treatments, f"{place}/edited")

        base_answers, answers = self.spoken(method, base, edited, treatments)
        random, matched = self.controls(method, setting, items, place)
        return TrialAsks(base, edited, random, matched, base_answers, answers)

    def controls(
        self, method: MethodSpec, setting: Setting, items: Sequence[Item], place: str = ""
    ) -> tuple[tuple[Ask, ...], tuple[Ask, ...]]:
        """The items under every draw of random controls, and of matched ones; none of a kind that there is not."""
        how = self.spec.controls

        def drawn(kind: str) -> tuple[Ask, ...]:
            draws = [self.control(method, setting, kind, draw) for draw in range(how.draws)]
            return tuple(
                self.each(items, per_value, f"{place}/{kind}-{draw}" if place else "")
                for draw, per_value in enumerate(draws)
                if per_value is not None
            )

        return drawn("random"), drawn("random-matched") if how.matched else ()


_WHAT = {"locator", "roles", "edit", "direction", "directions", "numbers", "intervention"}
"""What of a method decides its treatments, beside the setting."""
