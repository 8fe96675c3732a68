"""The Inspect metric of every judge: mean, interval, and what is missing by kind.

A judge's score is `{"score": number or None}`. It is never NaN, which Inspect leaves out before any metric sees it, and
never a bare None or a word, which its reducers read as 0.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from inspect_ai.scorer import Metric, SampleScore, Value, metric

from valuescope.judge.missing import MissingCount

logger = logging.getLogger(__name__)
_last_warning: list[str | None] = [None]  # Inspect computes metrics again and again while an evaluation runs


@metric(scores="unreduced")
def judged(resamples: int = 2000, confidence: float = 0.95, seed: int = 0) -> Metric:
    """Mean with a bootstrap interval over samples, n, the missing share, and the count of each kind of missing.

    All epochs of a sample are one cluster. `over_limit` is 1 where a larger share is missing than the scorer's
    `missing_limit`; that is also logged as a warning.
    """

    def compute(scores: list[SampleScore]) -> Value:
        found = [value_of(one) for one in scores]
        clusters = [str(one.sample_id) for one in scores]
        return {
            **mean_and_interval(found, clusters, resamples=resamples, confidence=confidence, seed=seed),
            "n": sum(value is not None for value in found),
            **_missing(MissingCount.of([kind_of(one) for one in scores]), scores),
        }

    return compute


@metric(scores="unreduced")
def scales(resamples: int = 2000, confidence: float = 0.95, seed: int = 0) -> Metric:
    """For each scale of a questionnaire the mean over respondents with its interval; and the items without a rating."""

    def compute(scores: list[SampleScore]) -> Value:
        found, clusters = dict[str, float](), [str(one.sample_id) for one in scores]
        names = dict.fromkeys(
            name for one in scores if isinstance(one.score.value, dict) for name in one.score.value
        )
        for name in names:
            values = [value_of(one, name) for one in scores]
            how = mean_and_interval(values, clusters, resamples=resamples, confidence=confidence, seed=seed)
            found |= {name if part == "mean" else f"{name} {part}": value for part, value in how.items()}
        missing = MissingCount(0, {})
        for one in scores:
            facts = one.score.metadata or {}
            missing += MissingCount(int(facts.get("items", 0)), dict(facts.get("missing", {})))
        return {**found, "respondents": len(scores), **_missing(missing, scores)}

    return compute


def _missing(missing: MissingCount, scores: list[SampleScore]) -> dict[str, float]:
    """What is missing, as metrics; a share above the scorer's limit is logged."""
    limits = [(one.score.metadata or {}).get("missing_limit") for one in scores]
    limit = next((one for one in limits if one is not None), None)
    warning = None if limit is None else missing.warning(limit)
    if warning is not None and warning != _last_warning[0]:
        logger.warning(warning)
    _last_warning[0] = warning
    return {
        "missing": missing.missing,
        **({} if missing.share is None else {"missing_share": missing.share}),
        **{f"missing: {kind}": count for kind, count in missing.by_kind.items()},
        "over_limit": int(warning is not None),
    }


def value_of(score: SampleScore, name: str = "score") -> float | None:
    """The number of a judge's score, or None."""
    value = score.score.value
    found = value.get(name) if isinstance(value, dict) else None
    return None if found is None else float(found)


def kind_of(score: SampleScore) -> str:
    """The kind of missing of a judge's score, or ""."""
    return str((score.score.metadata or {}).get("missing") or "")


def mean_and_interval(
    values: Sequence[float | None],
    clusters: Sequence[str],
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, float]:
    """`mean`, and `low` and `high` of a percentile bootstrap over whole clusters; no key for what is undefined."""
    present = [(value, cluster) for value, cluster in zip(values, clusters, strict=True) if value is not None]
    if not present:
        return {}
    names = {name: place for place, name in enumerate(dict.fromkeys(cluster for _, cluster in present))}
    sums, counts = np.zeros(len(names)), np.zeros(len(names))
    for value, cluster in present:
        sums[names[cluster]] += value
        counts[names[cluster]] += 1
    mean = {"mean": float(sums.sum() / counts.sum())}
    if len(names) < 2:
        return mean
    generator, means = np.random.default_rng(seed), np.zeros(resamples)
    for place in range(resamples):
        drawn = generator.integers(0, len(names), size=len(names))
        means[place] = sums[drawn].sum() / counts[drawn].sum()
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return {**mean, "low": float(low), "high": float(high)}
