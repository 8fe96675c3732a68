"""What Inspect's entry point loads: the oracle's name, the scorers and the tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspect_ai.model import modelapi

from valuescope.judge.scorers import control_success, fluency, g_eval, text_quality
from valuescope.judge.tasks import questionnaire, support_rate, value_answers

if TYPE_CHECKING:
    from inspect_ai.model import ModelAPI


@modelapi(name="valuescope_oracle")
def valuescope_oracle() -> type[ModelAPI]:
    """The oracle's class, imported when it is first asked for."""
    from valuescope.judge.oracle_model import OracleModel

    return OracleModel


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
