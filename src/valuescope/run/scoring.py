"""Ratings of answers by the judge model: relevance to the value (G-Eval; ValueLocate, section 6.1), and text quality."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.data import Question
from valuescope.generate import Answer
from valuescope.judge import criterion
from valuescope.judge.answer_judge import AnswerJudge, Item
from valuescope.judge.asking import Asker
from valuescope.judge.reply_store import usage
from valuescope.run.spec_valuelocate import ScoresSpec
from valuescope.values import ValueSystem

JUDGE_OF = {"relevance": "g-eval", "quality": "text-quality"}
"""Each measure's judge."""


class Scoring:
    """Rates answers from 1 to 5. `tokens` counts what all replies so far cost, asked now or before."""

    def __init__(self, asker: Asker, system: ValueSystem, spec: ScoresSpec, language: str):
        self.asker, self.system, self.language, self.tokens = asker, system, language, 0
        measures = ("relevance", "quality") if spec.quality else ("relevance",)
        self.judges = {
            measure: AnswerJudge(
                JUDGE_OF[measure], spec.mode, language, spec.samples, max_tokens=spec.max_tokens
            )
            for measure in measures
        }

    @property
    def prompts(self) -> tuple[str, ...]:
        """Name, version and hash of the prompts."""
        return tuple(judge.prompt.id for judge in self.judges.values())

    def __call__(
        self, questions: Sequence[Question], answers: Sequence[Answer]
    ) -> tuple[list[dict[str, float | None]], dict[str, list[str]]]:
        """Each answer's ratings by measure, and by measure the kind of what is missing ("" for nothing).

        Raises:
            AskError: where the model cannot be asked.
        """
        items = [
            Item(
                question.key,
                question.question,
                answer.text,
                criterion(self.system, question.value, self.language),
            )
            for question, answer in zip(questions, answers, strict=True)
        ]
        calls = [(item, judge, judge.calls(item)) for item in items for judge in self.judges.values()]
        replies = self.asker.ask([call for _, _, own in calls for call in own])
        self.tokens += usage(replies).input_tokens + usage(replies).output_tokens
        rest = iter(replies)
        judged = [judge.read(item, [next(rest) for _ in own]) for item, judge, own in calls]
        size = len(self.judges)
        found = [
            {measure: one.score for measure, one in zip(self.judges, judged[row : row + size], strict=True)}
            for row in range(0, len(judged), size)
        ]
        missing = {
            measure: [one.missing for one in judged[place::size]] for place, measure in enumerate(self.judges)
        }
        return found, missing
