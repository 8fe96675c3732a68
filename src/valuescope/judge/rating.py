"""Ratings on a scale of a judge: weighted by its probabilities, or the mean of many replies.

G-Eval (Liu et al. 2023, section 2; ValueLocate eq. 7): `score = sum_s p(s) * s` over the steps s of the scale. Two
ways to p, which are never mixed: read off the log-probabilities of the reply's first token at temperature 0
(`expected_rating`), or the shares of many replies drawn at a temperature (`sampled_rating`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from types import MappingProxyType
from typing import Any, Literal

from valuescope.judge.missing import JudgeError, MissingCount, MissingKind, Reply

MARKS = " \t\r\n\u00a0\u3000ĠĊčĉ▁"
"""What tokenizers and models put round a word: spaces and line ends, and byte-level and SentencePiece spellings of them."""

_FULL_WIDTH = str.maketrans({code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)})
_ROUNDING = 1e-3  # services round log-probabilities, so that they may sum to a little over 1

MINIMUM_MASS = 0.5
MINIMUM_SAMPLES = 20

RatingMode = Literal["expected", "sampled"]


@dataclass(frozen=True)
class Rating:
    """One rating.

    `score` is the mean over `probabilities` (step of the scale -> share, summing to 1), or None, and then `missing`
    names the kind. `mass` is the share of all that was said which lies on the scale, before it is normalised to 1:
    of the probability in mode "expected" (None without log-probabilities), of the replies in mode "sampled". `n`
    counts the replies behind the score.
    """

    mode: RatingMode
    score: float | None
    mass: float | None
    probabilities: Mapping[int, float]
    n: int
    missing: MissingKind | Literal[""] = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        shares = {str(step): share for step, share in self.probabilities.items()}
        return {**vars(self), "probabilities": shares}


def probabilities_of(top: Sequence[tuple[str, float]], texts: Sequence[str]) -> dict[str, float]:
    """The probability of each of `texts` (such as "1".."5", or "A", "B") as the first token.

    `top`: tokens and their log-probabilities (nats); -inf is a probability of 0. A token counts for the text that it
    is without its marks and in half-width form; tokens that come to the same text are summed.

    Raises:
        JudgeError: a log-probability that is NaN or above 0, or probabilities that sum to more than 1.
    """
    by_text = dict.fromkeys(texts, 0.0)
    total = 0.0
    for token, logprob in top:
        if math.isnan(logprob) or logprob > _ROUNDING:
            raise JudgeError(
                f"token {token!r} has the log-probability {logprob}; it must be 0 or less, in nats"
            )
        probability = math.exp(logprob)
        total += probability
        text = token.strip(MARKS).translate(_FULL_WIDTH)
        if text in by_text:
            by_text[text] += probability
    if total > 1 + _ROUNDING * max(1, len(top)):
        raise JudgeError(
            f"the {len(top)} tokens have the probability {total:.3f} together, more than 1; give each token once, with "
            "natural log-probabilities of one and the same place"
        )
    return by_text


def expected_rating(
    top: Sequence[tuple[str, float]] | None, low: int, high: int, *, minimum_mass: float = MINIMUM_MASS
) -> Rating:
    """The rating that a judge's probabilities for its first token expect.

    `top` holds the likeliest tokens and their log-probabilities (nats), as many as the model gives, best 20. Marks of a
    tokenizer are taken off (" 5", "Ġ5", "▁5" are 5), duplicates are summed, and only the steps of the scale count.
    Under `minimum_mass` on the scale the score is missing ("low mass"); None or nothing: "no log-probabilities".

    Raises:
        JudgeError: a scale outside of 0..9, whose numbers are not all one token; impossible log-probabilities.
    """
    if not 0 <= low < high <= 9:
        raise JudgeError(
            f"the scale goes from {low} to {high}; the first token tells the numbers of a scale apart only where each "
            "is one digit: use a scale within 0..9, or sampled_rating"
        )
    require_mass(minimum_mass)
    if not top:
        return Rating("expected", None, None, MappingProxyType({}), 0, "no log-probabilities")
    by_step = probabilities_of(top, [str(step) for step in range(low, high + 1)])
    mass = math.fsum(by_step.values())
    if mass < minimum_mass or mass == 0:
        return Rating("expected", None, mass, MappingProxyType({}), 1, "low mass")
    shares = {int(step): share / mass for step, share in by_step.items()}
    return _rating("expected", mass, shares, 1)


def sampled_rating(
    replies: Sequence[Reply[int]],
    low: int,
    high: int,
    *,
    minimum_mass: float = MINIMUM_MASS,
    minimum_samples: int = MINIMUM_SAMPLES,
) -> Rating:
    """The mean of many replies of one judge to one prompt, for judges without log-probabilities.

    Missing replies are left out and show in `mass`, the share that is there; under `minimum_mass` the score is
    missing, with the commonest kind among them.

    Raises:
        JudgeError: fewer than `minimum_samples` replies, or a value that is not on the scale.
    """
    require_mass(minimum_mass)
    if len(replies) < minimum_samples:
        few = f"{len(replies)} replies are too few for a sampled rating"
        raise JudgeError(f"{few}; draw {minimum_samples} or more, or set minimum_samples")
    for reply in replies:
        if reply.value is not None and not low <= reply.value <= high:
            raise JudgeError(
                f"a reply is {reply.value}, outside of the scale from {low} to {high}; parse it with the same scale"
            )
    counts = Counter(reply.value for reply in replies if reply.value is not None)
    n = counts.total()
    mass = n / len(replies) if replies else 0.0
    if mass < minimum_mass or n == 0:
        kinds = Counter(reply.missing for reply in replies if reply.missing)
        kind = kinds.most_common(1)[0][0] if kinds else "empty"
        return Rating("sampled", None, mass, MappingProxyType({}), n, kind)
    return _rating("sampled", mass, {step: counts[step] / n for step in range(low, high + 1)}, n)


@dataclass(frozen=True)
class RunsRating:
    """The mean of one answer's ratings over runs: `spread` is their standard deviation (None for one), `n` how many
    runs have a score, `missing` the others by kind, `mass` the least among the runs."""

    mode: RatingMode
    score: float | None
    spread: float | None
    n: int
    mass: float | None
    missing: MissingCount


def mean_of_runs(runs: Sequence[Rating]) -> RunsRating:
    """The mean over runs that regenerated the answer (ValueLocate takes 10); a missing run is left out and counted.

    A judge at temperature 0 repeats itself, so runs over one and the same answer are one run.

    Raises:
        JudgeError: no runs, or runs of different modes.
    """
    mode = one_mode(runs)
    scores = [run.score for run in runs if run.score is not None]
    masses = [run.mass for run in runs if run.mass is not None]
    return RunsRating(
        mode=mode,
        score=fmean(scores) if scores else None,
        spread=stdev(scores) if len(scores) > 1 else None,
        n=len(scores),
        mass=min(masses, default=None),
        missing=MissingCount.of(run.missing for run in runs),
    )


def one_mode(ratings: Sequence[Rating]) -> RatingMode:
    """The mode of all ratings; a table holds ratings of one mode.

    Raises:
        JudgeError: no ratings, or ratings of different modes.
    """
    modes = {rating.mode for rating in ratings}
    if len(modes) != 1:
        problem = "there are none" if not modes else "expected and sampled ratings are mixed"
        raise JudgeError(
            f"ratings of one table must be of one mode, but {problem}; rate all of them in the same way"
        )
    return modes.pop()


def _rating(mode: RatingMode, mass: float, shares: dict[int, float], n: int) -> Rating:
    score = math.fsum(step * share for step, share in shares.items())
    return Rating(mode, score, mass, MappingProxyType(shares), n)


def require_mass(minimum_mass: float) -> None:
    """Raise JudgeError where the least mass is no probability."""
    if not 0 <= minimum_mass <= 1:
        raise JudgeError(
            f"minimum_mass is {minimum_mass}; give a probability between 0 and 1, such as {MINIMUM_MASS}"
        )
