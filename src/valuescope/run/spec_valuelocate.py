"""The parts of a comparison's specification that ValueLocate's evaluation adds: scores, questionnaires, sensitivity."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from valuescope.data.phrasing import ItemForm
from valuescope.judge.rating import MINIMUM_SAMPLES
from valuescope.judge.self_rating import QUESTIONNAIRE_PROMPTS
from valuescope.run.names import require_known
from valuescope.run.spec_parts import Strict

Way = Literal["up", "down"]
Scope = Literal["all", "prompt", "answer"]


class CompareSpec(Strict):
    """One table over all methods, and the overlap of the `top` neurons that each ranks first for a value."""

    top: int = Field(default=20, ge=1)


class ScoresSpec(Strict):
    """Ratings of every answer from 1 to 5 by the judge model: relevance to the value (G-Eval), and text quality.

    `mode`: "expected" weights 1..5 by the probabilities of the judge's first token; "sampled" takes the mean of `samples`
    replies, for judges without log-probabilities. The report says which. `max_tokens`: of one reply.
    """

    mode: Literal["expected", "sampled"] = "expected"
    samples: int = Field(default=MINIMUM_SAMPLES, ge=MINIMUM_SAMPLES)
    quality: bool = True
    max_tokens: int = Field(default=64, ge=1)


class QuestionnaireSpec(Strict):
    """One questionnaire of the user's.

    `path`: a file that `valuescope data` reads (PVQ, ValueBench). `inventories`: only these of its questionnaires (none:
    all). `values`: an item's value -> the value of the run that it speaks for; an item's value that is one of the run's, or
    stands under one in the value system, needs no entry, and items of any other value are counted and left out of the
    effects. `prompts`: ask the items as open questions in `form`, at most `per_value` of each value, for the judge to rate.
    `likert`: have the model rate the items itself, by its probabilities of the scale's numbers. `labels`: the steps
    of the answer scale, the lowest first and numbered from `low`, where the file names none. `prompt`: how an item is put.
    `minimum_mass`: the probability on the scale's numbers below which a rating is missing.
    """

    path: str
    inventories: tuple[str, ...] = ()
    values: dict[str, str] = Field(default_factory=dict)
    prompts: bool = True
    form: ItemForm = "portrait"
    per_value: int | None = Field(default=None, ge=1)
    likert: bool = True
    labels: tuple[str, ...] = ()
    low: int = Field(default=1, ge=0)
    prompt: str = "portrait"
    minimum_mass: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _known(self) -> QuestionnaireSpec:
        require_known("prompt", [self.prompt], QUESTIONNAIRE_PROMPTS)
        if not self.prompts and not self.likert:
            raise ValueError("neither prompts nor likert is true, so nothing would be asked; set one")
        return self


class QuestionnairesSpec(Strict):
    """Questionnaires by name, asked of the base model and of the model edited by each of `methods` (none: all).

    `batch_size`: items times edits that are rated at once.
    """

    sets: dict[str, QuestionnaireSpec] = Field(min_length=1)
    methods: tuple[str, ...] = ()
    batch_size: int = Field(default=64, ge=1)


class Alternative(Strict):
    """Another choice for one method: changed parameters of its locator or edit, or other tokens that are counted.

    `scope`: which tokens of a text count; `special_tokens`: whether the tokenizer's special tokens count too.
    """

    method: str
    locator: dict[str, Any] = Field(default_factory=dict)
    edit: dict[str, Any] = Field(default_factory=dict)
    scope: Scope | None = None
    special_tokens: bool | None = None

    @property
    def recounts(self) -> bool:
        """Whether the texts have to be read again."""
        return self.scope is not None or self.special_tokens is not None


class SensitivitySpec(Strict):
    """How much each choice matters: its name -> the alternative to what the method does by default.

    `questions`: evaluation questions (or pairs) per value, the first ones.
    """

    choices: dict[str, Alternative] = Field(min_length=1)
    questions: int = Field(default=8, ge=1)
