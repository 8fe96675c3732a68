"""The organism's oracle as a judge: exact on its own questions, silent on all others."""

from __future__ import annotations

from collections.abc import Sequence

from valuescope.data import Question
from valuescope.generate import Answer
from valuescope.judge.judgement import Judgement
from valuescope.organism import read_answer


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
