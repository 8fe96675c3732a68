"""General ability, base and edited: what an edit costs beside what it was made for."""

from valuescope.ability.error import AbilityError
from valuescope.ability.mmlu import MmluPrediction, MmluResult, mean_accuracy, mmlu
from valuescope.ability.mmlu_questions import MmluQuestion, draw_questions, mmlu_questions, read_mmlu
from valuescope.ability.neutral_text import neutral_texts
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
