"""The paired t-test that NeVA reports of its gains, beside the intervals of this package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import ttest_1samp

from valuescope.metrics.bootstrap import Clusters, Values, as_outcomes, cluster_numbers, cluster_sums
from valuescope.metrics.result import MetricError, MetricResult


@dataclass(frozen=True)
class TTest(MetricResult):
    """A two-sided paired t-test of a mean difference against 0.

    `n` clusters entered it, each with the mean of its items. `t` and `p` are None where there are fewer than two, or where
    all of them differ by the same: there is then no spread to test against.
    """

    mean: float | None
    t: float | None
    p: float | None
    n: int

    @property
    def df(self) -> int:
        """Degrees of freedom."""
        return max(0, self.n - 1)


def paired_t_test(base: Values, edited: Values, clusters: Clusters = None) -> TTest:
    """The test of `edited - base` over items at the same place in both (Student 1908; NeVA, appendix D.2).

    `clusters` names what counts as one observation: a question with all its answers, or a value with all its questions;
    its items are averaged first. A pair with a missing side is left out.

    Raises:
        MetricError: sequences of different length, or infinite values.
    """
    before, after = as_outcomes(base), as_outcomes(edited)
    if len(before) != len(after):
        raise MetricError(
            f"paired t-test: base has {len(before)} items and edited {len(after)}; give both in the same order"
        )
    changes = after - before
    present = ~np.isnan(changes)
    sums, counts = cluster_sums(changes[:, None], present[:, None], cluster_numbers(clusters, len(changes)))
    occupied = counts[:, 0] > 0
    means = sums[occupied, 0] / counts[occupied, 0]
    count, mean = len(means), float(means.mean()) if len(means) else None
    if count < 2 or bool(np.allclose(means, means[0], rtol=0, atol=1e-12)):
        return TTest(mean, None, None, count)
    tested = ttest_1samp(means, 0.0)
    return TTest(mean, float(tested.statistic), float(tested.pvalue), count)
