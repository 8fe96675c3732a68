"""How far two selections of neurons, and two measurements of one number for each neuron, agree; and what more data would do.

Spearman-Brown (Spearman 1910, Brown 1910): where two halves of the data give numbers that correlate at r, two sets k times
as large as a half would give k r / (1 + (k - 1) r). It takes the items for exchangeable and their errors for independent,
so that the number of items for a wanted correlation is an extrapolation.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from valuescope.metrics.result import MetricError


def jaccard(first: ArrayLike, second: ArrayLike) -> float | None:
    """The neurons that both selections have, as a share of those that either has; None where both are empty."""
    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if one.shape != other.shape:
        raise MetricError(f"selections have the shapes {one.shape} and {other.shape}; they must be equal")
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else None


def chance_jaccard(first: int, second: int, neurons: int) -> float | None:
    """The Jaccard index of the mean overlap of two sets drawn uniformly from all neurons; None where both are empty."""
    if not 0 <= max(first, second) <= neurons:
        raise MetricError(f"sets of {first} and {second} of {neurons} neurons: give sizes up to that number")
    shared = first * second / max(neurons, 1)
    return shared / (first + second - shared) if first or second else None


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float | None:
    """Spearman's rho of two numbers for each neuron, ties at their mean rank; None where one side is all equal."""
    sides = [np.asarray(side, dtype=np.float64).ravel() for side in (first, second)]
    if sides[0].shape != sides[1].shape:
        raise MetricError(
            f"{sides[0].size} and {sides[1].size} numbers; give one for each neuron on both sides"
        )
    ranks = [rankdata(side) - (side.size + 1) / 2 for side in sides]
    lengths = [math.sqrt(float(side @ side)) for side in ranks]
    return float(ranks[0] @ ranks[1]) / (lengths[0] * lengths[1]) if all(lengths) else None


def items_needed(correlation: float | None, items: int, wanted: float) -> int | None:
    """How many items each of two sets would need so that their numbers correlate at `wanted`, by Spearman-Brown.

    `correlation` is that of two sets of `items` each. None where it is not above 0: more of the same would not do.
    """
    if correlation is None or correlation <= 0 or not items:
        return None
    if correlation >= 1:
        return 1
    return math.ceil(items * wanted * (1 - correlation) / (correlation * (1 - wanted)) - 1e-9)
