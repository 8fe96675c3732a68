"""Rates and the effect of an edit on them, and support rates.

Control success rate (NeVA; ConVA before it): the share of answers judged to be biased towards the value,
where an answer that weighs both sides is a no. Fluency rate: the share of answers judged fluent.
Expression: the share of answers judged to express the value. All three are a `Bootstrap.rate`. A judgement that
failed is None: counted, never a no.

Support rates: the mean support of the value-aligned options, per value (ValueExploration, sections 2.4 and 3.1).
Supports are percentages, one per dilemma, from stated percentages or from log-probabilities; None is a reply that
could not be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import Bootstrap, Clusters, Values, as_outcomes, cluster_numbers
from valuescope.metrics.result import Estimate, Floats, MetricError, MetricResult

Judgements = Sequence[bool | None]


@dataclass(frozen=True)
class ControlEffect(MetricResult):
    """What an edit did to a rate, and to fluency, on the same questions.

    `effect` is edited - base over the answers judged in both runs; `base` and `edited` each go over all
    answers judged in their own, so their difference need not equal `effect` where judgements are missing.
    """

    base: Estimate
    edited: Estimate
    effect: Estimate
    base_fluency: Estimate
    fluency: Estimate


@dataclass(frozen=True)
class SupportRates(MetricResult):
    """Mean support per value in percent, over all dilemmas, and how far it hangs on the option's place.

    `position_gaps` are the mean supports with the aligned option first minus those with it second, in points: above 0
    where the first place is preferred. They are empty, and `position_gap` is None, where no gaps were given.
    """

    rates: Mapping[str, Estimate]
    overall: Estimate
    position_gaps: Mapping[str, Estimate]
    position_gap: Estimate | None


def control_effect(
    base: Judgements,
    edited: Judgements,
    *,
    base_fluent: Judgements,
    fluent: Judgements,
    clusters: Clusters = None,
    how: Bootstrap = Bootstrap(),
) -> ControlEffect:
    """The effect of an edit on a rate, paired by question, with fluency before and after.

    All sequences hold one judgement per answer in the same order. To set an edit against its random
    control, give the control's judgements to `Bootstrap.difference` as the base.

    Raises:
        MetricError: as `Bootstrap.rate`; also sequences of different length.
    """
    given = {"base": base, "edited": edited, "base_fluent": base_fluent, "fluent": fluent}
    lengths = {name: len(judgements) for name, judgements in given.items()}
    if len(set(lengths.values())) > 1:
        raise MetricError(
            f"control_effect: the lengths differ: {lengths}; give one judgement per answer, or None"
        )
    return ControlEffect(
        base=how.rate(base, clusters),
        edited=how.rate(edited, clusters),
        effect=how.difference(base, edited, clusters),
        base_fluency=how.rate(base_fluent, clusters),
        fluency=how.rate(fluent, clusters),
    )


def support_rates(
    support: Values,
    values: Sequence[str],
    *,
    gaps: Values | None = None,
    order: Sequence[str] | None = None,
    clusters: Clusters = None,
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
    numbers = cluster_numbers(clusters, len(values))

    def means(outcomes: Floats) -> tuple[dict[str, Estimate], Estimate]:
        by_value = {value: how.mean(outcomes[items], numbers[items]) for value, items in members.items()}
        return by_value, how.mean(outcomes, numbers)

    if gaps is None:
        return SupportRates(*means(percentages), {}, None)
    differences = as_outcomes(gaps)
    if len(differences) != len(values):
        raise MetricError(
            f"support_rates: {len(values)} items and {len(differences)} gaps; give one per item"
        )
    if np.any(np.abs(differences) > 100):
        raise MetricError("gaps: a difference of two percentages lies within -100..100; give points")
    return SupportRates(*means(percentages), *means(differences))


def as_percentages(support: Values, what: str) -> Floats:
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
) -> dict[str, NDArray[np.int64]]:
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
    return {value: np.array(chosen, dtype=np.int64) for value, chosen in members.items()}
