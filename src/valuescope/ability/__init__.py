"""General ability, base and edited: what an edit costs beside what it was made for."""

from valuescope.ability.material import (
    AbilityError,
    MmluQuestion,
    draw_questions,
    mmlu_questions,
    neutral_texts,
    read_mmlu,
)
from valuescope.ability.mmlu import MmluPrediction, MmluResult, mean_accuracy, mmlu
from valuescope.ability.perplexity import Perplexity, perplexity

__all__ = [
    "AbilityError",
    "MmluPrediction",
    "MmluQuestion",
    "MmluResult",
    "Perplexity",
    "draw_questions",
    "mean_accuracy",
    "mmlu",
    "mmlu_questions",
    "neutral_texts",
    "perplexity",
    "read_mmlu",
]
