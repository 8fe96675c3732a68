"""The Inspect metric of every judge: mean, interval, and what is missing by kind.

A judge's score is `{"score": number or None}`. It is never NaN, which Inspect leaves out before any metric sees it, and
never a bare None or a word, which its reducers read as 0.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from inspect_ai.scorer import Metric, SampleScore, Value, metric

from valuescope.judge.missing import MissingCount
from valuescope.metrics import Bootstrap

logger = logging.getLogger(__name__)
_last_warning: list[str | None] = [None]  # Inspect computes metrics again and again while an evaluation runs


@metric(scores="unreduced")
def judged(resamples: int = 2000, confidence: float = 0.95, seed: int = 0) -> Metric:
    """Mean with a bootstrap interval over samples, n, the missing share, and the count of each kind of missing.

    All epochs of a sample are one cluster. `over_limit` is 1 where a larger share is missing than the scorer's
    `missing_limit`; that is also logged as a warning.
    """

    how = Bootstrap(resamples, confidence, seed)

    def compute(scores: list[SampleScore]) -> Value:
        values = [_value_of(score) for score in scores]
        kinds = [str((score.score.metadata or {}).get("missing") or "") for score in scores]
        return {
            **_mean_and_interval(values, scores, how),
            "n": sum(value is not None for value in values),
            **_missing(MissingCount.of(kinds), scores),
        }

    return compute


@metric(scores="unreduced")
def scales(resamples: int = 2000, confidence: float = 0.95, seed: int = 0) -> Metric:
    """For each scale of a questionnaire the mean over respondents with its interval; and the items without a rating."""

    how = Bootstrap(resamples, confidence, seed)

    def compute(scores: list[SampleScore]) -> Value:
        means = dict[str, float]()
        values = [score.score.value for score in scores]
        for name in dict.fromkeys(name for value in values if isinstance(value, dict) for name in value):
            parts = _mean_and_interval([_value_of(score, name) for score in scores], scores, how)
            means |= {name if part == "mean" else f"{name} {part}": number for part, number in parts.items()}
        missing = MissingCount(0, {})
        for facts in (score.score.metadata or {} for score in scores):
            missing += MissingCount(int(facts.get("items", 0)), dict(facts.get("missing", {})))
        return {**means, "respondents": len(scores), **_missing(missing, scores)}

    return compute


def _missing(missing: MissingCount, scores: list[SampleScore]) -> dict[str, float]:
    """What is missing, as metrics; a share above the scorer's limit is logged."""
    limits = [(score.score.metadata or {}).get("missing_limit") for score in scores]
    limit = next((limit for limit in limits if limit is not None), None)
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


def _value_of(score: SampleScore, name: str = "score") -> float | None:
    """The number of a judge's score, or None."""
    values = score.score.value
    value = values.get(name) if isinstance(values, dict) else None
    return None if value is None else float(value)


def _mean_and_interval(
    values: Sequence[float | None], scores: Sequence[SampleScore], how: Bootstrap
) -> dict[str, float]:
    """`mean`, `low` and `high`, all epochs of a sample being one cluster; no key for what is undefined."""
    pairs = zip(values, scores, strict=True)
    present = [(value, str(score.sample_id)) for value, score in pairs if value is not None]
    estimate = how.mean([value for value, _ in present], [name for _, name in present])
    parts = {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}
    return {name: number for name, number in parts.items() if number is not None}
