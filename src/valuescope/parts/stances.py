"""What kind of answers the judge `stance` met under every method: an edit may move answers from one side to the other, or to
no side, or to refusals, and effects, which count the answers that take a side, do not tell these apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    """By method and stance; the shares of an arm add up to 1."""

    methods: dict[str, dict[Stance, StanceShare]] = {}


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
        return StancesFound(methods={name: _shares(lab, arms) for name, arms in self._arms(lab).items()})

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
            for stance, share in shares.items()
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
                tuple(shares),
                (
                    Dots("edited", place, tuple(share.change for share in shares.values())),
                    Dots("random", "ink", tuple(share.random for share in shares.values())),
                ),
            )
            for place, (name, shares) in enumerate(found.methods.items())
        ]
        figure = dots(
            "stances",
            "Where answers move: change of the share of each stance",
            "Paired changes against the base model, for the edit and for random controls of its size, with intervals over "
            "questions. Effects compare the answers that take a side; this counts all of them.",
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
    questions, controls = design.items("dilemma", design.spec.answers_per_value), design.spec.controls

    def drawn(kind: str) -> tuple[Ask, ...]:
        draws = [design.control(method, setting, kind, draw) for draw in range(controls.draws)]
        return tuple(design.each(questions, draw) for draw in draws if draw is not None)

    matched = drawn("random-matched") if controls.matched else ()
    edited = design.each(questions, design.treatments(method, setting))
    return AnswerArms(design.base(questions), edited, drawn("random"), matched)


def _shares(lab: Laboratory, arms: AnswerArms) -> dict[Stance, StanceShare]:
    base, edited = lab.outcomes(arms.base), lab.outcomes(arms.edited)
    controls = [[lab.outcomes(ask) for ask in asks] for asks in (arms.random, arms.matched)]
    questions = [question_of(outcome.key) for outcome in base]

    def change(stance: Stance, arms: Sequence[Outcomes]) -> Measured | None:
        before = _taken(stance, base) * len(arms)
        after = [taken for arm in arms for taken in _taken(stance, arm)]
        return lab.how.difference(before, after, questions * len(arms)) if arms else None

    shares = dict[Stance, StanceShare]()
    for stance in STANCES:
        rates = [lab.how.rate(_taken(stance, arm), questions) for arm in (base, edited)]
        edit, *drawn = (change(stance, arms) for arms in ([edited], *controls))
        assert edit is not None
        shares[stance] = StanceShare(
            base=rates[0], edited=rates[1], change=edit, random=drawn[0], random_matched=drawn[1]
        )
    return shares


def _taken(stance: Stance, outcomes: Outcomes) -> list[bool]:
    return [stance_of(outcome) == stance for outcome in outcomes]


def stance_of(outcome: Outcome) -> str:
    """The stance of an answer that the judge `stance` has read."""
    return outcome.missing if outcome.success is None else "for" if outcome.success else "against"


def _share(name: str) -> Any:
    return lambda row: getattr(row[2], name)
