"""Checks of data in code: what the papers and our own construction demand of every kind of record."""

from valuescope.data.checks.duplicates import Duplicates, near_duplicates, repeated_pairs, shared_wording
from valuescope.data.checks.open_texts import (
    check_description,
    check_descriptions,
    check_question,
    check_questions,
    check_situation,
    check_situations,
)
from valuescope.data.checks.review import check_repeats
from valuescope.data.checks.set_limits import (
    DescriptionLimits,
    DilemmaLimits,
    PairLimits,
    QuestionLimits,
    SituationLimits,
)
from valuescope.data.checks.two_sided import check_dilemma, check_dilemmas, check_pair, check_pairs
from valuescope.data.checks.wording import WordDifference, WordingAccuracy, word_differences, wording_accuracy
from valuescope.data.checks.words import (
    function_words,
    held_words,
    judging_words,
    key_words,
    language_of,
    name_words,
    size,
    telltale_words,
    words,
)

__all__ = [
    "DescriptionLimits",
    "DilemmaLimits",
    "Duplicates",
    "PairLimits",
    "QuestionLimits",
    "SituationLimits",
    "WordDifference",
    "WordingAccuracy",
    "check_description",
    "check_descriptions",
    "check_dilemma",
    "check_dilemmas",
    "check_pair",
    "check_pairs",
    "check_question",
    "check_questions",
    "check_repeats",
    "check_situation",
    "check_situations",
    "function_words",
    "held_words",
    "judging_words",
    "key_words",
    "language_of",
    "name_words",
    "near_duplicates",
    "repeated_pairs",
    "shared_wording",
    "size",
    "telltale_words",
    "word_differences",
    "wording_accuracy",
    "words",
]
