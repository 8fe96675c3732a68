"""Rates from yes/no judgements and the effect of an edit on them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from valuescope.metrics import Bootstrap, MetricError, control_effect


def test_a_rate_is_a_mean_over_what_was_judged() -> None:
    judgements = [True, False, None, True, True]
    estimate = Bootstrap().rate(judgements)
    assert (estimate.mean, estimate.n, estimate.missing) == (0.75, 4, 1)
    assert estimate == Bootstrap().mean(judgements)
    assert Bootstrap().rate([np.bool_(True), np.bool_(False)]).mean == 0.5


def test_a_rate_of_one_or_zero_is_not_certain() -> None:
    # Wilson at share 0: upper limit z^2 / (n + z^2) with z = 1.959964.
    none = Bootstrap().rate([False] * 20)
    assert (none.mean, none.low, none.interval) == (0.0, 0.0, "wilson")
    assert none.high == pytest.approx(3.841459 / 23.841459, abs=1e-6)
    every = Bootstrap().rate([True] * 20 + [None])
    assert (every.high, every.n, every.missing) == (1.0, 20, 1)
    assert every.low == pytest.approx(20 / 23.841459, abs=1e-6)


def test_wilson_counts_questions_not_answers() -> None:
    clustered = Bootstrap().rate([True] * 20, clusters=[question // 5 for question in range(20)])
    assert clustered.low == pytest.approx(Bootstrap().rate([True] * 4).low)
    assert Bootstrap().rate([True] * 3, clusters=["q"] * 3).ci is None
    assert Bootstrap().rate([True]).ci is None
    assert Bootstrap().rate([]).mean is None


def test_control_effect_by_hand() -> None:
    result = control_effect(
        [False, False, True, None],
        [True, False, True, True],
        base_fluent=[True, True, True, True],
        fluent=[True, False, True, None],
    )
    assert result.base.mean == pytest.approx(1 / 3)
    assert result.edited.mean == 0.75
    assert result.effect.mean == pytest.approx(1 / 3)
    assert (result.effect.n, result.effect.missing) == (3, 1)
    assert (result.base_fluency.mean, result.base_fluency.interval) == (1.0, "wilson")
    assert result.fluency.mean == pytest.approx(2 / 3)
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert set(plain) == {"base", "edited", "effect", "base_fluency", "fluency"}


def test_control_effect_resamples_questions() -> None:
    base, edited = [False] * 12, [True, True, False, False] * 3
    fluent = [True] * 12
    together = control_effect(
        base, edited, base_fluent=fluent, fluent=fluent, clusters=[0, 1, 2, 3] * 3, how=Bootstrap(seed=1)
    )
    alone = control_effect(
        base[:4], edited[:4], base_fluent=fluent[:4], fluent=fluent[:4], how=Bootstrap(seed=1)
    )
    assert together.effect.ci == alone.effect.ci
    assert together.effect.n == 12


def test_errors_say_what_to_do() -> None:
    with pytest.raises(MetricError, match=r"judgement number 1 is 0\.5; give True, False or None"):
        Bootstrap().rate([True, 0.5])
    with pytest.raises(MetricError, match="judgement number 0 is 'yes'"):
        Bootstrap().rate(["yes"])
    with pytest.raises(MetricError, match=r"the lengths differ: .*'fluent': 1"):
        control_effect([True, False], [True, True], base_fluent=[True, True], fluent=[True])
