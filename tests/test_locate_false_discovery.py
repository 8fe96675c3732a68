"""What ValueLocate's threshold passes by chance at a number of texts, and its control of false discoveries in simulated data."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from locate_references import evidence_of, value_texts
from scipy.stats import binom
from tiny_models import tiny_model

from valuescope.activations import Activations, collect
from valuescope.locate import locate
from valuescope.locate.shares import discoveries, share_test

THRESHOLD = 0.03


def passing_by_chance(pairs: int, discordant: float) -> float:
    """How often a neuron passes |delta| >= 0.03 that is active in one text alone of a share of the pairs, of either side alike."""
    chance = 0.0
    for count in range(pairs + 1):
        ones = np.arange(count + 1)
        passes = np.abs(2 * ones - count) / pairs >= THRESHOLD - 1e-9
        chance += binom.pmf(count, pairs, discordant) * binom.pmf(ones, count, 0.5)[passes].sum()
    return chance


@pytest.mark.parametrize(("pairs", "expected"), [(60, 0.53), (600, 0.024)])
def test_the_threshold_is_passed_by_chance_where_texts_are_few(pairs: int, expected: float) -> None:
    exact = passing_by_chance(pairs, 0.1)
    assert exact == pytest.approx(expected, abs=0.005)
    drawn = np.random.default_rng(0).choice([1, -1, 0], p=[0.05, 0.05, 0.9], size=(4000, pairs)).sum(axis=1)
    assert float((np.abs(drawn) / pairs >= THRESHOLD - 1e-9).mean()) == pytest.approx(exact, abs=0.03)


def test_the_test_passes_next_to_nothing_by_chance_and_finds_what_is_there() -> None:
    random, texts, noise, real = np.random.default_rng(1), 60, 4000, 200
    rates = random.uniform(0.1, 0.9, noise)
    against = np.concatenate([random.binomial(texts, rates), random.binomial(texts, 0.2, real)])
    favour = np.concatenate([random.binomial(texts, rates), random.binomial(texts, 0.8, real)])
    counts = [torch.tensor(side, dtype=torch.float64)[None] for side in (favour, against)]
    total = torch.tensor([float(texts)], dtype=torch.float64)
    delta, log_p = share_test(counts[0], total, counts[1], total, two_sided=True)
    found = discoveries(log_p, 0.05)[0]
    assert int(found[noise:].sum()) > 0.95 * real
    assert int(found[:noise].sum()) <= 0.1 * int(found.sum())
    assert (
        float((delta.abs()[0, :noise] >= THRESHOLD).double().mean()) > 0.6
    )  # what the threshold passes of the noise


def test_the_control_is_a_parameter_of_the_locator() -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=12)
    evidence = evidence_of(Activations(collect(model, texts).counters, None))
    threshold, tested = (
        locate("valuelocate", model, evidence, control=control)
        for control in ("threshold", "false-discovery")
    )
    assert torch.equal(threshold.signed, tested.signed)
    assert bool((~tested.selected | threshold.selected).all())
    assert int(tested.selected.sum()) < int(threshold.selected.sum())
