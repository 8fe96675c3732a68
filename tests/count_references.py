"""Slow and obvious versions of the locators that read counters only: one neuron at a time, in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from locate_references import TextRecord
from scipy import special, stats

from valuescope.models import NeuronModel

Neuron = tuple[int, int]
Counts = dict[str, np.ndarray]
"""What `slow_counts` gives for one label."""


def counts_by_text(model: NeuronModel, records: Sequence[TextRecord], label: str) -> Counts:
    """`slow_counts` for longer texts: one text at a time still, with numpy over tokens and neurons."""
    mine = [one for one in records if one.text.label == label]
    found: Counts = {"prompts": np.array(len(mine)), "tokens": np.array(0)}
    for one in mine:
        places = one.counted(model, "all", special_tokens=False)
        found["tokens"] = found["tokens"] + len(places)
        for site, activation in (("gate", one.gate), ("product", one.product)):
            a = activation.double().numpy()[:, places]  # [layers, tokens, width]
            for name, number in (("active", (a > 0).sum(axis=1)), ("positive", a.sum(axis=1) > 0)):
                found[f"{site}_{name}"] = found.get(f"{site}_{name}", 0) + number.astype(int)
    return found


def slow_rates(counts: list[Counts], unit: str = "token", site: str = "gate") -> dict[Neuron, list[float]]:
    """Per neuron, its share of active tokens (or of texts with M > 0) for every value."""
    name, of = (f"{site}_active", "tokens") if unit == "token" else (f"{site}_positive", "prompts")
    shape = counts[0][name].shape
    return {place: [float(one[name][place] / one[of]) for one in counts] for place in np.ndindex(shape)}


def slow_entropy(rates: list[float]) -> float | None:
    """Entropy over the values; None for a neuron that never fires."""
    if not any(rates):
        return None
    shares = [rate / sum(rates) for rate in rates]
    return round(-sum(share * math.log(share) for share in shares if share > 0), 12)


def slow_bars(counts: list[Counts], bar: float, per_layer: bool) -> list[float]:
    """The rate at rank round(bar * N), of all neurons or of each layer's."""
    rates = slow_rates(counts)
    layers = sorted({layer for layer, _ in rates})
    pools = [[layer] for layer in layers] if per_layer else [layers]
    found = []
    for pool in pools:
        ordered = sorted(rate for (layer, _), row in rates.items() if layer in pool for rate in row)
        found.append(ordered[max(1, round(bar * len(ordered))) - 1])
    return found if per_layer else found * len(layers)


def slow_lowest_entropy(counts: list[Counts], rate: float, bar: float, per_layer: bool) -> list[set[Neuron]]:
    """VAPE by its text, with one bar or one per layer."""
    rates, taus = slow_rates(counts), slow_bars(counts, bar, per_layer)
    ranked = sorted(
        (slow_entropy(row), place) for place, row in rates.items() if any(p > taus[place[0]] for p in row)
    )
    kept = [place for _, place in ranked[: round(rate * len(rates))]]
    return [{place for place in kept if rates[place][v] > taus[place[0]]} for v in range(len(counts))]


def slow_largest(
    numbers: list[dict[Neuron, float]], rate: float, neurons: int, per: str
) -> list[set[Neuron]]:
    """At most round(rate * neurons) neurons by number; a value's dict lacks the neurons that are not eligible."""
    count = round(rate * neurons)
    if per == "value":
        share = count // len(numbers)
        return [
            set(sorted(one, key=lambda place: (-round(one[place], 12), place))[:share]) for one in numbers
        ]
    kept: set[Neuron] = set()
    found: list[set[Neuron]] = [set() for _ in numbers]
    pairs = sorted((-round(one[place], 12), place, v) for v, one in enumerate(numbers) for place in one)
    last = None
    for number, place, _ in pairs:  # walk down until as many different neurons are met
        if place not in kept and len(kept) < count:
            kept.add(place)
            last = number
    for number, place, v in pairs:
        if place in kept and last is not None and number <= last:
            found[v].add(place)
    return found


def slow_specificity(counts: list[Counts], rate: float, per: str) -> list[set[Neuron]]:
    rates = slow_rates(counts)
    numbers: list[dict[Neuron, float]] = [{} for _ in counts]
    for place, row in rates.items():
        for v, p in enumerate(row):
            others = [other for u, other in enumerate(row) if u != v]
            difference = p - sum(others) / len(others)
            if round(difference, 12) > 0:
                numbers[v][place] = difference
    return slow_largest(numbers, rate, len(rates), per)


@dataclass
class Tested:
    difference: float
    log_p: float


def slow_test(active: float, total: float, other: float, other_total: float, two_sided: bool) -> Tested:
    """The pooled two-proportion z test, with scipy's normal tail."""
    p, p_other = active / total, other / other_total
    r = (active + other) / (total + other_total)
    spread = math.sqrt(r * (1 - r) * (1 / total + 1 / other_total))
    z = (p - p_other) / spread if spread > 0 else 0.0
    if two_sided:
        return Tested(p - p_other, math.log(2) + float(special.log_ndtr(-abs(z))))
    return Tested(p - p_other, float(special.log_ndtr(-z)))


def slow_discoveries(log_p: list[float], q: float) -> list[bool]:
    """Benjamini-Hochberg by its step-up text."""
    m = len(log_p)
    order = sorted(range(m), key=lambda i: log_p[i])
    last = 0
    for rank, i in enumerate(order, start=1):
        if log_p[i] <= math.log(q * rank / m):
            last = rank
    return [log_p[i] <= log_p[order[last - 1]] if last else False for i in range(m)]


def slow_two_proportion(
    counts: list[Counts], rate: float, q: float, unit: str, per: str
) -> tuple[list[set[Neuron]], list[int]]:
    """Selected neurons and number of discoveries per value."""
    name, of = ("gate_active", "tokens") if unit == "token" else ("gate_positive", "prompts")
    tested: list[tuple[int, Neuron, Tested]] = []
    for v, one in enumerate(counts):
        others = [other for u, other in enumerate(counts) if u != v]
        for place in np.ndindex(one[name].shape):
            rest = sum(float(other[name][place]) for other in others)
            total = sum(float(other[of]) for other in others)
            tested.append((v, place, slow_test(float(one[name][place]), float(one[of]), rest, total, False)))
    rejected = slow_discoveries([test.log_p for _, _, test in tested], q)
    numbers: list[dict[Neuron, float]] = [{} for _ in counts]
    for (v, place, test), is_found in zip(tested, rejected, strict=True):
        if is_found and round(test.difference, 12) > 0:
            numbers[v][place] = test.difference
    neurons = counts[0][name].size
    return slow_largest(numbers, rate, neurons, per), [len(one) for one in numbers]


def slow_deltas(
    plus: list[Counts], minus: list[Counts], *, site: str, statistic: str, contrast: str
) -> list[dict[Neuron, Tested]]:
    """ValueLocate's p+ - p- and its two-sided test, per value and neuron."""
    name, of = (f"{site}_positive", "prompts") if statistic == "prompt" else (f"{site}_active", "tokens")
    found = []
    for v, one in enumerate(plus):
        against = [minus[v]] if contrast == "opposite" else [other for u, other in enumerate(plus) if u != v]
        total = sum(float(other[of]) for other in against)
        found.append(
            {
                place: slow_test(
                    float(one[name][place]),
                    float(one[of]),
                    sum(float(other[name][place]) for other in against),
                    total,
                    True,
                )
                for place in np.ndindex(one[name].shape)
            }
        )
    return found


def slow_valuelocate_selection(
    deltas: list[dict[Neuron, Tested]], *, threshold: float, control: str, q: float
) -> list[set[Neuron]]:
    if control == "threshold":
        return [
            {place for place, test in one.items() if abs(test.difference) >= threshold - 1e-9}
            for one in deltas
        ]
    flat = [(v, place, test) for v, one in enumerate(deltas) for place, test in one.items()]
    rejected = slow_discoveries([test.log_p for _, _, test in flat], q)
    found: list[set[Neuron]] = [set() for _ in deltas]
    for (v, place, _), is_found in zip(flat, rejected, strict=True):
        if is_found:
            found[v].add(place)
    return found


def slow_mean_correlation(deltas: list[dict[Neuron, Tested]]) -> float:
    rows = [[test.difference for test in one.values()] for one in deltas]
    return float(np.mean([stats.pearsonr(a, b).statistic for a, b in combinations(rows, 2)]))


def slow_histogram(numbers: list[float], most: float, bins: int) -> list[int]:
    """How many of the numbers lie in each of `bins` equal bins of 0..most, the last one closed."""
    places = Counter(min(int(number / most * bins), bins - 1) for number in numbers)
    return [places[place] for place in range(bins)]
