"""How long the answers are under every method: an edit that shortens or swells answers moves other measures with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from valuescope.data.checks.words import words
from valuescope.lab.ask import Ask, Outcomes, question_of
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found, Measured, Strict
from valuescope.report.blocks import Section
from valuescope.report.names import method_name
from valuescope.report.numbers import Numbers
from valuescope.report.plots import DotFacet, Dots, dots
from valuescope.report.table import Column, Table

WORDS, TENTHS = "Words per answer", Numbers(1)


class AnswerLengthSpec(Strict):
    """Nothing to set: `answer_length: {}` asks for the part."""


class LengthFound(Found):
    """Words per answer (a Chinese character is a word); `change`: edited minus base, question by question."""

    base: Measured
    edited: Measured
    change: Measured


class AnswerLengthFound(Found):
    """By method."""

    methods: dict[str, LengthFound] = {}


class AnswerLength(Part[AnswerLengthSpec]):
    """Words per answer of the base and of every method at its headline setting, on the questions of its trial."""

    key, Spec = "answer_length", AnswerLengthSpec
    place, order, Found = "answer_length", 55, AnswerLengthFound

    def asks(self, design: Design) -> Iterator[Ask]:
        """Base and edited answers; every run asks them for its effects already."""
        for base, edited in self._asks(design).values():
            yield from (base, edited)

    def measure(self, lab: Laboratory) -> AnswerLengthFound:
        """The lengths method by method."""
        asks = self._asks(lab).items()
        outcomes = {name: (lab.outcomes(base), lab.outcomes(edited)) for name, (base, edited) in asks}
        return AnswerLengthFound(methods={name: _lengths(lab, *arms) for name, arms in outcomes.items()})

    def _asks(self, design: Design) -> dict[str, tuple[Ask, Ask]]:
        methods = design.spec.methods.items()
        trials = {name: design.trial(method, design.settings[name]) for name, method in methods}
        return {name: (trial.base_answers, trial.answers) for name, trial in trials.items()}

    @classmethod
    def view(cls, found: AnswerLengthFound, result: Result) -> Section:
        """A row of dots and a row of a table for each method."""
        lengths, names = found.methods.values(), tuple(map(method_name, found.methods))
        base = Dots("base model", "ink", [length.base for length in lengths])
        edited = Dots("edited", 0, [length.edited for length in lengths])
        facets, note = [DotFacet(WORDS, names, (base, edited))], "Means with intervals, by method."
        figure = dots("answer_length", WORDS, note, facets, axis="words", numbers=TENTHS, signed=False)
        columns: tuple[Column[Any], ...] = (
            Column("method", "", lambda row: row[0]),
            Column("", "Method", lambda row: method_name(row[0]), terminal="method"),
            Column("base", "Base", lambda row: row[1].base, TENTHS, signed=False, estimate=True),
            Column("edited", "Edited", lambda row: row[1].edited, TENTHS, signed=False, estimate=True),
            Column(
                "change", "Change", lambda row: row[1].change, TENTHS, estimate=True, terminal="more words"
            ),
        )
        table = Table("answer_length", WORDS, columns, list(found.methods.items()))
        return Section("answer_length", "Length of answers", (figure, table), link="Length")


def _lengths(lab: Laboratory, base: Outcomes, edited: Outcomes) -> LengthFound:
    before, after = ([len(words(outcome.text)) for outcome in arm] for arm in (base, edited))
    questions, how = [question_of(outcome.key) for outcome in base], lab.how
    change = how.difference(before, after, questions)
    return LengthFound(base=how.mean(before, questions), edited=how.mean(after, questions), change=change)
