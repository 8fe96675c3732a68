"""Parsers of replies: strict about what counts as a statement, lenient about its form.

Each takes any text and never raises over it; what it cannot read is missing, by kind, and never a default value.
"""

from valuescope.judge.reply.stated_percentages import parse_percentages
from valuescope.judge.reply.stated_rating import parse_rating
from valuescope.judge.reply.stated_words import parse_choice, parse_true_false, parse_yes_no

__all__ = ["parse_choice", "parse_percentages", "parse_rating", "parse_true_false", "parse_yes_no"]
