"""Parsers of replies: strict about what counts as a statement, lenient about its form.

Each takes any text and never raises over it; what it cannot read is missing, by kind, and never a default value.
"""

from valuescope.judge.reply.choice import parse_choice
from valuescope.judge.reply.percentages import parse_percentages
from valuescope.judge.reply.rating import parse_rating
from valuescope.judge.reply.reply import MISSING_KINDS, MissingKind, Reply
from valuescope.judge.reply.verdict import parse_true_false, parse_yes_no

__all__ = [
    "MISSING_KINDS",
    "MissingKind",
    "Reply",
    "parse_choice",
    "parse_percentages",
    "parse_rating",
    "parse_true_false",
    "parse_yes_no",
]
