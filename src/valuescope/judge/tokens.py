"""Probabilities of the possible first tokens of a reply."""

from __future__ import annotations

import math
from collections.abc import Sequence

from valuescope.judge.error import JudgeError

MARKS = " \t\r\n\u00a0\u3000ĠĊčĉ▁"
"""What tokenizers and models put round a word: spaces and line ends, and byte-level and SentencePiece spellings of them."""

_FULL_WIDTH = str.maketrans({code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)})
_ROUNDING = 1e-3  # services round log-probabilities, so that they may sum to a little over 1


def probabilities_of(top: Sequence[tuple[str, float]], texts: Sequence[str]) -> dict[str, float]:
    """The probability of each of `texts` (such as "1".."5", or "A", "B") as the first token.

    `top`: tokens and their log-probabilities (nats); -inf is a probability of 0. A token counts for the text that it
    is without its marks and in half-width form; tokens that come to the same text are summed.

    Raises:
        JudgeError: a log-probability that is NaN or above 0, or probabilities that sum to more than 1.
    """
    found = dict.fromkeys(texts, 0.0)
    total = 0.0
    for token, logprob in top:
        if math.isnan(logprob) or logprob > _ROUNDING:
            raise JudgeError(
                f"token {token!r} has the log-probability {logprob}; it must be 0 or less, in nats"
            )
        probability = math.exp(logprob)
        total += probability
        text = token.strip(MARKS).translate(_FULL_WIDTH)
        if text in found:
            found[text] += probability
    if total > 1 + _ROUNDING * max(1, len(top)):
        raise JudgeError(
            f"the {len(top)} tokens have the probability {total:.3f} together, more than 1; give each token once, with "
            "natural log-probabilities of one and the same place"
        )
    return found
