"""Leakage against the distance of two values on the theory's circle: neighbours should move together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from valuescope.metrics.bootstrap import Estimate, Floats
from valuescope.metrics.delta import DeltaMatrix
from valuescope.metrics.leakage import mean_present, over_entries, positive_part


@dataclass(frozen=True)
class CircleLeakage:
    """Mean change and mean Leak of all pairs of values (steered, evaluated) at each distance.

    In these estimates `n` counts pairs. `delta` is the signed change, with percentile intervals; `leak` the
    increases only, with basic intervals (see `leakage`). `correlation` is Pearson's between distance and
    signed change over all pairs: negative where neighbours move together. It is undefined where the changes
    do not vary.
    """

    distances: tuple[int, ...]
    delta: tuple[Estimate, ...]
    leak: tuple[Estimate, ...]
    correlation: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON types."""
        return {
            "distances": list(self.distances),
            "delta": [estimate.to_dict() for estimate in self.delta],
            "leak": [estimate.to_dict() for estimate in self.leak],
            "correlation": self.correlation.to_dict(),
        }


def circle_leakage(delta: DeltaMatrix, distance: Callable[[str, str], int]) -> CircleLeakage:
    """Leakage by distance; `distance` is `system.distance` of a value system with a circle.

    Raises:
        ValueSystemError: from `system.distance`, where a value is not on the circle.
    """
    apart = np.array([[distance(a, b) if a != b else 0 for b in delta.values] for a in delta.values])
    leak, leak_draws = positive_part(delta.mean), positive_part(delta.draws)
    distances = tuple(int(steps) for steps in np.unique(apart[apart > 0]))

    def mean(apart_by: int, matrix: Floats, resampled: Floats, *, basic: bool) -> Estimate:
        cells = apart == apart_by
        return over_entries(
            mean_present,
            matrix[cells],
            resampled[:, cells],
            pairs=int(cells.sum()),
            how=delta.how,
            basic=basic,
        )

    pairs = (apart > 0) & ~np.isnan(delta.mean)
    return CircleLeakage(
        distances=distances,
        delta=tuple(mean(steps, delta.mean, delta.draws, basic=False) for steps in distances),
        leak=tuple(mean(steps, leak, leak_draws, basic=True) for steps in distances),
        correlation=delta.how.estimate(
            _correlation(apart[pairs], delta.mean[pairs]),
            _correlation(apart[pairs], delta.draws[:, pairs]),
            n=int(pairs.sum()),
            missing=int((apart > 0).sum() - pairs.sum()),
        ),
    )


def _correlation(apart: NDArray[np.int64], change: Floats) -> Floats:
    """Pearson's correlation of distances [n] with each row [..., n]; NaN where either does not vary."""
    x = apart - mean_present(apart.astype(np.float64))
    y = change - mean_present(change)[..., None]
    scale = np.sqrt((x**2).sum() * (y**2).sum(axis=-1))
    correlation = np.full(scale.shape, np.nan)
    np.divide((x * y).sum(axis=-1), scale, out=correlation, where=scale > 1e-12)
    return correlation
