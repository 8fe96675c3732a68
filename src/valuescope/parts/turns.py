"""Does control last: several questions about one value, one after the other in a conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import Field

from valuescope.data import Question
from valuescope.lab.ask import Ask, Outcomes, SystemText, Treatment
from valuescope.lab.design import Design
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.method import SYSTEM_PROMPT
from valuescope.lab.parameters import require_known
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import Found, Measured, Strict
from valuescope.lab.treatments import messages_of
from valuescope.metrics import Estimate
from valuescope.models import context_length, encode, render_chat
from valuescope.report.blocks import Section
from valuescope.report.names import method_name
from valuescope.report.numbers import SHARES
from valuescope.report.table import Column, Table, records

Messages = list[dict[str, str]]


class TurnsSpec(Strict):
    """Does control last: questions about one value, one after the other in a conversation of `turns` turns.

    `conversations`: per value. `methods`: none for all that are asked dilemmas.
    """

    turns: int = Field(default=5, ge=2)
    conversations: int = Field(default=4, ge=1)
    methods: tuple[str, ...] = ()


class MethodTurns(Found):
    """Success, change and fluency at every turn, and the change of the effect from the first turn to the last."""

    success: tuple[Measured, ...] = ()
    effect: tuple[Measured, ...] = ()
    fluency: tuple[Measured, ...] = ()
    last_against_first: Measured | None = None


class TurnsFound(Found):
    """Success at every turn, of the base and of each method; `reason`: why fewer than `asked` turns were measured."""

    asked: int
    conversations: int
    measured: int
    reason: str = ""
    base: tuple[Measured, ...] = ()
    methods: dict[str, MethodTurns] = {}


class Turns(Part[TurnsSpec]):
    """Conversations of the base and of every method at its headline setting.

    A conversation ends before the turn that might not fit into the model's context. A model without a chat template
    knows no conversations, and nothing is measured.
    """

    key, Spec = "turns", TurnsSpec
    place, order, rated, Found = "turns", 170, False, TurnsFound

    @classmethod
    def check(cls, spec: TurnsSpec, run: ComparisonSpec) -> None:
        """Its methods are known, and some method is asked dilemmas."""
        require_known("turns.methods", spec.methods, run.methods)
        if not any(method.asked == "dilemma" for method in run.methods.values()):
            raise ValueError("turns asks dilemmas, and no method does; drop turns, or ask dilemma")

    def later(self, design: Design) -> Iterator[Ask]:
        """Every turn of every arm; what is asked depends on the answers before it."""
        questions = self._questions(design)
        for treatments in self._arms(design, questions[0]).values():
            for asked in questions:
                yield design.ask(asked, treatments)

    def conversations(self, design: Design) -> Iterator[Messages]:
        """Two turns, without a system message and after that of each method that has one."""
        question = self._questions(design)[0][0]
        asked, answered = ({"role": role, "content": question.asked} for role in ("user", "assistant"))
        yield [asked, answered, asked]
        for method in map(design.spec.methods.__getitem__, self._names(design)):
            if method.intervention == SYSTEM_PROMPT:
                text = messages_of(design.system, design.material, method.default)[question.value]
                yield [{"role": "system", "content": text}, asked, answered, asked]

    def measure(self, lab: Laboratory) -> TurnsFound:
        """The conversations turn by turn."""
        head: dict[str, Any] = {"asked": self.spec.turns, "conversations": self.spec.conversations}
        if lab.model.prompts.template is None:
            return TurnsFound(**head, measured=0, reason="the model has no chat template")
        questions = self._questions(lab)
        arms = {
            name: _conversations(lab, questions, treatments)
            for name, treatments in self._arms(lab, questions[0]).items()
        }
        measured = min(map(len, arms.values()))
        short = f"turn {measured + 1} might not fit into the model's {context_length(lab.model)} positions"
        base = arms.pop("base")[:measured]
        return TurnsFound(
            **head,
            measured=measured,
            reason="" if measured == self.spec.turns else short,
            base=tuple(map(lab.success, base)),
            methods={name: _method(lab, base, edited[:measured]) for name, edited in arms.items()},
        )

    def _names(self, design: Design) -> Sequence[str]:
        asked = [name for name, method in design.spec.methods.items() if method.asked == "dilemma"]
        return self.spec.methods or asked

    def _arms(self, design: Design, questions: Sequence[Question]) -> dict[str, list[Treatment]]:
        """Of the base and of each method the treatment of every conversation."""
        arms: dict[str, list[Treatment]] = {"base": [None] * len(questions)}
        for name in self._names(design):
            per_value = design.treatments(design.spec.methods[name], design.settings[name])
            arms[name] = [per_value[question.value] for question in questions]
        return arms

    def _questions(self, design: Design) -> list[list[Question]]:
        """For every turn one question of each conversation; a conversation keeps to its value and repeats no question
        before it has asked all."""
        questions: list[list[Question]] = [[] for _ in range(self.spec.turns)]
        dilemmas = [one for one in design.material.questions if one.setting == "dilemma"]
        for value in design.values:
            about = [question for question in dilemmas if question.value == value]
            for conversation in range(self.spec.conversations):
                for turn in range(self.spec.turns):
                    question = about[(conversation * self.spec.turns + turn) % len(about)]
                    key = f"{question.key}~conversation{conversation}~turn{turn}"
                    questions[turn].append(replace(question, key=key))
        return questions

    @classmethod
    def view(cls, found: TurnsFound, result: Result) -> Section:
        """Control turn by turn."""
        short = f" {found.measured} of {found.asked} turns were measured: {found.reason}."
        intro = (
            "Questions about one value, one after the other in one conversation; conversations per value: "
            f"{found.conversations}.{short if found.measured < found.asked else ''}"
        )
        arms = {
            "base": MethodTurns(success=found.base),
            **found.methods,
        }
        columns: tuple[Column[Any], ...] = (
            Column("", "Arm", lambda row: method_name(row[0])),
            *(
                Column[Any]("", f"Turn {turn + 1}", partial(_success, turn), SHARES, signed=False)
                for turn in range(found.measured)
            ),
            Column(
                "",
                "Change of effect, last against first",
                lambda row: "" if row[0] == "base" else row[1].last_against_first,
                SHARES,
            ),
        )
        table = Table("", "Control success by turn", columns, list(arms.items()))
        rows = [
            (arm, number, success)
            for arm, turns in arms.items()
            for number, success in enumerate(turns.success, start=1)
        ]
        blocks = (intro, table if found.measured else None, records("turns", "arm turn success*", rows))
        return Section("turns", "Over several turns", blocks, link="Turns")


def _success(turn: int, row: tuple[str, MethodTurns]) -> Estimate:
    return row[1].success[turn]


def _method(lab: Laboratory, base: list[Outcomes], edited: list[Outcomes]) -> MethodTurns:
    changes = [
        [
            None if first.success is None or second.success is None else second.success - first.success
            for first, second in zip(before, after, strict=True)
        ]
        for before, after in zip(base, edited, strict=True)
    ]
    return MethodTurns(
        success=tuple(map(lab.success, edited)),
        effect=tuple(lab.effect(before, after) for before, after in zip(base, edited, strict=True)),
        fluency=tuple(map(lab.fluency, edited)),
        last_against_first=lab.how.difference(changes[0], changes[-1]) if len(changes) > 1 else None,
    )


def _conversations(
    lab: Laboratory, questions: list[list[Question]], treatments: Sequence[Treatment]
) -> list[Outcomes]:
    """The outcomes of each turn, every turn with the answers of those before it; a system message stands in the
    conversation itself."""
    conversations: list[Messages] = [
        [{"role": "system", "content": treatment.text}] if isinstance(treatment, SystemText) else []
        for treatment in treatments
    ]
    within = [None if isinstance(treatment, SystemText) else treatment for treatment in treatments]
    limit, turns = context_length(lab.model), list[Outcomes]()
    for asked in questions:
        for messages, question in zip(conversations, asked, strict=True):
            messages.append({"role": "user", "content": question.asked})
        prompts = [render_chat(lab.model, messages) for messages in conversations]
        longest = max(len(row.input_ids) for row in encode(lab.model, prompts))
        if limit is not None and longest + lab.spec.generate.max_new_tokens > limit:
            break
        items = [replace(question, prompt=prompt) for question, prompt in zip(asked, prompts, strict=True)]
        ask = lab.ask(items, within)
        lab.bench.ask(ask)
        turns.append(lab.outcomes(ask))
        for messages, outcome in zip(conversations, turns[-1], strict=True):
            messages.append({"role": "assistant", "content": outcome.text.strip()})
    return turns
