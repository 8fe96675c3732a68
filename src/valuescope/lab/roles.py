"""The roles in which a model is asked (ValueLocate, appendix A): as a described person while neurons are watched, and as itself."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from valuescope.data import LabelledText, Material, Question
from valuescope.generate import Sampling
from valuescope.lab.ask import IDENTIFIED, Ask
from valuescope.lab.strict import SpecError, Strict
from valuescope.models import Prompts

ROLE_KEYS = ("identify", "answer")
"""Where roles stand in a specification."""


@cache
def _texts() -> dict[str, str]:
    content = tomllib.loads(files("valuescope.lab").joinpath("roles.toml").read_text(encoding="utf-8"))
    return {name: text.strip() for name, text in content.items()}


class RoleSpec(Strict):
    """What a model is told in a role: `instruction` with its fields, after a `system` message (empty: none of its own).

    `form`: "chat", by the chat template; "bare", as plain text that ends with `cue` (the paper's models are base models);
    "auto", by the template where there is one. A base model may ship with a template: say bare for it.
    """

    needed: ClassVar[tuple[str, ...]] = ("{question}",)

    instruction: str
    system: str = ""
    form: Literal["auto", "chat", "bare"] = "auto"
    cue: str = Field(default_factory=lambda: _texts()["cue"], min_length=1)

    @model_validator(mode="after")
    def _has_fields(self) -> Self:
        for field in self.needed:
            if self.instruction.count(field) != 1:
                raise ValueError(
                    f"instruction: {field} stands in it {self.instruction.count(field)} times; once is right"
                )
        return self

    def settled(self, key: str, prompts: Prompts) -> Self:
        """With a form that is not "auto".

        Raises:
            SpecError: chat, for a model without a chat template.
        """
        if self.form == "chat" and prompts.template is None:
            raise SpecError(f"{key}.form is chat, and {prompts.name} has no chat template; say bare, or auto")
        chat = self.form == "chat" or (self.form == "auto" and prompts.template is not None)
        return self.model_copy(update={"form": "chat" if chat else "bare"})

    def worded(self, question: Question, instruction: str = "") -> Question:
        """The question as it is put in this role."""
        return replace(
            question,
            wording=instruction or self.instruction,
            system=" ".join(filter(None, (self.system, question.system))),
            cue=self.cue if self.form == "bare" else "",
        )


class AnswerSpec(RoleSpec):
    """How the open questions of the evaluation are put."""

    instruction: str = Field(default_factory=lambda: _texts()["answer"])

    def of_material(self, material: Material) -> Material:
        """The material with its questions so put."""
        return replace(
            material,
            questions=tuple(map(self.worded, material.questions)),
            tuning=tuple(map(self.worded, material.tuning)),
        )


class IdentifySpec(RoleSpec):
    """The texts that describe somebody are answered in that person's name, and neurons are counted on the answers too.

    `activations.scope` says which tokens count: those of the "answer" or "all". How answers are drawn is said here; the
    batch size is `generate.batch_size`.
    """

    needed = ("{description}", "{question}")

    instruction: str = Field(default_factory=lambda: _texts()["identify"])
    max_new_tokens: int = Field(default=400, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)

    def ask(self, spec: Any, texts: Sequence[LabelledText]) -> Ask:
        """The questions of all texts that describe somebody, in their order.

        A question is known by its label and its place among those of the label, so that answers do not depend on how many
        values or texts follow.
        """
        counts, questions = dict[str, int](), list[Question]()
        for text in texts:
            if text.persona is not None:
                number = counts[text.label] = counts.get(text.label, 0) + 1
                asked = Question(
                    f"{text.label}/{number:04d}",
                    text.label.partition("|")[0],
                    IDENTIFIED,
                    text.persona.question,
                )
                before, after = self.instruction.split("{description}")
                questions.append(self.worded(asked, before + text.persona.description + after))
        sampling = Sampling(self.max_new_tokens, self.temperature, self.top_p, spec.seed)
        return Ask(tuple(questions), (None,) * len(questions), sampling, spec.generate.rows, arm="identify")


def identify_of(spec: Any) -> IdentifySpec | None:
    """How a specification has described persons answer; None where their texts are only read."""
    identify: IdentifySpec | None = getattr(spec, "identify", None)
    return identify
