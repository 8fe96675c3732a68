"""How fast a loaded model does what a run does: timed on the run's own texts and questions, by the functions that run them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from valuescope.generate import Sampling
from valuescope.lab.ask import Ask


@dataclass(frozen=True)
class Range:
    """Seconds (or another amount) from `low` to `high`, and the likeliest."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, amount: float) -> Range:
        """An amount that is known."""
        return cls(amount, amount, amount)

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.middle + other.middle, self.high + other.high)

    def times(self, factor: float) -> Range:
        """Every end multiplied."""
        return Range(self.low * factor, self.middle * factor, self.high * factor)

    def widened(self, share: float) -> Range:
        """Lower by a share at the low end, higher by the share at the high one."""
        return Range(self.low * (1 - share), self.middle, self.high * (1 + share))


NOTHING = Range(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Curve:
    """Seconds of one call by its size: straight lines between the timed sizes, and on behind the last one."""

    points: tuple[tuple[float, float], ...]

    def at(self, size: float) -> float:
        """Seconds of a call of this size; noise of the timing never makes a larger call cheaper."""
        sizes, seconds = np.array(sorted(self.points)).T
        seconds = np.maximum.accumulate(seconds)
        if sizes[0] < size <= sizes[-1]:
            return float(np.interp(size, sizes, seconds))
        near = 0 if size <= sizes[0] else -1
        if len(sizes) == 1:
            return float(seconds[0] * size / sizes[0])
        ends = slice(0, 2) if near == 0 else slice(-2, None)
        (slope,) = np.diff(seconds[ends]) / np.diff(sizes[ends])
        straight = seconds[near] + slope * (size - sizes[near])
        # below the smallest at least in proportion: a negative fixed cost is noise
        return float(straight if near else max(straight, seconds[0] * size / sizes[0]))


@dataclass(frozen=True)
class AnswerLengths:
    """Decoding steps that some answers of the unedited model took, of at most `most`."""

    steps: tuple[int, ...]
    most: int

    def until_all_end(self, rows: int) -> Range:
        """Steps until the longest of `rows` answers ends, drawn from those seen.

        Low: as if the longest of those seen were not there; high: as if one more had gone on to the limit, which an edited
        model may do.
        """
        seen = sorted(self.steps)
        return Range(
            _expected_longest(seen[:-1] or seen, rows),
            _expected_longest(seen, rows),
            _expected_longest([*seen, self.most], rows),
        )


def _expected_longest(steps: Sequence[int], rows: int) -> float:
    """The mean of the longest of `rows` draws, with replacement, from steps in rising order."""
    below = (np.arange(len(steps) + 1) / len(steps)) ** rows
    return float(np.diff(below) @ np.asarray(steps, dtype=float))


@dataclass(frozen=True)
class Sampled:
    """The lengths of answers to some of an ask's items, which hold for every ask of these items under the same sampling."""

    sampling: Sampling
    keys: frozenset[str]
    lengths: AnswerLengths

    def holds_for(self, ask: Ask) -> bool:
        """Whether the ask puts any of the items, sampled alike."""
        return ask.sampling == self.sampling and any(item.key in self.keys for item in ask.items)


@dataclass(frozen=True)
class LocatingPace:
    """Seconds of a locator: of each of its batches, of `batch_size` texts (None: it has one), and of each text."""

    batch: float
    text: float
    batch_size: int | None = None

    def seconds(self, texts: int) -> float:
        """What so many texts take."""
        return self.text * texts + self.batch * -(-texts // (self.batch_size or max(1, texts)))


@dataclass(frozen=True)
class Pace:
    """Seconds of a run's pieces of work on one model and device.

    `read`, `score`, `prefill`: of one batch by its tokens, padding included, while counting texts, scoring texts, and
    reading prompts up to the first drawn token. `step`: of one decoding step by its rows. `learn`: of one text in one
    epoch. `locate`: of each location by its name; None where it was not waited for. `lengths`: of answers that were sampled. `spread`: of repeated timings, as a share.
    `margin_sd`: of the pairs that were scored.
    """

    read: Curve | None = None
    score: Curve | None = None
    prefill: Curve | None = None
    step: Curve | None = None
    learn: float = 0.0
    locate: Mapping[str, LocatingPace | None] = field(default_factory=dict)
    lengths: Sequence[Sampled] = ()
    spread: float = 0.0
    margin_sd: float | None = None
    seconds: float = 0.0  # that timing took

    def lengths_of(self, ask: Ask) -> AnswerLengths:
        """How long the answers to an ask are; at full length where none like them were sampled."""
        most = ask.sampling.max_new_tokens
        like = (sampled.lengths for sampled in self.lengths if sampled.holds_for(ask))
        return next(like, AnswerLengths((most,), most))
