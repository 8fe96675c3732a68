"""Agreement of selections and of numbers per neuron, against scipy, sets and simulated data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from valuescope.metrics import MetricError
from valuescope.metrics.stability import chance_jaccard, items_needed, jaccard, rank_correlation

RANDOM = np.random.default_rng(0)


def test_jaccard_is_that_of_sets() -> None:
    first, second = RANDOM.random((2, 3, 40)) < 0.3
    sets = [set(map(tuple, np.argwhere(side).tolist())) for side in (first, second)]
    assert jaccard(first, second) == len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    assert jaccard([False, False], [False, False]) is None
    assert jaccard([True, False], [False, False]) == 0.0
    with pytest.raises(MetricError, match="must be equal"):
        jaccard([True], [True, False])


def test_chance_jaccard_is_what_random_sets_share() -> None:
    drawn = []
    for _ in range(400):
        first, second = (RANDOM.permutation(200) < size for size in (50, 80))
        drawn.append(jaccard(first, second))
    assert chance_jaccard(50, 80, 200) == pytest.approx(float(np.mean(drawn)), abs=0.005)
    assert chance_jaccard(0, 0, 10) is None
    assert chance_jaccard(3, 0, 10) == 0.0
    with pytest.raises(MetricError, match="of 10 neurons"):
        chance_jaccard(11, 1, 10)


def test_rank_correlation_is_scipys_with_ties() -> None:
    first = RANDOM.integers(0, 5, 300).astype(float)
    second = first + RANDOM.integers(0, 9, 300)
    assert rank_correlation(first, second) == pytest.approx(float(spearmanr(first, second).statistic))
    assert rank_correlation(first, np.ones(300)) is None
    with pytest.raises(MetricError, match="one for each neuron"):
        rank_correlation([1.0], [1.0, 2.0])


@pytest.mark.parametrize("wanted", [0.5, 0.8])
def test_items_needed_give_the_wanted_correlation_in_simulated_data(wanted: float) -> None:
    """20,000 neurons with a true number each, measured on items with independent noise."""
    true, noise, items = RANDOM.standard_normal(20_000), 6.0, 12

    def measured(count: int) -> np.ndarray:
        return true + noise / np.sqrt(count) * RANDOM.standard_normal(20_000)

    correlation = float(np.corrcoef(measured(items), measured(items))[0, 1])
    needed = items_needed(correlation, items, wanted)
    assert needed is not None
    reached = float(np.corrcoef(measured(needed), measured(needed))[0, 1])
    assert reached == pytest.approx(wanted, abs=0.02)


def test_items_needed_says_where_more_would_not_do() -> None:
    assert items_needed(None, 30, 0.8) is None
    assert items_needed(0.0, 30, 0.8) is None
    assert items_needed(-0.2, 30, 0.8) is None
    assert items_needed(1.0, 30, 0.8) == 1
    assert items_needed(0.8, 30, 0.8) == 30
    assert items_needed(0.5, 30, 0.8) == 120
