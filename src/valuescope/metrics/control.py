"""Rates from yes/no judgements, and the effect of an edit on them.

Control success rate (NeVA; ConVA before it): the share of answers judged to be biased towards the value,
where an answer that weighs both sides is a no. Fluency rate: the share of answers judged fluent.
Expression: the share of answers judged to express the value. All three are a `Bootstrap.rate`. A judgement that
failed is None: counted, never a no.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from valuescope.metrics.bootstrap import (
    Bootstrap,
    Estimate,
    MetricError,
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


def control_effect(
    base: Sequence[bool | None],
    edited: Sequence[bool | None],
    *,
    base_fluent: Sequence[bool | None],
    fluent: Sequence[bool | None],
    clusters: Sequence[Hashable] | None = None,
    how: Bootstrap = Bootstrap(),
) -> ControlEffect:
    """The effect of an edit on a rate, paired by question, with fluency before and after.

    All sequences hold one judgement per answer in the same order. To set an edit against its random
    control, give the control's judgements to `Bootstrap.difference` as the base.

    Raises:
        MetricError: as `Bootstrap.rate`; also sequences of different length.
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

    return ControlEffect(
        base=how.rate(base, clusters),
        edited=how.rate(edited, clusters),
        effect=how.difference(base, edited, clusters),
        base_fluency=how.rate(base_fluent, clusters),
        fluency=how.rate(fluent, clusters),
    )
