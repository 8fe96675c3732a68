"""VAPE with other rules (bar per layer, specificity, two-proportion test) against plain loops."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from count_references import (
    slow_bars,
    slow_discoveries,
    slow_entropy,
    slow_histogram,
    slow_lowest_entropy,
    slow_rates,
    slow_specificity,
    slow_test,
    slow_two_proportion,
)
from locate_references import (
    VALUES,
    collected,
    evidence_of,
    record,
    reference_model,
    selected,
    slow_counts,
    value_texts,
)
from scipy import stats
from tiny_models import tiny_model

from valuescope.activations import collect
from valuescope.locate import Evidence, LocateError, Location, firing_profile, locate
from valuescope.locate.firing_profile import BINS
from valuescope.locate.shares import discoveries, share_test, strongest

METHODS = ("vape-layer-bar", "specificity", "two-proportion")


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def case(request: pytest.FixtureRequest):
    model, texts = reference_model(request.param), value_texts(pairs=6)
    records = record(model, texts)
    slow = [slow_counts(model, records, f"{value}+") for value in VALUES]
    return model, collected(model, texts), slow


def assert_selected(found: Location, expected: list) -> None:
    for row, value in enumerate(VALUES):
        assert selected(found.selected[row]) == expected[row], value
        assert found.neuron_set(value).signs.tolist() == [1] * len(expected[row])


@pytest.mark.parametrize(("rate", "bar"), [(0.015, 0.95), (0.1, 0.5), (0.3, 0.9)])
def test_a_bar_per_layer(case, rate: float, bar: float) -> None:
    model, evidence, slow = case
    found = locate("vape-layer-bar", model, evidence, rate=rate, bar=bar)
    assert_selected(found, slow_lowest_entropy(slow, rate, bar, per_layer=True))
    assert found.diagnostics["bar_rate"] == slow_bars(slow, bar, per_layer=True)
    assert found.diagnostics["kept"] <= round(rate * model.neurons)
    whole = locate("vape", model, evidence, rate=rate, bar=bar)
    assert_selected(whole, slow_lowest_entropy(slow, rate, bar, per_layer=False))
    assert found.parameters == whole.parameters


@pytest.mark.parametrize("per", ["model", "value"])
@pytest.mark.parametrize("rate", [0.015, 0.1, 0.6])
def test_specificity(case, rate: float, per: str) -> None:
    model, evidence, slow = case
    found = locate("specificity", model, evidence, rate=rate, per=per)
    assert_selected(found, slow_specificity(slow, rate, per))
    rates = slow_rates(slow)
    for row in range(len(VALUES)):
        expected = [own[row] - (sum(own) - own[row]) / 2 for own in rates.values()]
        np.testing.assert_allclose(found.signed[row].flatten(), expected, atol=1e-6)
        np.testing.assert_allclose(found.scores[row].flatten(), np.maximum(expected, 0), atol=1e-6)
    assert found.diagnostics["kept"] <= round(rate * model.neurons)


@pytest.mark.parametrize("per", ["model", "value"])
@pytest.mark.parametrize(
    ("unit", "q", "rate"), [("token", 0.05, 0.015), ("token", 0.3, 0.2), ("text", 0.3, 0.2)]
)
def test_two_proportion(case, unit: str, q: float, rate: float, per: str) -> None:
    model, evidence, slow = case
    found = locate("two-proportion", model, evidence, unit=unit, q=q, rate=rate, per=per)
    expected, discovered = slow_two_proportion(slow, rate, q, unit, per)
    assert_selected(found, expected)
    assert found.diagnostics["discoveries"] == discovered
    assert ((found.scores > 0).sum(dim=(1, 2))).tolist() == discovered
    assert found.diagnostics["kept"] <= round(rate * model.neurons)


@pytest.mark.parametrize("method", ["vape", *METHODS])
def test_the_firing_profile(case, method: str) -> None:
    model, evidence, slow = case
    found = locate(method, model, evidence, rate=0.1)
    profile = found.diagnostics["firing_profile"]
    rates = slow_rates(slow)
    entropies = {place: slow_entropy(row) for place, row in rates.items()}
    taus = [0.0] * model.layers
    if method.startswith("vape"):
        taus = slow_bars(slow, 0.95, method == "vape-layer-bar")
    fires = [place for place in rates if entropies[place] is not None]
    eligible = [place for place in fires if any(p > taus[place[0]] for p in rates[place])]
    kept = sorted(set().union(*(selected(mask) for mask in found.selected)))
    assert profile["rates"] == slow_histogram([p for row in rates.values() for p in row], 1.0, BINS)
    for name, places in (("eligible", eligible), ("kept", kept)):
        theirs = [entropies[place] for place in places]
        assert profile[name] == len(places)
        assert profile[f"{name}_entropies"] == slow_histogram(theirs, math.log(3), BINS)
        mean = pytest.approx(sum(theirs) / len(theirs)) if theirs else None
        assert profile[f"mean_{name}_entropy"] == mean
    assert profile["never_firing"] == len(rates) - len(fires)
    assert profile["eligible_share"] == len(eligible) / len(rates)
    assert profile["kept_per_layer"] == [sum(layer == it for layer, _ in kept) for it in range(model.layers)]
    assert profile["maximum_entropy"] == pytest.approx(math.log(3))
    assert profile["bars"] == (taus if method == "vape-layer-bar" else taus[:1] if method == "vape" else [])
    assert json.loads(json.dumps(profile)) == profile


def _evidence(rates: list[list[float]], tokens: int = 1000, prompts: int = 100) -> tuple:
    """A tiny llama whose counters are replaced: rates[v] for the first neurons of layer 0, else zero."""
    model, texts = tiny_model("llama"), value_texts(pairs=1)
    activations = collect(model, texts, residuals=False)
    counters = activations.counters
    changed = {name: torch.zeros_like(counters.gate_active) for name in ("gate_active", "gate_positive")}
    for row, value in enumerate(rates):
        for name, total in (("gate_active", tokens), ("gate_positive", prompts)):
            place = counters.index(f"{VALUES[row]}+")
            changed[name][place, 0, : len(value)] = (torch.tensor(value) * total).round().long()
    counters = dataclasses.replace(
        counters,
        tokens=torch.full_like(counters.tokens, tokens),
        prompts=torch.full_like(counters.prompts, prompts),
        **changed,
    )
    return model, evidence_of(dataclasses.replace(activations, counters=counters))


@pytest.mark.parametrize("method", ["specificity", "two-proportion"])
def test_ties_go_to_the_lower_place_and_no_value_is_lost(method: str) -> None:
    # Neuron 3 fires alike for all, 4 always, all others never: none of them is evidence.
    model, evidence = _evidence(
        [[0.6, 0.6, 0.6, 0.2, 1.0], [0.2, 0.2, 0.2, 0.2, 1.0], [0.2, 0.2, 0.2, 0.2, 1.0]]
    )
    rate = 2 / model.neurons
    found = locate(method, model, evidence, rate=rate, per="model")
    assert selected(found.selected[0]) == {(0, 0), (0, 1)}
    assert found.sizes() == {"power": 2, "care": 0, "safety": 0}
    assert [warning.split(":")[0] for warning in found.warnings] == ["care", "safety"]
    everything = locate(method, model, evidence, rate=0.9)
    assert everything.sizes() == {"power": 3, "care": 0, "safety": 0}
    assert (everything.scores[:, 1:] == 0).all()
    few = locate(method, model, evidence, rate=rate, per="value")
    assert few.sizes() == {"power": 0, "care": 0, "safety": 0}
    assert "keeps 2 neurons, fewer than the 3 values" in few.warnings[0]


def test_equal_numbers_tie_whatever_the_order_of_the_values() -> None:
    model, evidence = _evidence([[0.1, 0.6, 0.3], [0.3, 0.1, 0.6], [0.6, 0.3, 0.1]])
    found = locate("vape", model, evidence, rate=1 / model.neurons, bar=0.9)
    assert found.selected.any(dim=0).nonzero().tolist() == [[0, 0]]
    every = locate("specificity", model, evidence, rate=1 / model.neurons, per="model")
    assert every.selected.nonzero().tolist() == [[2, 0, 0]]


def test_a_neuron_may_serve_two_values() -> None:
    model, evidence = _evidence([[0.6, 0.5], [0.6, 0.1], [0.1, 0.1]])
    found = locate("specificity", model, evidence, rate=2 / model.neurons, per="model")
    # 0.6 - 0.35 for two values at neuron 0, 0.5 - 0.1 at neuron 1: the last one kept has 0.25.
    assert [selected(mask) for mask in found.selected] == [{(0, 0), (0, 1)}, {(0, 0)}, set()]
    numbers = torch.tensor([[[0.6, 0.5]], [[0.7, 0.4]]])
    assert strongest(numbers, numbers > 0, 1, "model").tolist() == [[[False, False]], [[True, False]]]


@pytest.mark.parametrize("method", ["vape", "vape-layer-bar"])
def test_general_neurons_are_called_general(method: str) -> None:
    model, general = _evidence([[0.8, 0.9], [0.8, 0.8], [0.9, 0.9]])
    found = locate(method, model, general, rate=0.5, bar=0.9)
    (warning,) = [warning for warning in found.warnings if "nearly general" in warning]
    assert warning.startswith("kept neurons are nearly general (mean entropy 1.10 of at most 1.10)")
    others = [name for name in ("vape-layer-bar", "specificity", "two-proportion") if name != method]
    assert warning.endswith(f"compare {', '.join(others)}")
    _, special = _evidence([[0.8, 0.0], [0.1, 0.0], [0.0, 0.7]])
    found = locate(method, model, special, rate=0.5, bar=0.9)
    assert not [warning for warning in found.warnings if "general" in warning]


def test_a_bar_that_nothing_exceeds_is_said() -> None:
    model, evidence = _evidence([[1.0] * 48, [1.0] * 48, [1.0] * 48])
    found = locate("vape", model, evidence)
    assert found.diagnostics["kept"] == 0
    assert found.warnings[0] == "power: no neurons selected; no rate of any neuron exceeds the bar, 1.0000"
    found = locate("vape-layer-bar", model, evidence)
    assert found.warnings[0].endswith("no rate of any neuron exceeds the bar of its layer")


def test_a_bar_per_layer_admits_every_layer() -> None:
    model = tiny_model("llama")
    activations = collect(model, value_texts(pairs=1), residuals=False)
    active = torch.zeros_like(activations.counters.gate_active)
    active[:, 0] = 900 + torch.arange(model.width)  # dense, and alike for all
    active[activations.counters.index("care+"), 2, 5] = 300
    counters = dataclasses.replace(
        activations.counters, gate_active=active, tokens=torch.full_like(activations.counters.tokens, 1000)
    )
    evidence = evidence_of(dataclasses.replace(activations, counters=counters))
    rate = 1 / model.neurons
    whole = locate("vape", model, evidence, rate=rate)
    assert whole.diagnostics["firing_profile"]["kept_per_layer"] == [1, 0, 0]
    assert whole.diagnostics["firing_profile"]["nearly_general"]
    found = locate("vape-layer-bar", model, evidence, rate=rate)
    assert selected(found.selected[VALUES.index("care")]) == {(2, 5)}
    assert found.sizes() == {"power": 0, "care": 1, "safety": 0}


def test_the_test_of_shares_is_scipys_and_does_not_underflow() -> None:
    for active, total, other, rest in ((8, 20, 3, 25), (0, 9, 0, 30), (9, 9, 30, 30), (1, 9, 20, 30)):
        for two_sided in (False, True):
            sides = [torch.tensor([float(number)]) for number in (active, total, other, rest)]
            difference, log_p = share_test(*(side.double() for side in sides), two_sided=two_sided)
            expected = slow_test(active, total, other, rest, two_sided)
            assert float(difference) == pytest.approx(expected.difference)
            assert float(log_p) == pytest.approx(expected.log_p, abs=1e-12)
    many = [torch.tensor([number], dtype=torch.float64) for number in (6e6, 1e7, 4e6, 1e7)]
    _, log_p = share_test(*many)
    assert float(log_p) == pytest.approx(stats.norm.logsf(0.2 / math.sqrt(0.5 / 1e7)))
    assert float(log_p) < -300_000


@pytest.mark.parametrize("q", [0.001, 0.05, 0.5])
def test_discoveries_are_those_of_benjamini_and_hochberg(q: float) -> None:
    random = np.random.default_rng(0)
    for power in (1, 3, 8):
        p = random.random(200) ** power
        p[:5] = p[5:10]
        found = discoveries(torch.tensor(np.log(p)).view(10, 20), q).flatten().tolist()
        assert found == (stats.false_discovery_control(p) <= q).tolist()
        assert found == slow_discoveries(np.log(p).tolist(), q)
    assert not discoveries(torch.zeros(4), 0.05).any()
    assert discoveries(torch.full((4,), -math.inf), 0.05).all()


def test_chance_is_not_discovered() -> None:
    """With one share for all values and independent tokens, hardly anything is found; planted neurons are."""
    model, random = tiny_model("llama"), np.random.default_rng(1)
    activations = collect(model, value_texts(pairs=1), residuals=False)
    shape = tuple(activations.counters.gate_active.shape)
    counters = dataclasses.replace(
        activations.counters,
        gate_active=torch.tensor(random.binomial(400, 0.3, shape)),
        tokens=torch.full_like(activations.counters.tokens, 400),
    )
    chance = evidence_of(dataclasses.replace(activations, counters=counters))
    assert sum(locate("two-proportion", model, chance, rate=0.5).diagnostics["discoveries"]) <= 2
    counters.gate_active[counters.index("care+"), 1, :6] = 240
    found = locate("two-proportion", model, chance, rate=0.5)
    assert {(1, k) for k in range(6)} <= selected(found.selected[VALUES.index("care")])
    assert found.diagnostics["discoveries"][VALUES.index("care")] <= 8
    assert found.diagnostics["smallest_log10_p"] < -15


def test_few_texts_are_said() -> None:
    model, evidence = _evidence([[0.9], [0.1], [0.1]], prompts=10)
    found = locate("two-proportion", model, evidence, unit="text")
    assert found.warnings[-1] == "the smallest label has 10 texts: the normal approximation is rough"
    assert "rough" not in " ".join(locate("two-proportion", model, evidence).warnings)


def test_settings_are_checked() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=2))
    for method, wrong in (
        ("vape-layer-bar", {"rate": 1}), ("vape-layer-bar", {"bar": 0}), ("specificity", {"rate": 0.0}),
        ("specificity", {"per": "layer"}), ("two-proportion", {"q": 0}), ("two-proportion", {"unit": "word"}),
        ("two-proportion", {"per": "layer"}), ("two-proportion", {"rate": 2}),
    ):  # fmt: skip
        with pytest.raises(LocateError, match=f"{method}: {next(iter(wrong))} is"):
            locate(method, model, evidence, **wrong)
    lonely = Evidence(evidence.activations, ("power",), {"power": "power+"})
    for method in METHODS:
        with pytest.raises(LocateError, match=f"{method} compares values: give at least two"):
            locate(method, model, lonely)
    twice = Evidence(evidence.activations, ("power", "care"), {"power": "care+", "care": "care+"})
    for method in ("specificity", "two-proportion"):
        with pytest.raises(LocateError, match=r"'power' and 'care' both read the label 'care\+'"):
            locate(method, model, twice)
    rates = evidence.activations.counters.gate_rate(["power+", "care+"])
    nothing = torch.zeros(rates.shape[1:], dtype=torch.bool)
    assert firing_profile(rates, nothing).mean_kept_entropy is None
    with pytest.raises(LocateError, match="2 bars"):
        firing_profile(rates, nothing, [0.1, 0.2])
    with pytest.raises(LocateError, match="at least two"):
        firing_profile(rates[:1], nothing)


def test_saved_and_loaded(tmp_path) -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=3))
    for method in METHODS:
        found = locate(method, model, evidence)
        found.save(tmp_path / method)
        loaded = Location.load(tmp_path / method)
        assert loaded.hash == found.hash
        assert loaded.diagnostics == found.diagnostics
