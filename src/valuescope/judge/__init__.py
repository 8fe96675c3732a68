"""Judges: functions from questions and answers to judgements, under their names.

What needs no model: prompts (`judge_prompt`), quoting, parsers of replies, ratings, support, questionnaires, criteria
and counts of what is missing.
"""

from valuescope.judge.judgement import Judge, Judgement, likelihood, oracle, typical
from valuescope.judge.missing import MISSING_KINDS, MISSING_LIMIT, JudgeError, MissingCount, Reply
from valuescope.judge.prompt import PROMPTS, JudgePrompt, Rendered, criterion, judge_prompt
from valuescope.judge.questionnaire import (
    Questionnaire,
    inventories,
    load_questionnaire,
    score_questionnaire,
    score_valuebench,
)
from valuescope.judge.quoting import quote, quoted
from valuescope.judge.rating import Rating, expected_rating, mean_of_runs, one_mode, sampled_rating
from valuescope.judge.reply import (
    parse_choice,
    parse_percentages,
    parse_rating,
    parse_true_false,
    parse_yes_no,
)
from valuescope.judge.self_rating import SelfRating, rate_by_likelihood, rate_by_text
from valuescope.judge.stance import STANCES, Stance, judge_stances, read_stance
from valuescope.judge.support import support_from_log_probabilities, support_from_percentages

JUDGES: dict[str, Judge] = {"oracle": oracle, "likelihood": likelihood, "stance": judge_stances}
"""The judges that are no models, by name."""
FLUENT_BY_LIKELIHOOD = ("likelihood", "stance")
"""Those that do not read fluency: it is read off the unedited model's likelihood (`typical`)."""

__all__ = [
    "FLUENT_BY_LIKELIHOOD",
    "JUDGES",
    "MISSING_KINDS",
    "MISSING_LIMIT",
    "PROMPTS",
    "STANCES",
    "Judge",
    "JudgeError",
    "JudgePrompt",
    "Judgement",
    "MissingCount",
    "Questionnaire",
    "Rating",
    "Rendered",
    "Reply",
    "SelfRating",
    "Stance",
    "criterion",
    "expected_rating",
    "inventories",
    "judge_prompt",
    "judge_stances",
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
    "read_stance",
    "sampled_rating",
    "score_questionnaire",
    "score_valuebench",
    "support_from_log_probabilities",
    "support_from_percentages",
    "typical",
]
