"""Judges: functions from questions and answers to judgements, under their names.

What needs no model: prompts (`judge_prompt`), quoting, parsers of replies, ratings, support, questionnaires, criteria
and counts of what is missing.
"""

from collections.abc import Callable, Sequence

from valuescope.data import Question
from valuescope.generate import Answer
from valuescope.judge.criteria import Criterion, criterion
from valuescope.judge.error import JudgeError
from valuescope.judge.inventory import VALUEBENCH_STEPS, inventories, score_valuebench
from valuescope.judge.judgement import Judgement
from valuescope.judge.likelihood import likelihood, typical
from valuescope.judge.missing import MISSING_LIMIT, MissingCount
from valuescope.judge.oracle import oracle
from valuescope.judge.prompt import PROMPTS, JudgePrompt, Rendered, judge_prompt
from valuescope.judge.questionnaire import (
    Questionnaire,
    QuestionnaireScores,
    ScaleScore,
    load_questionnaire,
    score_questionnaire,
)
from valuescope.judge.quoting import quote, quoted
from valuescope.judge.rating import (
    Rating,
    RunsRating,
    expected_rating,
    mean_of_runs,
    one_mode,
    sampled_rating,
)
from valuescope.judge.reply import (
    MISSING_KINDS,
    MissingKind,
    Reply,
    parse_choice,
    parse_percentages,
    parse_rating,
    parse_true_false,
    parse_yes_no,
)
from valuescope.judge.self_rating import SelfRating, rate_by_likelihood, rate_by_text
from valuescope.judge.support import Support, support_from_log_probabilities, support_from_percentages

Judge = Callable[[Sequence[Question], Sequence[Answer]], list[Judgement]]

JUDGES: dict[str, Judge] = {"oracle": oracle, "likelihood": likelihood}
"""name -> judge; a judge reads answers only, so that it can be applied to any model's."""

__all__ = [
    "JUDGES",
    "MISSING_KINDS",
    "MISSING_LIMIT",
    "PROMPTS",
    "VALUEBENCH_STEPS",
    "Criterion",
    "Judge",
    "JudgeError",
    "JudgePrompt",
    "Judgement",
    "MissingCount",
    "MissingKind",
    "Questionnaire",
    "QuestionnaireScores",
    "Rating",
    "Rendered",
    "Reply",
    "RunsRating",
    "ScaleScore",
    "SelfRating",
    "Support",
    "criterion",
    "expected_rating",
    "inventories",
    "judge_prompt",
    "likelihood",
    "load_questionnaire",
    "mean_of_runs",
    "one_mode",
    "oracle",
    "parse_choice",
    "parse_percentages",
    "parse_rating",
    "parse_true_false",
    "parse_yes_no",
    "quote",
    "quoted",
    "rate_by_likelihood",
    "rate_by_text",
    "sampled_rating",
    "score_questionnaire",
    "score_valuebench",
    "support_from_log_probabilities",
    "support_from_percentages",
    "typical",
]
