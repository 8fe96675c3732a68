"""Dilemmas side by side: the first of each value, answered by the base model and without the value's own neurons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from valuescope.lab.ask import Ask
from valuescope.lab.dilemma_design import DilemmaDesign
from valuescope.lab.dilemma_laboratory import DilemmaLaboratory, Supports
from valuescope.lab.exploration import Measure
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found, FoundRoot
from valuescope.parts.perturbation_views import language_name
from valuescope.report.blocks import AnswerSheet, ArmAnswerText, AskedText, Section, Words
from valuescope.report.table import Verdict

STATED: Measure = "percentages"
EVEN = 50.0  # percent: neither option is supported more


class DilemmaAnswer(Found):
    """The replies to a dilemma with its options in both orders, the support read from them, and the gap of the orders."""

    replies: tuple[str, ...] = ()
    support: float | None = None
    gap: float | None = None


class DilemmaExample(Found):
    """One dilemma with its answers; `edited` is None where the value has no neurons."""

    value: str
    story: str
    aligned: str
    violating: str
    base: DilemmaAnswer
    edited: DilemmaAnswer | None = None


class DilemmaExamplesFound(FoundRoot[tuple[DilemmaExample, ...]]):
    """The examples of one language."""


class DilemmaExamples(Part[int]):
    """So many dilemmas of each value, where support is stated in words."""

    key, Spec, default = "examples", Annotated[int, Field(ge=0)], 1
    experiment, place, order, Found = (
        "valueexploration",
        "languages.*.examples",
        90,
        DilemmaExamplesFound,
    )

    def asks(self, design: DilemmaDesign) -> Iterator[Ask]:
        """What the main selection's matrix asks for too."""
        if STATED in design.spec.support.measures:
            for language in design.spec.languages:
                yield from design.arms(language, design.treatments(language, design.spec.main), (STATED,))

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, DilemmaExamplesFound]:
        """The first dilemmas of each value in each language."""
        return {
            language: DilemmaExamplesFound(tuple(self._examples(lab, language)))
            for language in lab.spec.languages
        }

    def _examples(self, lab: DilemmaLaboratory, language: str) -> Iterator[DilemmaExample]:
        if STATED not in lab.spec.support.measures:
            return
        base = lab.supports(language, STATED)
        arms = lab.perturbation(language, STATED, lab.treatments(language, lab.spec.main)).arms
        seen: dict[str, int] = {}
        for place, dilemma in enumerate(lab.evaluated(language)):
            seen[dilemma.value] = seen.get(dilemma.value, 0) + 1
            if seen[dilemma.value] <= self.spec:
                edited = arms.get(dilemma.value)
                yield DilemmaExample(
                    value=dilemma.value,
                    story=dilemma.story,
                    aligned=dilemma.aligned,
                    violating=dilemma.violating,
                    base=_answer(base, place),
                    edited=None if edited is None else _answer(edited, place),
                )

    @classmethod
    def view(cls, found: Mapping[str, DilemmaExamplesFound], result: Result) -> Section | None:
        """Every example with both answers."""
        questions = [
            AskedText(
                f"{result.head.value_name(example.value)}, {language_name(language)}",
                f"{example.story}\n+ {example.aligned}\n\u2212 {example.violating}",
                [
                    _shown(arm, answer)
                    for arm, answer in (("base", example.base), ("own neurons off", example.edited))
                    if answer is not None
                ],
            )
            for language, examples in found.items()
            for example in examples.root
        ]
        note = Words(
            "The first dilemmas of each value, never picked by outcome; + keeps the value, \u2212 does not. Each is answered "
            "with its options in both orders.",
            style="small",
        )
        blocks = (note, AnswerSheet(questions))
        return Section("answers", "Answers side by side", blocks, link="Answers") if questions else None


def _answer(supports: Supports, place: int) -> DilemmaAnswer:
    support = supports.support[place]
    return DilemmaAnswer(replies=supports.replies[place], support=support.support, gap=support.gap)


def _shown(arm: str, answer: DilemmaAnswer) -> ArmAnswerText:
    verdicts = [Verdict(None, "support missing")]
    if answer.support is not None:
        level = (answer.support > EVEN) - (answer.support < EVEN)
        side = {1: "value supported", 0: "neither supported more", -1: "value not supported"}[level]
        verdicts = [Verdict(None, side), Verdict(None, f"support {answer.support:.0f}%")]
        verdicts += [] if answer.gap is None else [Verdict(None, f"order gap {answer.gap:+.0f} points")]
    return ArmAnswerText(arm, "\n\n".join(answer.replies), tuple(verdicts))
