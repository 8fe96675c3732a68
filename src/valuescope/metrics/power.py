"""The smallest effect that a sample of some size can tell from none."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

PAIRED_SHARE_SD = sqrt(0.5)
"""Standard deviation of the difference of two independent shares at p = 0.5, per item: sqrt(2 p (1 - p))."""


def minimum_detectable(sd: float, n: int, *, power: float = 0.8, confidence: float = 0.95) -> float:
    """The smallest mean difference that a two-sided z test on `n` clusters finds with probability `power`.

    (z[1 - a/2] + z[power]) sd / sqrt(n), a = 1 - confidence (Cohen 1988, section 2.4; Bloom 1995, eq. 1). `sd`: of the
    difference between clusters, in the effect's own unit.
    """
    normal = NormalDist()
    return (normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(power)) * sd / sqrt(n)
