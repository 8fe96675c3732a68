"""ValueLocate: neurons whose sign of activity tells texts for a value from texts against it (eqs. 3-5)."""

from __future__ import annotations

import torch

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Location, empty_warnings
from valuescope.models import NeuronModel

# Shares are quotients of counts: 0.43 - 0.40 is 0.03 on paper and a hair less in float64.
_ROUNDING = 1e-9


def valuelocate(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    threshold: float = 0.03,
    site: str = "gate",
    top: int | None = None,
) -> Location:
    """Difference of activation shares between prompts for and against a value.

    M = sum of a neuron's activation over a prompt's counted tokens (eq. 3), p+ and p- the shares of
    positive and negative prompts with M > 0 (eq. 4), delta = p+ - p- (eq. 5). delta >= threshold: positive
    neuron (+1); delta <= -threshold: negative neuron (-1). Score: |delta|; signed: delta, a fraction.

    `site`: where M is taken, "gate" or "product". `top`: keep only that many selected neurons of largest
    |delta| per value (ties: lower layer, then lower index).
    """
    if not 0 < threshold <= 1:
        raise LocateError(f"valuelocate: threshold is {threshold}; it is a share, above 0 and at most 1")
    if site not in ("gate", "product"):
        raise LocateError(f"valuelocate: site is {site!r}; it is 'gate' or 'product'")
    if top is not None and top < 1:
        raise LocateError(f"valuelocate: top is {top}; give at least 1, or None for no limit")
    counters = evidence.activations.counters
    positive = counters.gate_positive if site == "gate" else counters.product_positive
    plus, minus = (
        counters.rows(evidence.positive_labels()),
        counters.rows(evidence.negative_labels("valuelocate")),
    )

    def shares(rows: torch.Tensor) -> torch.Tensor:
        return positive[rows].double() / counters.prompts[rows].double()[:, None, None]

    delta = shares(plus) - shares(minus)
    size = delta.abs()
    selected = size >= threshold - _ROUNDING
    passing = selected.sum(dim=(1, 2))
    if top is not None:
        ranked = torch.where(selected, size, 0.0).flatten(1).argsort(dim=1, descending=True, stable=True)
        first = torch.zeros_like(selected.flatten(1)).scatter_(1, ranked[:, :top], True)
        selected = selected & first.view_as(selected)
    fewest = int(counters.prompts[torch.cat([plus, minus])].min())
    coarse = f"the smallest label has {fewest} prompts: each weighs more than the threshold of {threshold}"
    return Location(
        method="valuelocate",
        site=site,
        values=evidence.values,
        scores=size,
        signed=delta,
        signs=torch.where(delta < 0, -1, 1),
        selected=selected,
        parameters={"threshold": threshold, "site": site, "top": top},
        model=model.identity,
        data_hash=evidence.data_hash,
        seed=seed,
        diagnostics={
            "positive_prompts": counters.prompts[plus].tolist(),
            "negative_prompts": counters.prompts[minus].tolist(),
            "passing_share": (passing / model.neurons).tolist(),
            "positive_neurons": (selected & (delta > 0)).sum(dim=(1, 2)).tolist(),
            "negative_neurons": (selected & (delta < 0)).sum(dim=(1, 2)).tolist(),
        },
        warnings=(
            *empty_warnings(evidence.values, selected, f"no |delta| reaches {threshold}"),
            *([coarse] if fewest * threshold < 1 else []),
        ),
    )
