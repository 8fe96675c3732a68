"""How often a judge is right, and what it goes by that is no merit: the place of an option, the length of an answer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import (
    Bootstrap,
    Clusters,
    Values,
    as_outcomes,
    cluster_numbers,
    cluster_sums,
    clusters_present,
)
from valuescope.metrics.result import Estimate, Floats, MetricError, MetricResult


@dataclass(frozen=True)
class Accuracy(MetricResult):
    """How often a judge is right where the truth is known: over all, and for the items of each true label (a judge
    that always says the commonest label is often right over all)."""

    overall: Estimate
    by_truth: Mapping[Any, Estimate]


@dataclass(frozen=True)
class JudgeBias:
    """A judge's bias; 0 is none. `reason` says why it cannot be estimated, "" where it can."""

    bias: Estimate
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return {**self.bias.to_dict(), "reason": self.reason}


def accuracy(
    judged: Sequence[Any], truth: Sequence[Any], *, clusters: Clusters = None, how: Bootstrap = Bootstrap()
) -> Accuracy:
    """How often `judged` is `truth`, None where either is missing; intervals as `Bootstrap.rate`.

    Raises:
        MetricError: lengths that differ.
    """
    if len(judged) != len(truth):
        raise MetricError(
            f"accuracy: {len(judged)} judgements and {len(truth)} truths; give one of each per item"
        )
    right = [
        None if label is None or known is None else bool(label == known)
        for label, known in zip(judged, truth, strict=True)
    ]
    numbers = cluster_numbers(clusters, len(right))

    def share(chosen: Sequence[int]) -> Estimate:
        return how.rate([right[item] for item in chosen], numbers[list(chosen)])

    members: dict[Any, list[int]] = {}
    for item, known in enumerate(truth):
        if known is not None:
            members.setdefault(known, []).append(item)
    return Accuracy(share(range(len(right))), {label: share(chosen) for label, chosen in members.items()})


def position_bias(
    one_order: Values, other_order: Values, *, clusters: Clusters = None, how: Bootstrap = Bootstrap()
) -> JudgeBias:
    """How much more than half goes to the option that is shown first, -0.5..0.5.

    Each item is judged twice, its options once in either order; both sequences hold what went to the FIRST option shown:
    True or False for a choice, or a share 0..1. A judge that goes by merit alone gives the same option both times, and the
    item then counts 0. Items without both are left out and counted.

    Where every item comes to the same, the bootstrap has nothing to vary. The interval is then Wilson's for as many
    trials as there are clusters, and `interval` says "wilson".

    Raises:
        MetricError: lengths that differ, or a share outside of 0..1.
    """
    first, second = as_outcomes(one_order), as_outcomes(other_order)
    if len(first) != len(second):
        raise MetricError(
            f"position_bias: {len(first)} outcomes of one order and {len(second)} of the other; give both orders of the "
            "same items, with None where a judgement is missing"
        )
    both = np.concatenate([first, second])
    if np.any((both < 0) | (both > 1)):
        raise MetricError(
            "position_bias: an outcome lies outside of 0..1; give the first option's share, not percent"
        )
    scores = (first + second) / 2 - 0.5
    bias = how.mean(scores, clusters)
    if bias.mean is None:
        return JudgeBias(bias, "no item was judged in both orders")
    if bias.ci is None or np.ptp(scores[~np.isnan(scores)]) > 0:
        return JudgeBias(bias)
    # Half an item's range, for the share of items that Wilson leaves open.
    reach = 0.5 * how.wilson_reach(clusters_present(scores, clusters))
    low, high = max(-0.5, bias.mean - reach), min(0.5, bias.mean + reach)
    return JudgeBias(replace(bias, low=low, high=high, interval="wilson"))


def length_bias(
    verdicts: Values,
    lengths: Sequence[int | None],
    *,
    truth: Sequence[Hashable | None] | None = None,
    clusters: Clusters = None,
    how: Bootstrap = Bootstrap(),
) -> JudgeBias:
    """How much a judge's verdict rises when an answer is twice as long: the slope on log2(length), by least squares.

    `verdicts` are True/False or ratings, `lengths` are counts of one unit (tokens, characters). With `truth` the slope is
    the one among answers of equal truth (one intercept per true label): longer answers may well be better, and only what
    the truth does not explain is bias. An item without a verdict, a truth or a length above 0 is left out and counted.

    The slope is missing, with the reason, where all lengths or all verdicts are the same (at equal truth): such answers
    cannot tell.

    Raises:
        MetricError: lengths that differ, or a negative length.
    """
    for name, sequence in (("lengths", lengths), ("truth", truth)):
        if sequence is not None and len(sequence) != len(verdicts):
            raise MetricError(
                f"length_bias: {len(verdicts)} verdicts and {len(sequence)} {name}; give one per item"
            )
    outcomes, sizes = as_outcomes(verdicts), as_outcomes(lengths)
    if np.any(sizes < 0):
        raise MetricError("length_bias: a length is below 0; give counts")
    labels = [0] * len(outcomes) if truth is None else truth
    known = np.array([label is not None for label in labels], dtype=bool)
    used = ~np.isnan(outcomes) & (sizes > 0) & known
    n, missing = int(used.sum()), int((~used).sum())
    y, x, group = outcomes[used], np.log2(sizes[used]), cluster_numbers(labels, len(outcomes))[used]
    reason = _cannot_tell(x, y, group)
    if reason:
        return JudgeBias(Estimate(None, None, None, n, missing), reason)
    x, y = x - x.mean(), y - y.mean()  # keeps the sums below well conditioned
    one_hot = np.equal.outer(group, np.unique(group)).astype(np.float64)
    moments = np.stack([np.ones_like(x), x, y, x * y, x * x], axis=1)
    columns = (one_hot[:, :, None] * moments[:, None, :]).reshape(n, -1)
    _, numbers = np.unique(cluster_numbers(clusters, len(outcomes))[used], return_inverse=True)
    sums, _ = cluster_sums(columns, np.ones_like(columns, dtype=bool), numbers)
    draws = how.draws(len(sums), lambda block: _slopes(np.einsum("rc,ck->rk", block, sums)))
    return JudgeBias(how.estimate(_slopes(sums.sum(axis=0)[None])[0], draws, n, missing))


def _cannot_tell(x: Floats, y: Floats, group: NDArray[np.int64]) -> str:
    """Why the slope is undefined, or ""."""
    if len(x) == 0:
        return "no item has a verdict and a length"
    same = [group == label for label in np.unique(group)]
    among = " at equal truth" if len(same) > 1 else ""
    if all(np.ptp(x[members]) == 0 for members in same):
        return f"all answers are of the same length{among}"
    if all(np.ptp(y[members]) == 0 for members in same):
        return f"all verdicts are the same{among}"
    return ""


def _slopes(sums: Floats) -> Floats:
    """Slopes within groups from sums [resamples, groups * 5] of 1, x, y, xy and xx; NaN where x does not vary."""
    count, x, y, xy, xx = np.moveaxis(sums.reshape(len(sums), -1, 5), 2, 0)
    safe = np.maximum(count, 1)
    shared = (xy - x * y / safe).sum(axis=1)
    spread = (xx - x * x / safe).sum(axis=1)
    slopes = np.full(len(sums), np.nan)
    np.divide(shared, spread, out=slopes, where=spread > 1e-9)
    return slopes
