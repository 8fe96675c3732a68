"""What kind of answers the judge `stance` met under every method: an edit may move answers from one side to the other, or to
no side, or to refusals, and effects, which count the answers that take a side, do not tell these apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from valuescope.judge import STANCES, Stance
from valuescope.lab.ask import Ask, Outcome, Outcomes, question_of
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.method import MethodSpec
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.setting import Setting
from valuescope.lab.strict import Found, Measured
from valuescope.report.blocks import Section
from valuescope.report.names import method_name
from valuescope.report.plots import DotFacet, Dots, dots
from valuescope.report.table import Column, Table


class StanceShare(Found):
    """The share of one stance among all answers, and its paired changes under the edit and under the random controls."""

    base: Measured
    edited: Measured
    change: Measured
    random: Measured | None = None
    random_matched: Measured | None = None


class StancesFound(Found):
    """By method and stance; the shares of an arm add up to 1. `yes`: by method, the share of answers that say yes, whatever
    that speaks for: an edit that makes a model agree (or disagree) with everything moves it, and no value."""

    methods: dict[str, dict[Stance, StanceShare]] = {}
    yes: dict[str, StanceShare] = {}


class Stances(Part[None]):
    """The shares of all stances of every method at its headline setting; in every run whose judge is `stance`."""

    place, order, Found = "stances", 12, StancesFound

    @classmethod
    def of(cls, run: Any) -> Stances | None:
        """The part, where the judge tells stances apart."""
        return cls(None) if run.judge == "stance" else None

    def asks(self, design: Design) -> Iterator[Ask]:
        """The answers of every trial, under the edit and under its controls."""
        for arms in self._arms(design).values():
            yield from arms

    def measure(self, lab: Laboratory) -> StancesFound:
        """The shares method by method."""
        arms = {name: _outcomes(lab, arms) for name, arms in self._arms(lab).items()}
        yes_is = {question.key: question.yes_is for question in lab.material.questions}

        def says_yes(outcome: Outcome) -> bool:
            return stance_of(outcome) == yes_is[question_of(outcome.key)]

        def takes(stance: Stance) -> Callable[[Outcome], bool]:
            return lambda outcome: stance_of(outcome) == stance

        return StancesFound(
            methods={
                name: {stance: _share_of(lab, outcomes, takes(stance)) for stance in STANCES}
                for name, outcomes in arms.items()
            },
            yes={name: _share_of(lab, outcomes, says_yes) for name, outcomes in arms.items()},
        )

    def _arms(self, design: Design) -> dict[str, AnswerArms]:
        return {
            name: answer_arms(design, method, design.settings[name])
            for name, method in design.spec.methods.items()
        }

    @classmethod
    def view(cls, found: StancesFound, result: Result) -> Section:
        """The shares, and their changes beside those of the controls."""
        rows = [
            (name, stance, share)
            for name, shares in found.methods.items()
            for stance, share in _with_yes(found, name, shares).items()
        ]
        columns: tuple[Column[Any], ...] = (
            Column("method", "", lambda row: row[0]),
            Column("", "Method", lambda row: method_name(row[0]), terminal="method"),
            Column("stance", "Answers", lambda row: row[1], terminal="answers"),
            *(
                Column[Any](name, title, _share(name), signed=signed, estimate=True, terminal=title.lower())
                for name, title, signed in (
                    ("base", "Base", False),
                    ("edited", "Edited", False),
                    ("change", "Change", True),
                    ("random", "Random", True),
                    ("random_matched", "Random, matched", True),
                )
            ),
        )
        table = Table("stances", "Share of all answers by the side that they take", columns, rows, left=2)
        facets = [
            DotFacet(
                method_name(name),
                tuple(_with_yes(found, name, shares)),
                (
                    Dots(
                        "edited", place, [share.change for share in _with_yes(found, name, shares).values()]
                    ),
                    Dots(
                        "random",
                        "control",
                        [share.random for share in _with_yes(found, name, shares).values()],
                    ),
                ),
            )
            for place, (name, shares) in enumerate(found.methods.items())
        ]
        figure = dots(
            "stances",
            "Where answers move: change of the share of each stance",
            "Paired changes against the base model, for the edit and for random controls of its size, with intervals over "
            "questions. Effects compare the answers that take a side; this counts all of them. Said yes: whatever yes speaks for.",
            facets,
            axis="change of the share of answers",
        )
        return Section(
            "stances", "Sides, refusals and answers without a side", (table, figure), link="Stances"
        )


class AnswerArms(NamedTuple):
    """What is answered in a trial: by the base, under the edit, and under each draw of both controls."""

    base: Ask
    edited: Ask
    random: tuple[Ask, ...]
    matched: tuple[Ask, ...]

    def __iter__(self) -> Iterator[Any]:
        yield from (self.base, self.edited, *self.random, *self.matched)


def answer_arms(design: Design, method: MethodSpec, setting: Setting) -> AnswerArms:
    """The answers of a trial; where pairs are scored, those to the questions beside them."""
    trial = design.trial(method, setting)
    if method.asked != "pairs":
        return AnswerArms(trial.base, trial.edited, trial.random, trial.matched)
    questions = design.items("dilemma", design.spec.answers_per_value)
    edited = design.each(questions, design.treatments(method, setting))
    return AnswerArms(design.base(questions), edited, *design.controls(method, setting, questions))


class AnswerOutcomes(NamedTuple):
    """The outcomes of `AnswerArms`."""

    base: Outcomes
    edited: Outcomes
    random: tuple[Outcomes, ...]
    matched: tuple[Outcomes, ...]


def _outcomes(lab: Laboratory, arms: AnswerArms) -> AnswerOutcomes:
    random, matched = (
        tuple(lab.outcomes(ask) for ask in asks if ask.does_something) for asks in (arms.random, arms.matched)
    )
    return AnswerOutcomes(lab.outcomes(arms.base), lab.outcomes(arms.edited), random, matched)


def _share_of(lab: Laboratory, arms: AnswerOutcomes, counts: Callable[[Outcome], bool]) -> StanceShare:
    """The share of answers that count, and its paired changes."""
    questions = [question_of(outcome.key) for outcome in arms.base]
    base, edited = (list(map(counts, arm)) for arm in (arms.base, arms.edited))

    def change(*drawn: Outcomes) -> Measured | None:
        after = [counts(outcome) for arm in drawn for outcome in arm]
        return lab.how.difference(base * len(drawn), after, questions * len(drawn)) if drawn else None

    moved = change(arms.edited)
    assert moved is not None
    return StanceShare(
        base=lab.how.rate(base, questions),
        edited=lab.how.rate(edited, questions),
        change=moved,
        random=change(*arms.random),
        random_matched=change(*arms.matched),
    )


def _with_yes(found: StancesFound, name: str, shares: Mapping[Stance, StanceShare]) -> dict[str, StanceShare]:
    named: dict[str, StanceShare] = {str(stance): share for stance, share in shares.items()}
    return {**named, **({"said yes": found.yes[name]} if name in found.yes else {})}


def stance_of(outcome: Outcome) -> str:
    """The stance of an answer that the judge `stance` has read."""
    return outcome.missing if outcome.success is None else "for" if outcome.success else "against"


def _share(name: str) -> Any:
    return lambda row: getattr(row[2], name)
