"""A stand-in for a judge where none is at hand: it reads fluency off likelihood, and values not at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from valuescope.data import Question
from valuescope.generate import Answer
from valuescope.judge.judgement import Judgement

ATYPICAL_SHARE = 0.05
"""Share of the base model's own answers that count as not fluent; the scale for edited ones."""


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
