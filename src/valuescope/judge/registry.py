"""What Inspect's entry point loads: the oracle's name, the scorers and the tasks."""

from valuescope.judge.oracle_model import valuescope_oracle
from valuescope.judge.scorers import control_success, fluency, g_eval, text_quality
from valuescope.judge.tasks import questionnaire, support_rate, value_answers

__all__ = [
    "control_success",
    "fluency",
    "g_eval",
    "questionnaire",
    "support_rate",
    "text_quality",
    "value_answers",
    "valuescope_oracle",
]
