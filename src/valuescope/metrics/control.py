"""Rates from yes/no judgements, and the effect of an edit on them.

Control success rate (NeVA; ConVA before it): the share of answers judged to be biased towards the value,
where an answer that weighs both sides is a no. Fluency rate: the share of answers judged fluent.
Expression: the share of answers judged to express the value. All three are a `rate`. A judgement that
failed is None: counted, never a no.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from valuescope.metrics.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    Estimate,
    MetricError,
    bootstrap_mean,
    paired_difference,
)


@dataclass(frozen=True)
class ControlEffect:
    """What an edit did to a rate, and to fluency, on the same questions.

    `effect` is edited - base over the answers judged in both runs; `base` and `edited` each go over all
    answers judged in their own, so their difference need not equal `effect` where judgements are missing.
    """

    base: Estimate
    edited: Estimate
    effect: Estimate
    base_fluency: Estimate
    fluency: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The five estimates as plain JSON types."""
        return {
            "base": self.base.to_dict(),
            "edited": self.edited.to_dict(),
            "effect": self.effect.to_dict(),
            "base_fluency": self.base_fluency.to_dict(),
            "fluency": self.fluency.to_dict(),
        }


def rate(
    judgements: Sequence[bool | None],
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Estimate:
    """The share of yes among judgements that are not missing.

    Where every judgement is the same, the bootstrap has nothing to vary and would claim certainty. The
    interval is then Wilson's (1927) for as many trials as there are clusters, and `interval` says "wilson".

    Raises:
        MetricError: a judgement that is not a bool or None, lengths that differ, or impossible settings.
    """
    for position, judgement in enumerate(judgements):
        if judgement is not None and not isinstance(judgement, bool | np.bool_):
            raise MetricError(f"judgement number {position} is {judgement!r}; give True, False or None")
    estimate = bootstrap_mean(
        judgements, clusters=clusters, resamples=resamples, confidence=confidence, seed=seed
    )
    if estimate.ci is None or estimate.mean not in (0.0, 1.0):
        return estimate
    names = range(len(judgements)) if clusters is None else clusters
    trials = len({name for name, judgement in zip(names, judgements, strict=True) if judgement is not None})
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    reach = z * z / (trials + z * z)  # Wilson's interval at a share of 0 is (0, reach)
    low, high = (0.0, reach) if estimate.mean == 0 else (1 - reach, 1.0)
    return replace(estimate, low=low, high=high, interval="wilson")


def control_effect(
    base: Sequence[bool | None],
    edited: Sequence[bool | None],
    *,
    base_fluent: Sequence[bool | None],
    fluent: Sequence[bool | None],
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> ControlEffect:
    """The effect of an edit on a rate, paired by question, with fluency before and after.

    All sequences hold one judgement per answer in the same order. To set an edit against its random
    control, give the control's judgements to `paired_difference` as the base.

    Raises:
        MetricError: as `rate`; also sequences of different length.
    """
    lengths = {
        "base": len(base),
        "edited": len(edited),
        "base_fluent": len(base_fluent),
        "fluent": len(fluent),
    }
    if len(set(lengths.values())) > 1:
        raise MetricError(
            f"control_effect: the lengths differ: {lengths}; give one judgement per answer, or None"
        )

    def share(judgements: Sequence[bool | None]) -> Estimate:
        return rate(judgements, clusters=clusters, resamples=resamples, confidence=confidence, seed=seed)

    return ControlEffect(
        base=share(base),
        edited=share(edited),
        effect=paired_difference(
            base, edited, clusters=clusters, resamples=resamples, confidence=confidence, seed=seed
        ),
        base_fluency=share(base_fluent),
        fluency=share(fluent),
    )
