"""Support rates: the mean support of the value-aligned options, per value (ValueExploration, sections 2.4 and 3.1).

Supports are percentages, one per dilemma, from stated percentages or from log-probabilities; None is a reply that
could not be read.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from valuescope.metrics.bootstrap import (
    Bootstrap,
    Estimate,
    Floats,
    MetricError,
    as_outcomes,
)


@dataclass(frozen=True)
class SupportRates:
    """Mean support per value in percent, over all dilemmas, and how far it hangs on the option's place.

    `position_gaps` are the mean supports with the aligned option first minus those with it second, in points: above 0
    where the first place is preferred. They are empty, and `position_gap` is None, where no gaps were given.
    """

    rates: Mapping[str, Estimate]
    overall: Estimate
    position_gaps: Mapping[str, Estimate]
    position_gap: Estimate | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return {
            "rates": {value: rate.to_dict() for value, rate in self.rates.items()},
            "overall": self.overall.to_dict(),
            "position_gaps": {value: gap.to_dict() for value, gap in self.position_gaps.items()},
            "position_gap": None if self.position_gap is None else self.position_gap.to_dict(),
        }


def support_rates(
    support: Sequence[float | None],
    values: Sequence[str],
    *,
    gaps: Sequence[float | None] | None = None,
    order: Sequence[str] | None = None,
    clusters: Sequence[Hashable] | None = None,
    how: Bootstrap = Bootstrap(),
) -> SupportRates:
    """The mean support of each value, with intervals over dilemmas.

    `values` labels each item with its value and `clusters` with its dilemma story, where a story gives several items (two
    languages, several samples). `gaps` are the differences of the two option orders. `order` names the values; one
    without items stays, with n = 0. Without it the values are those that occur, in order of appearance. `overall` and
    `position_gap` give every item the same weight.

    Raises:
        MetricError: lengths that differ, a support outside of 0..100, a gap outside of -100..100, a label not in `order`.
    """
    members = items_of(values, len(support), order, "support_rates")
    percentages = as_percentages(support, "support")
    names = list(range(len(values))) if clusters is None else list(clusters)
    if len(names) != len(values):
        raise MetricError(
            f"clusters names {len(names)} items, but there are {len(values)}; name one per item"
        )
    differences = None
    if gaps is not None:
        differences = as_outcomes(gaps)
        if len(differences) != len(values):
            raise MetricError(
                f"support_rates: {len(values)} items and {len(differences)} gaps; give one per item"
            )
        if np.any(np.abs(differences) > 100):
            raise MetricError("gaps: a difference of two percentages lies within -100..100; give points")

    def mean(outcomes: Floats, chosen: Sequence[int]) -> Estimate:
        return how.mean([outcomes[item] for item in chosen], [names[item] for item in chosen])

    everything = range(len(values))
    return SupportRates(
        rates={value: mean(percentages, chosen) for value, chosen in members.items()},
        overall=mean(percentages, everything),
        position_gaps={}
        if differences is None
        else {value: mean(differences, chosen) for value, chosen in members.items()},
        position_gap=None if differences is None else mean(differences, everything),
    )


def as_percentages(support: Sequence[float | None], what: str) -> Floats:
    """Supports as float64 [n] with NaN for missing; `what` names them in the error.

    Raises:
        MetricError: a support outside of 0..100.
    """
    percentages = as_outcomes(support)
    outside = (percentages < -1e-9) | (percentages > 100 + 1e-9)
    if outside.any():
        item = int(outside.argmax())
        raise MetricError(
            f"{what}: item {item} is {percentages[item]:g}; supports are percentages, 0 to 100, or None for missing"
        )
    return percentages


def items_of(
    values: Sequence[str], items: int, order: Sequence[str] | None, what: str
) -> dict[str, list[int]]:
    """The places of each value's items, for every value of `order` (by default those that occur).

    Raises:
        MetricError: not one label per item, or a label that is not in `order`.
    """
    if len(values) != items:
        raise MetricError(f"{what}: {items} items and {len(values)} labels; label every item with its value")
    members: dict[str, list[int]] = {value: [] for value in (order if order is not None else values)}
    for item, value in enumerate(values):
        if value not in members:
            raise MetricError(f"{what}: item {item} is of value {value!r}, which order={list(members)} lacks")
        members[value].append(item)
    return members
