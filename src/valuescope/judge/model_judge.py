"""A model as the judge of a run: two questions about each answer, control success and fluency (NeVA, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valuescope.data import Question
from valuescope.generate import Answer
from valuescope.judge.answer_judge import AnswerJudge, Item
from valuescope.judge.asking import Asker, usage
from valuescope.judge.judgement import Judgement
from valuescope.judge.prompt import criterion
from valuescope.progress import StepProgress
from valuescope.values import ValueSystem


@dataclass(frozen=True)
class ModelJudgement(Judgement):
    """A judgement by a model: `missing` is the kind for success, `missing_fluency` that for fluency."""

    missing_fluency: str = ""


class ModelJudge:
    """A judge like those in `JUDGES`, by any model that Inspect knows.

    `system` defines the values that answers are judged by. `tokens` counts what all replies so far cost, whether they
    were asked now or before.
    """

    def __init__(self, asker: Asker, system: ValueSystem, *, language: str = "en", max_tokens: int = 64):
        self.asker, self.system, self.tokens = asker, system, 0
        self._success = AnswerJudge("control-success", language=language, max_tokens=max_tokens)
        self._fluency = AnswerJudge("fluency", language=language, max_tokens=max_tokens)

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
        items = [
            Item(
                question.key,
                question.question,
                answer.text,
                criterion(self.system, question.value, self._success.language),
            )
            for question, answer in zip(questions, answers, strict=True)
        ]
        judges = (self._success, self._fluency)
        calls = [[judge.calls(item) for judge in judges] for item in items]
        replies = self.asker.ask([call for row in calls for own in row for call in own], progress)
        self.tokens += usage(replies).input_tokens + usage(replies).output_tokens
        found, rest = list[ModelJudgement](), iter(replies)
        for item, row in zip(items, calls, strict=True):
            success, fluent = (
                judge.read(item, [next(rest) for _ in own]) for judge, own in zip(judges, row, strict=True)
            )
            found.append(
                ModelJudgement(
                    success=None if success.score is None else bool(success.score),
                    fluent=None if fluent.score is None else bool(fluent.score),
                    missing=success.missing,
                    missing_fluency=fluent.missing,
                )
            )
        return found


def fluency_missing(judgement: Judgement) -> str:
    """The kind of missing for fluency, or ""."""
    if judgement.fluent is not None:
        return ""
    own = judgement.missing_fluency if isinstance(judgement, ModelJudgement) else judgement.missing
    return own or "unjudged"
