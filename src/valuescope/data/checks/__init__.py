"""Checks of data in code: what the papers and our own construction demand of every kind of record."""

from valuescope.data.checks.dilemmas import check_dilemma, check_dilemmas
from valuescope.data.checks.duplicates import Duplicates, near_duplicates, shared_wording
from valuescope.data.checks.limits import (
    DescriptionLimits,
    DilemmaLimits,
    PairLimits,
    QuestionLimits,
    SituationLimits,
)
from valuescope.data.checks.naming import held_words, key_words, name_words, telltale_words
from valuescope.data.checks.pairs import check_pair, check_pairs
from valuescope.data.checks.questions import (
    check_description,
    check_descriptions,
    check_question,
    check_questions,
    check_repeats,
    check_situation,
    check_situations,
)
from valuescope.data.checks.wording import WordDifference, WordingAccuracy, word_differences, wording_accuracy
from valuescope.data.checks.words import language_of, size, words

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
    "held_words",
    "key_words",
    "language_of",
    "name_words",
    "near_duplicates",
    "shared_wording",
    "size",
    "telltale_words",
    "word_differences",
    "wording_accuracy",
    "words",
]
