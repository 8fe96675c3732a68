"""What one measure can see on a model, and what may be concluded from that."""

from __future__ import annotations

from typing import Literal

from valuescope.lab.result import Result
from valuescope.lab.strict import Found, FoundRoot, Measured
from valuescope.metrics import Estimate
from valuescope.report.numbers import SHARES, Numbers

Measure = Literal["answers", "described", "preference", "letters", "yes-no"]
INSTRUMENT = "instrument"
"""The place of what the measures can see on the model, and the key that asks for it."""
MEASURE_OF: dict[str, Measure] = {"dilemma": "answers", "described": "described", "pairs": "preference"}
"""What a method is asked -> the measure of its effect."""
LIKELIHOOD: Measure = "preference"
"""The measure of a method that is read off likelihoods and not off behaviour."""
NAMES: dict[str, str] = {
    "answers": "answers to open questions",
    "described": "answers after a description",
    "preference": "preference between the texts of a pair",
    "letters": "choice between two letters",
    "yes-no": "probability of Yes and No",
    "percentages": "stated percentages",
    "log-probabilities": "choice between two letters",
}


class SightFound(Found):
    """What one measure sees: the unedited model, the same told to hold and told to reject each value, and the paired differences.

    `behaviour`: read off what the model does, not off what it finds likely. `position_gap`, where two options are put in both
    orders: how much more the value's option gets as the first than as the second. `missing`: items without a reading, over the
    three arms. `by_value` is for minus against.
    """

    behaviour: bool
    unit: str
    items: int
    missing: int
    base: Measured
    told_for: Measured
    told_against: Measured
    for_minus_against: Measured
    for_minus_base: Measured
    against_minus_base: Measured
    position_gap: Measured | None = None
    by_value: dict[str, Measured] = {}

    @property
    def numbers(self) -> Numbers:
        """Decimals that suit its unit."""
        return Numbers(1) if self.unit == "points" else SHARES


class InstrumentFound(FoundRoot[dict[str, SightFound]]):
    """By measure: behaviour first."""


def sees(difference: Estimate | None) -> bool | None:
    """Whether a measure tells the positive instruction from the negative one: the whole interval lies above 0."""
    if difference is None or difference.low is None:
        return None
    return difference.low > 0


def sights_of(result: Result) -> dict[str, SightFound]:
    """What each measure sees in a run; empty where that was not asked for."""
    found = result.found.get(INSTRUMENT)
    return found.root if isinstance(found, InstrumentFound) else {}


def recommended(sights: dict[str, SightFound]) -> str | None:
    """The measure to use on this model: of those that see anything behaviour before likelihood, then the one whose difference
    is the most half-widths of its interval; None where none sees anything."""

    def clearness(name: str) -> tuple[bool, float]:
        seen = sights[name].for_minus_against
        mean, low = seen.mean or 0.0, seen.low or 0.0
        return sights[name].behaviour, mean / (mean - low) if mean > low else float("inf")

    seeing = [name for name, sight in sights.items() if sees(sight.for_minus_against)]
    return max(seeing, key=clearness, default=None)


def sight_words(sights: dict[str, SightFound]) -> str:
    """What the measures can see, in sentences."""
    told = "; ".join(
        f"{NAMES.get(name, name)}: {sight.numbers.full(sight.for_minus_against)} {sight.unit} between told for and told against"
        f"{'' if sees(sight.for_minus_against) else ', so it cannot tell'}"
        for name, sight in sights.items()
    )
    best = recommended(sights)
    if best is None:
        return f"No measure can tell a positive instruction from a negative one on this model, so none can judge a method here ({told})."
    nature = "" if sights[best].behaviour else " (a likelihood: it says nothing about what the model does)"
    return f"Use {NAMES.get(best, best)}{nature}. In detail, {told}."
