"""Sample data for the charts of ValueExploration: twelve values, two languages, one value without neurons."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from valuescope.metrics import Bootstrap, Estimate, PerturbationMatrix, neuron_overlap, perturbation_matrix
from valuescope.report.charts.data_size import SizePoint, data_size_figure
from valuescope.report.charts.distribution import Counts, Histogram, distribution_figure
from valuescope.report.charts.grouped_bars import (
    BarSeries,
    replacement_figure,
    strategies_figure,
    support_figure,
)
from valuescope.report.charts.layer_counts import layer_counts_figure
from valuescope.report.charts.overlap import OverlapMap, overlap_figure
from valuescope.report.charts.perturbation import PerturbationMap, perturbation_figure
from valuescope.report.charts.scatter import Scatter, scatter_figure
from valuescope.report.svg import Figure

NAMES = (
    "Prosperity",
    "Democracy",
    "Justice",
    "Rule of Law",
    "Civility",
    "Harmony",
    "Freedom",
    "Equality",
    "Patriotism",
    "Dedication",
    "Integrity",
    "Friendliness",
)
EMPTY = 5
GROUPS = (("N", range(4)), ("S", range(4, 8)), ("P", range(8, 12)))
NEURONS = 3072


def perturbed(drop: float, names: tuple[str, ...] = NAMES, seed: int = 0) -> PerturbationMatrix:
    """A matrix with this drop on the diagonal; the sixth value has no neurons."""
    rng = np.random.default_rng(seed)
    ids = [str(place) for place in range(len(names))]
    values = [one for one in ids for _ in range(30)]
    base = rng.uniform(40, 80, len(values))
    off = {
        one: None
        if place == EMPTY
        else list(np.clip(base - drop * (np.array(values) == one) + rng.normal(-1, 5, len(values)), 0, 100))
        for place, one in enumerate(ids)
    }
    return perturbation_matrix(list(base), off, values, order=ids, how=Bootstrap(resamples=100))


def perturbation_map(
    title: str, drop: float, names: tuple[str, ...] = NAMES, seed: int = 0
) -> PerturbationMap:
    """The same as data for its chart."""
    matrix = perturbed(drop, names, seed)
    return PerturbationMap(
        title=title,
        values=names,
        change=matrix.change,
        largest=matrix.largest_drops(),
        without_neurons=tuple(int(value) for value in matrix.without_neurons),
        note="diagonal 7.9 points lower [7.1, 8.8], p = 0.0001",
    )


def overlap_map(title: str, names: tuple[str, ...] = NAMES, *, across: bool = False) -> OverlapMap:
    """Overlaps of planted sets, within one language or across two."""
    rng = np.random.default_rng(1)
    common = [(int(k) // 512, int(k) % 512) for k in rng.choice(NEURONS, 20, False)]
    sets = [
        {
            str(place): set()
            if place == EMPTY
            else {
                *common[: 5 + place],
                *((int(k) // 512, int(k) % 512) for k in rng.choice(NEURONS, 40, False)),
            }
            for place in range(len(names))
        }
        for _ in range(2)
    ]
    found = neuron_overlap(sets[0], sets[1] if across else None, neurons=NEURONS)
    block = found.to_dict()
    rows = {key: tuple(tuple(row) for row in block[key]) for key in ("count", "expected", "jaccard", "p")}
    return OverlapMap(
        title=title,
        rows=names,
        columns=names,
        row_sizes=found.row_sizes,
        column_sizes=found.column_sizes,
        neurons=NEURONS,
        within=not across,
        row_title="English" if across else "neurons of",
        column_title="Chinese" if across else "neurons of",
        **rows,
    )


def bars(
    low: float, high: float, names: tuple[str, ...] = NAMES, *, seed: int = 0, hole: int | None = None
) -> tuple[Estimate | None, ...]:
    """One estimate per value, or None."""
    means = np.random.default_rng(seed).uniform(low, high, len(names))
    return tuple(
        None if place == hole else Estimate(float(mean), float(mean - 3), float(mean + 3), 40, place % 2)
        for place, mean in enumerate(means)
    )


@cache
def sample_figures(
    names: tuple[str, ...] = NAMES, *, label: str = "English", other: str = "Chinese"
) -> dict[str, Figure | None]:
    """Every chart with sample data; `names` and labels may be anything."""
    rng = np.random.default_rng(2)
    stated = np.clip(rng.normal(60, 20, 400).round(-1), 0, 100)
    by_logits = np.clip(stated + rng.normal(0, 12, 400), 0, 100)
    points = [
        (float(x), None if place % 40 == 0 else float(y))
        for place, (x, y) in enumerate(zip(stated, by_logits, strict=True))
    ]
    rates = tuple(int(4000 * math.exp(-place / 6)) + (300 if place > 40 else 0) for place in range(50))
    entropies = tuple(int(2 * math.exp(place / 7)) for place in range(50))
    kept = tuple(count if place < 30 else 0 for place, count in enumerate(entropies))
    half = tuple(place % 2 == 0 for place in range(len(names)))
    layers = [
        (name, None if place == EMPTY else [int(k) for k in rng.integers(0, 40, 6)])
        for place, name in enumerate(names)
    ]
    sizes = {
        one: [
            SizePoint(
                size, Estimate(score, score - 0.08, score + 0.06, 11, 1), int(12 * score), 12, 60 * score
            )
            for size, score in zip((100, 200, 500, 1000, 2000), scores, strict=True)
        ]
        for one, scores in ((label, (0.4, 0.35, 0.5, 0.7, 0.9)), (other, (0.5, 0.3, 0.62, 0.66, 0.95)))
    }
    return {
        "support_rates": support_figure(
            names,
            {
                "Stated percentages": [
                    BarSeries(label, bars(45, 80, names, seed=1)),
                    BarSeries(other, bars(40, 75, names, seed=2, hole=3)),
                ]
            },
        ),
        "strategies": strategies_figure(
            names,
            {
                one: [
                    BarSeries("Feeding", bars(-14, -4, names, seed=3), half),
                    BarSeries("Generating", bars(-8, 2, names, seed=4, hole=EMPTY)),
                ]
                for one in (label, other)
            },
        ),
        "replacement": replacement_figure(
            names[:2],
            {
                one: [
                    BarSeries("C-Voice format", bars(-14, -9, names[:2], seed=5), (True, False)),
                    BarSeries("Other set", bars(-4, 1, names[:2], seed=6), dashed=True),
                ]
                for one in (label, other)
            },
        ),
        "perturbation": perturbation_figure(
            [
                perturbation_map(f"{label}: the value's neurons", 8, names),
                perturbation_map(f"{label}: random neurons", 0, names, seed=1),
            ],
            groups=[(mark, list(places)) for mark, places in GROUPS] if len(names) == 12 else (),
        ),
        "overlap": overlap_figure(
            [overlap_map(label, names), overlap_map(f"{label} and {other}", names, across=True)]
        ),
        "data_size": data_size_figure(sizes, evaluated=240),
        "firing": distribution_figure(
            [
                Histogram(
                    "Firing rates",
                    0.0,
                    1.0,
                    (Counts("all values and neurons", rates),),
                    "share of tokens on which a neuron fires",
                    unit="rates",
                    marks=((0.61, "bar 0.61"),),
                ),
                Histogram(
                    "Entropy over the values",
                    0.0,
                    math.log(12),
                    (Counts("above the bar", entropies), Counts("kept", kept)),
                    "entropy over the values (nats)",
                    marks=((1.42, "highest kept 1.42"), (math.log(12), "maximum ln 12 = 2.48")),
                    note="mean of the kept: 1.20 of at most 2.48",
                ),
            ],
            description="All neurons of the model.",
        ),
        "layer_counts": layer_counts_figure({label: layers, other: layers}),
        "agreement": scatter_figure(
            [
                Scatter(
                    label,
                    tuple(points),
                    Estimate(0.81, 0.77, 0.85, 390, 10),
                    Estimate(0.8, 0.76, 0.84, 390, 10),
                ),
                Scatter(other, tuple(points[:30]), reason="the first measure is the same for every item"),
            ]
        ),
    }
