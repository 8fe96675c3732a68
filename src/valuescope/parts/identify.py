"""Identification while the model answers: which persons it answered as, and the answers that neurons were counted on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from valuescope.lab.answers import Row, prompt_of
from valuescope.lab.ask import Ask
from valuescope.lab.counted_texts import read_texts
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.roles import IdentifySpec
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Found
from valuescope.report.blocks import AnswerSheet, ArmAnswerText, AskedText, Details, Section, Words
from valuescope.report.numbers import Numbers
from valuescope.report.table import Column, Table

IN_FULL = 1
"""How many answers of each label are shown."""


class PersonaAnswer(Found):
    """One answer, and what the model read."""

    prompt: str
    answer: str


class LabelAnswers(Found):
    """The answers of one label. `empty`: without text; `cut`: as long as an answer may become, and not ended."""

    label: str
    answers: int
    empty: int
    cut: int
    tokens: float
    examples: tuple[PersonaAnswer, ...] = ()


class IdentifyFound(Found):
    """How described persons answered."""

    form: str
    scope: str
    labels: tuple[LabelAnswers, ...]


class Identify(Part[IdentifySpec]):
    """The answers that neurons were counted on. They were given before the methods located anything, and are read back."""

    key, Spec = "identify", IdentifySpec
    place, order, rated, Found = "identify", 108, False, IdentifyFound

    @classmethod
    def check(cls, spec: IdentifySpec, run: ComparisonSpec) -> None:
        """Some tokens of answers count."""
        if run.activations.scope == "prompt":
            raise ValueError(
                "identify has answers counted, and activations.scope is prompt; say answer or all"
            )

    def asks(self, design: Design) -> Iterator[Ask]:
        """One answer for each text that describes somebody."""
        yield self._ask(design)

    def measure(self, lab: Laboratory) -> IdentifyFound:
        """How many answers there are of each label, and how long they are."""
        ask = self._ask(lab)
        rows = lab.bench.answers.of(ask, lambda _: None)
        by_label: dict[str, list[tuple[Any, Row]]] = {}
        for item, row in zip(ask.items, rows, strict=True):
            by_label.setdefault(item.key.rpartition("/")[0], []).append((item, row))
        labels = tuple(
            LabelAnswers(
                label=label,
                answers=len(answered),
                empty=sum(not row["text"].strip() for _, row in answered),
                cut=sum(not row["finished"] for _, row in answered),
                tokens=sum(len(row["tokens"]) for _, row in answered) / len(answered),
                examples=tuple(
                    PersonaAnswer(prompt=prompt_of(lab.model.prompts, item), answer=row["text"])
                    for item, row in answered[:IN_FULL]
                ),
            )
            for label, answered in by_label.items()
        )
        return IdentifyFound(form=self.spec.form, scope=lab.spec.activations.scope, labels=labels)

    @classmethod
    def view(cls, found: IdentifyFound, result: Result) -> Section:
        """Answers by label, and the first of each in full."""
        manner = "by the chat template" if found.form == "chat" else "as bare text"
        counted = "the answers" if found.scope == "answer" else "the prompts and the answers"
        intro = Words(
            f"The model answered as each described person ({manner}); neurons were counted on the tokens of {counted}."
        )
        columns = (
            Column[LabelAnswers]("label", "Texts", lambda row: row.label),
            Column[LabelAnswers]("answers", "Answers", lambda row: row.answers),
            Column[LabelAnswers]("tokens", "Tokens, mean", lambda row: row.tokens, Numbers(1), signed=False),
            Column[LabelAnswers]("cut", "Cut at the limit", lambda row: row.cut),
            Column[LabelAnswers]("empty", "Empty", lambda row: row.empty),
        )
        table = Table("identify", "Answers that neurons were counted on", columns, found.labels)
        shown = [
            AskedText(labelled.label, example.prompt, [ArmAnswerText("base", example.answer, ())])
            for labelled in found.labels
            for example in labelled.examples
        ]
        sheet = Details("The first answer of each label", (AnswerSheet(shown),))
        return Section(
            "identify", "Identification while the model answers", (intro, table, sheet), link="Identify"
        )

    def _ask(self, design: Design) -> Ask:
        return self.spec.ask(design.spec, read_texts(design.spec, design.material))
