"""Judges: functions from questions and answers to judgements, under their names."""

from collections.abc import Callable, Sequence

from valuescope.data import Question
from valuescope.generate import Answer
from valuescope.judge.judgement import Judgement
from valuescope.judge.likelihood import likelihood, typical
from valuescope.judge.oracle import oracle

Judge = Callable[[Sequence[Question], Sequence[Answer]], list[Judgement]]

JUDGES: dict[str, Judge] = {"oracle": oracle, "likelihood": likelihood}
"""name -> judge; a judge reads answers only, so that it can be applied to any model's."""

__all__ = ["JUDGES", "Judge", "Judgement", "likelihood", "oracle", "typical"]
