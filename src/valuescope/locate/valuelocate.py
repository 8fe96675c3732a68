"""ValueLocate: neurons whose sign of activity tells texts for a value from texts against it (eqs. 3-5)."""

from __future__ import annotations

import torch
from torch import Tensor

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Located, largest
from valuescope.locate.parameters import require_shares
from valuescope.locate.shares import DECIMALS, active_by_value, discoveries, share_test
from valuescope.models import NeuronModel
from valuescope.ranges import Count, PartialShare, ShareAboveNone

# Shares are quotients of counts: 0.43 - 0.40 is 0.03 on paper and a hair less in float64.
_ROUNDING = 1e-9
NOT_SPARSE = 0.2
"""Share of all neurons above which a selection calls for a warning."""
ONE_DIRECTION = 0.9
"""Mean correlation between the values' delta above which they are called one direction."""
CHOICES = {
    "site": ("gate", "product"),
    "statistic": ("prompt", "token"),
    "contrast": ("opposite", "others"),
    "control": ("threshold", "false-discovery"),
}


def valuelocate(
    model: NeuronModel,
    evidence: Evidence,
    *,
    seed: int = 0,
    threshold: ShareAboveNone = 0.03,
    site: str = "gate",
    top: Count | None = None,
    statistic: str = "prompt",
    contrast: str = "opposite",
    control: str = "threshold",
    q: PartialShare = 0.05,
) -> Located:
    """Difference of activation shares between prompts for and against a value.

    M = sum of a neuron's activation over a prompt's counted tokens (eq. 3), p+ and p- the shares of
    positive and negative prompts with M > 0 (eq. 4), delta = p+ - p- (eq. 5). delta >= threshold: positive
    neuron (+1); delta <= -threshold: negative neuron (-1). Score: |delta|; signed: delta, a fraction.

    `site`: where activations are taken, "gate" or "product". `top`: keep only that many selected neurons of
    largest |delta| per value (ties: lower layer, then lower index). Beyond the paper:
    `statistic` "token": p+ and p- are shares of tokens with activation > 0. Which tokens count, of prompt,
    answer or both, is the scope of the counters (`collect`).
    `contrast` "others": p- is that of the other values' positive prompts, pooled; no negative ones are read.
    Descriptions for a value and against it share their wording across values, so that "opposite" may find
    one direction of approval for all values: a warning says so where the mean correlation between the
    values' delta exceeds 0.9.
    `control` "false-discovery": in place of the threshold, a two-sided two-proportion z test of p+ against
    p-, Benjamini-Hochberg at `q` over all neurons x values. Tokens within a text are not independent: with
    the statistic "token" the p-values are too small.
    A warning says where more than 20% of all neurons are selected for a value.
    """
    _check(
        threshold, q, top, {"site": site, "statistic": statistic, "contrast": contrast, "control": control}
    )
    counters = evidence.activations.counters
    unit = "text" if statistic == "prompt" else "token"
    plus = counters.rows(evidence.positive_labels())
    if contrast == "others":
        active, total = active_by_value("valuelocate with contrast 'others'", evidence, unit=unit, site=site)
        opposed, opposed_total = active.sum(dim=0) - active, total.sum() - total
        negative_prompts = counters.prompts[plus].sum() - counters.prompts[plus]
    else:
        against = evidence.negative_labels("valuelocate")
        active, total = counters.active(evidence.positive_labels(), unit=unit, site=site)
        opposed, opposed_total = counters.active(against, unit=unit, site=site)
        negative_prompts = counters.prompts[counters.rows(against)]
    delta, log_p = share_test(active, total, opposed, opposed_total, two_sided=True)
    size = delta.abs()
    if control == "threshold":
        selected, reason = size >= threshold - _ROUNDING, f"no |delta| reaches {threshold}"
    else:
        selected, reason = discoveries(log_p, q), f"no delta is a discovery at q {q}"
    passing = selected.sum(dim=(1, 2)).double() / model.neurons
    if top is not None:
        ranked = torch.where(selected, size.round(decimals=DECIMALS), -1.0).flatten(1)
        selected = selected & largest(ranked, top).view_as(selected)
    shares = selected.sum(dim=(1, 2)).double() / model.neurons
    correlation = mean_correlation(delta)
    fewest = int(torch.cat([total, opposed_total]).min())
    coarse = (
        f"the smallest label has {fewest} {statistic}s: each weighs more than the threshold of {threshold}"
    )
    return Located(
        site=site,
        signed=delta,
        selected=selected,
        diagnostics={
            "scope": counters.scope,
            "positive_prompts": counters.prompts[plus].tolist(),
            "negative_prompts": negative_prompts.tolist(),
            "passing_share": passing.tolist(),
            "selected_share": shares.tolist(),
            "mean_correlation": correlation,
            "positive_neurons": (selected & (delta > 0)).sum(dim=(1, 2)).tolist(),
            "negative_neurons": (selected & (delta < 0)).sum(dim=(1, 2)).tolist(),
        },
        empty=reason,
        warnings=[
            *([coarse] if control == "threshold" and fewest * threshold < 1 else []),
            *_not_sparse(evidence.values, shares, control),
            *_one_direction(correlation, contrast),
        ],
    )


def _check(threshold: float, q: float, top: int | None, chosen: dict[str, str]) -> None:
    if not 0 < threshold <= 1:
        raise LocateError(f"valuelocate: threshold is {threshold}; it is a share, above 0 and at most 1")
    require_shares("valuelocate", q=q)
    if top is not None and top < 1:
        raise LocateError(f"valuelocate: top is {top}; give at least 1, or None for no limit")
    for name, choice in chosen.items():
        if choice not in CHOICES[name]:
            known = " or ".join(map(repr, CHOICES[name]))
            raise LocateError(f"valuelocate: {name} is {choice!r}; it is {known}")


def mean_correlation(signed: Tensor) -> float | None:
    """Mean Pearson correlation over all pairs of values of their numbers per neuron, [V, layers, width].

    None for one value. A value whose numbers are all equal has no correlation; its pairs are left out, and
    where none is left the result is None.
    """
    rows = signed.double().flatten(1)
    rows = rows - rows.mean(dim=1, keepdim=True)
    length = rows.norm(dim=1)
    rows = rows[length > 0] / length[length > 0, None]
    if len(rows) < 2:
        return None
    return float((rows @ rows.T)[torch.triu(torch.ones(len(rows), len(rows)), 1) > 0].mean())


def _not_sparse(values: tuple[str, ...], shares: Tensor, control: str) -> list[str]:
    """One warning that names the values for which too many neurons are selected."""
    dense = [value for value, share in zip(values, shares.tolist(), strict=True) if share > NOT_SPARSE]
    if not dense:
        return []
    low, high = (f"{float(end):.0%}" for end in shares[shares > NOT_SPARSE].aminmax())
    names = "every value" if len(dense) == len(values) > 1 else ", ".join(dense)
    span = low if low == high else f"{low} to {high}"
    fix = "use top=... or control='false-discovery'" if control == "threshold" else "use top=..."
    return [f"{names}: selected {span} of all neurons: not sparse; {fix}"]


def _one_direction(correlation: float | None, contrast: str) -> list[str]:
    if correlation is None or correlation <= ONE_DIRECTION:
        return []
    fix = "; compare contrast='others'" if contrast == "opposite" else ""
    return [
        f"the values' delta correlate at {correlation:.3f} on average: one polarity direction for all values{fix}"
    ]
