"""The judges of a run: what one says of an answer, by the organism's oracle, by likelihood, or by a model.

A model is asked two questions about each answer, control success and fluency (NeVA, section 4.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from valuescope.data import Question
from valuescope.generate import Answer
from valuescope.judge.answer_judge import AnswerJudge, Item
from valuescope.judge.asking import Asker
from valuescope.judge.prompt import criterion
from valuescope.judge.reply_store import usage
from valuescope.organism import read_answer
from valuescope.progress import StepProgress
from valuescope.values import ValueSystem

ATYPICAL_SHARE = 0.05
"""Share of the base model's own answers that count as not fluent; the scale for edited ones."""


@dataclass(frozen=True)
class Judgement:
    """One judged answer.

    `success`: whether the answer is biased towards the value asked about (an answer that weighs both sides, or
    takes no side, is not; NeVA, section 4.1). `fluent`: whether it reads as an answer to this question. None is
    a missing judgement, never a failed one; `missing` then names its kind.
    """

    success: bool | None
    fluent: bool | None
    missing: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return asdict(self)


def oracle(questions: Sequence[Question], answers: Sequence[Answer]) -> list[Judgement]:
    """Judge answers by the organism's grammar.

    An answer that was cut off before its end is not fluent. A question from outside the grammar has no
    judgement (kind "foreign question").
    """
    judgements = []
    for question, answer in zip(questions, answers, strict=True):
        verdict = read_answer(question.question, answer.text)
        if verdict is None:
            judgements.append(Judgement(None, None, "foreign question"))
        else:
            judgements.append(Judgement(verdict.stance == "for", verdict.fluent and answer.finished))
    return judgements


def likelihood(questions: Sequence[Question], answers: Sequence[Answer]) -> list[Judgement]:
    """No judgement of any answer: fluency comes from `typical`, once all answers are scored."""
    return [Judgement(None, None, "no judge of values") for _ in zip(questions, answers, strict=True)]


def typical(scores: Sequence[float | None], base_scores: Sequence[float | None]) -> list[bool | None]:
    """Whether each answer is at least as likely, per token and under the unedited model, as all but the least likely 5%
    of the base model's own answers. None where there is no score (an empty answer)."""
    known = [score for score in base_scores if score is not None]
    if not known:
        return [None] * len(scores)
    floor = float(np.quantile(known, ATYPICAL_SHARE, method="lower"))
    return [None if score is None else score >= floor for score in scores]


Judge = Callable[[Sequence[Question], Sequence[Answer]], list[Judgement]]
"""A judge reads answers only, so that it can be applied to any model's."""


@dataclass(frozen=True)
class ModelJudgement(Judgement):
    """A judgement by a model: `missing` is the kind for success, `missing_fluency` that for fluency."""

    missing_fluency: str = ""


class ModelJudge:
    """A judge like those in `JUDGES`, by any model that Inspect knows.

    `system` defines the values that answers are judged by. `tokens` counts what all replies so far cost, whether they
    were asked now or before. `fluency_alone`: fluency is asked of the answer without its question. `prompts`: judge -> the file
    of a prompt of one's own.
    """

    def __init__(
        self,
        asker: Asker,
        system: ValueSystem,
        *,
        language: str = "en",
        max_tokens: int = 64,
        fluency_alone: bool = False,
        prompts: Mapping[str, str] = MappingProxyType({}),
    ):
        self.asker, self.system, self.tokens = asker, system, 0
        self._success = AnswerJudge(
            "control-success",
            language=language,
            max_tokens=max_tokens,
            prompt_file=prompts.get("control-success"),
        )
        self._fluency = AnswerJudge(
            "fluency",
            language=language,
            max_tokens=max_tokens,
            alone=fluency_alone,
            prompt_file=prompts.get("fluency"),
        )

    @property
    def judges(self) -> tuple[AnswerJudge, AnswerJudge]:
        """What it asks about an answer: control success and fluency."""
        return self._success, self._fluency

    @property
    def prompts(self) -> tuple[str, str]:
        """Name, version and hash of the prompts."""
        return self._success.prompt.id, self._fluency.prompt.id

    def __call__(
        self,
        questions: Sequence[Question],
        answers: Sequence[Answer],
        *,
        progress: StepProgress | None = None,
    ) -> list[ModelJudgement]:
        """The judgements, in order.

        Raises:
            ValueSystemError: a question whose value the system does not define.
            AskError: where the model cannot be asked (see `Asker`).
        """
        values = [criterion(self.system, question.value, self._success.language) for question in questions]
        items = [
            Item(question.key, question.question, answer.text, value)
            for question, answer, value in zip(questions, answers, values, strict=True)
        ]
        asked = [(judge, item) for item in items for judge in (self._success, self._fluency)]
        replies = self.asker.ask_groups([judge.calls(item) for judge, item in asked], progress)
        cost = usage([reply for group in replies for reply in group])
        self.tokens += cost.input_tokens + cost.output_tokens
        judged = [judge.read(item, group) for (judge, item), group in zip(asked, replies, strict=True)]
        return [
            ModelJudgement(
                success=None if success.score is None else bool(success.score),
                fluent=None if fluent.score is None else bool(fluent.score),
                missing=success.missing,
                missing_fluency=fluent.missing,
            )
            for success, fluent in zip(judged[::2], judged[1::2], strict=True)
        ]


def fluency_missing(judgement: Judgement) -> str:
    """The kind of missing for fluency, or ""."""
    if judgement.fluent is not None:
        return ""
    kind = judgement.missing_fluency if isinstance(judgement, ModelJudgement) else judgement.missing
    return kind or "unjudged"
