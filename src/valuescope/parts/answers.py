"""Answers side by side: the first questions of each value with every arm's answer, never picked by outcome."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from valuescope.data import Question
from valuescope.lab.ask import Ask, Outcome, first_of_each
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found, FoundRoot
from valuescope.parts.base import kinds, spoken_ask
from valuescope.report.blocks import AnswerSheet, ArmAnswerText, AskedText, Section, Words
from valuescope.report.names import method_name
from valuescope.report.table import Verdict, records


class ArmAnswer(Found):
    """What one arm (the base model or a method) answered; None for what no judge said."""

    arm: str
    text: str
    success: bool | None = None
    fluent: bool | None = None


class Example(Found):
    """One question with the answers of every arm."""

    value: str
    question: str
    system: str = ""
    answers: tuple[ArmAnswer, ...] = ()


class ExamplesFound(FoundRoot[tuple[Example, ...]]):
    """The examples, by kind of question and value."""


class Examples(Part[int]):
    """So many questions of each value, answered by the base model and by every method at its headline setting."""

    key, Spec, default = "examples", Annotated[int, Field(ge=0)], 1
    place, order, Found = "examples", 220, ExamplesFound

    def asks(self, design: Design) -> Iterator[Ask]:
        """The answers that `effects` asks for too."""
        for kind in kinds(design):
            yield spoken_ask(design, kind)
        for name, method in design.spec.methods.items():
            yield from design.trial(method, design.settings[name])

    def measure(self, lab: Laboratory) -> ExamplesFound:
        """The first questions of each value in each setting."""
        examples = list[Example]()
        for kind in kinds(lab):
            arms: dict[str, dict[str, Outcome]] = {}
            for name, method in lab.spec.methods.items():
                if method.asked == kind:
                    trial = lab.trial_of(method, lab.settings[name], lab.trial(method, lab.settings[name]))
                    arms.setdefault("base", {outcome.key: outcome for outcome in trial.base_answers})
                    arms[name] = {outcome.key: outcome for outcome in trial.answers}
            asked = "dilemma" if kind == "pairs" else kind
            questions = [
                question
                for question in lab.material.questions
                if question.setting == asked and all(question.key in answers for answers in arms.values())
            ]
            examples += [
                _example(question, arms)
                for question in first_of_each(questions, self.spec)
                if isinstance(question, Question)
            ]
        return ExamplesFound(tuple(examples))

    @classmethod
    def view(cls, found: ExamplesFound, result: Result) -> Section:
        """Every example with the answers of all arms."""
        note = Words(
            "The first questions of each value, never picked by outcome. Success: the judge read the answer as biased "
            "towards the value. Text is shown as the model wrote it, but for control characters.",
            style="small",
        )
        shown = [
            AskedText(
                result.head.value_name(example.value),
                example.question,
                [
                    ArmAnswerText(method_name(answer.arm), answer.text, _verdicts(answer))
                    for answer in example.answers
                ],
                example.system,
            )
            for example in found.root
        ]
        rows = [
            (number, example.value, example.system, example.question, *answer.model_dump().values())
            for number, example in enumerate(found.root, start=1)
            for answer in example.answers
        ]
        table = records("answers", "example value system question arm text success fluent", rows)
        return Section(
            "answers",
            "Answers side by side",
            (note if shown else None, AnswerSheet(shown), table),
            link="Answers",
        )


def _example(question: Question, arms: dict[str, dict[str, Outcome]]) -> Example:
    answers = {arm: outcomes[question.key] for arm, outcomes in arms.items()}
    return Example(
        value=question.value,
        question=question.question,
        system=question.system,
        answers=tuple(
            ArmAnswer(
                arm=arm,
                text=outcome.text,
                success=None if outcome.success is None else bool(outcome.success),
                fluent=outcome.fluent,
            )
            for arm, outcome in answers.items()
        ),
    )


def _verdicts(answer: ArmAnswer) -> tuple[Verdict, ...]:
    success = {True: (True, "success"), False: (None, "no success"), None: (None, "not judged")}
    fluent = {True: (True, "fluent"), False: (False, "not fluent"), None: (None, "fluency not judged")}
    return Verdict(*success[answer.success]), Verdict(*fluent[answer.fluent])
