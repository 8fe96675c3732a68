"""The two random controls, the registry, and what every locator has in common."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
import torch
from locate_references import REAL_MODELS, VALUES, collected, reference_model, selected, value_texts
from tiny_models import tiny_model

from valuescope.locate import (
    LOCATORS,
    Evidence,
    Located,
    LocateError,
    Location,
    NeuronSet,
    locate,
    locator_parameters,
)
from valuescope.models import NeuronModel

Case = tuple[NeuronModel, Evidence, dict[str, Location]]


@pytest.fixture(scope="module", params=["llama", "gpt2", *REAL_MODELS])
def case(request: pytest.FixtureRequest) -> Case:
    model = reference_model(request.param)
    evidence = collected(model, value_texts(pairs=8))
    run = partial(locate, model=model, evidence=evidence, seed=3)
    located = {
        "vape": run("vape", rate=0.1, bar=0.6),
        "valuelocate": run("valuelocate", top=25),
        "neva": run("neva", accuracy=0, alpha=0.1),
    }
    return model, evidence, located


@pytest.mark.parametrize("method", ["vape", "valuelocate", "neva"])
def test_random_has_the_sizes_strengths_and_signs_of_what_it_controls(case: Case, method: str) -> None:
    model, evidence, located = case
    like = located[method]
    for control in ("random", "random-matched"):
        found = locate(control, model, evidence, seed=3, like=like)
        assert found.sizes() == like.sizes()
        assert found.site == like.site
        assert found.parameters["like"] == method
        assert found.parameters["like_hash"] == like.hash
        for value in VALUES:
            ours, theirs = found.neuron_set(value), like.neuron_set(value)
            pairs = [list(zip(s.scores.tolist(), s.signs.tolist(), strict=True)) for s in (ours, theirs)]
            assert sorted(pairs[0]) == sorted(pairs[1])
            assert sorted(ours.top(3).scores.abs()) == sorted(theirs.top(3).scores.abs())


@pytest.mark.parametrize("method", ["vape", "valuelocate", "neva"])
def test_matched_neurons_lie_in_the_same_layers_and_are_not_located(case: Case, method: str) -> None:
    model, evidence, located = case
    like = located[method]
    found = locate("random-matched", model, evidence, seed=3, like=like)
    assert torch.equal(found.selected.sum(dim=2), like.selected.sum(dim=2))
    assert not (found.selected & like.selected.any(dim=0)).any()
    assert found.warnings == ()


def test_matched_neurons_are_as_active(case: Case) -> None:
    model, evidence, located = case
    like = located["vape"]  # frequent ones by its rule, so that uniform draws are rarer
    rates = evidence.activations.counters.gate_rate(evidence.positive_labels())
    distance = {}
    for control in ("random", "random-matched"):
        gaps = []
        for draw in range(10):
            found = locate(control, model, evidence, like=like, draw=draw)
            gaps += [
                abs(float(rates[row][found.selected[row]].mean() - rates[row][like.selected[row]].mean()))
                for row in range(3)
                if like.selected[row].any()
            ]
        distance[control] = sum(gaps) / len(gaps)
    assert distance["random-matched"] < 0.6 * distance["random"]


def test_draws_and_seeds_are_independent_and_repeatable() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=4))
    like = locate("valuelocate", model, evidence, top=20)
    for control in ("random", "random-matched"):
        runs = [
            locate(control, model, evidence, like=like, seed=seed, draw=draw)
            for seed, draw in ((0, 0), (0, 0), (0, 1), (1, 0))
        ]
        chosen = [run.neuron_set("care").flat.tolist() for run in runs]
        assert chosen[0] == chosen[1]
        assert len({tuple(one) for one in chosen}) == 3
        assert runs[0].neuron_set("care").flat.tolist() != runs[0].neuron_set("power").flat.tolist()


def test_random_is_uniform_over_all_neurons() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=2))
    hits = torch.zeros(model.layers, model.width)
    for draw in range(300):
        hits += locate("random", model, evidence, count=12, draw=draw).selected.sum(dim=0)
    expected = 300 * 3 * 12 / model.neurons
    # Chi-square of 144 cells: mean 143, standard deviation 17.
    assert 85 < float(((hits - expected) ** 2 / expected).sum()) < 210


def test_random_by_count() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=2))
    ten, four = (locate("random", model, evidence, count=n) for n in (10, 4))
    for value in VALUES:
        assert len(ten.neuron_set(value)) == 10
        assert len(four.neuron_set(value) - ten.neuron_set(value)) == 0
        assert ten.neuron_set(value).scores.tolist() == [0] * 10
        assert ten.neuron_set(value).signs.tolist() == [1] * 10
    assert sorted(ten.scores[0].flatten().tolist())[-10:] == sorted(ten.scores[0][ten.selected[0]].tolist())
    sizes = {"power": 1, "care": 0, "safety": 5}
    assert locate("random", model, evidence, count=sizes).sizes() == sizes
    for wrong, message in (
        ({}, "either like"), ({"count": 3, "like": ten}, "either like"), ({"count": 145}, "has 144 neurons"),
        ({"count": {"power": 1}}, "count is given for"),
    ):  # fmt: skip
        with pytest.raises(LocateError, match=message):
            locate("random", model, evidence, **wrong)


def test_matched_falls_back_where_layers_run_out_and_says_when_it_cannot() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=2))
    like = locate("random", model, evidence, count=0)
    mask = torch.zeros_like(like.selected)
    mask[0, 0, :20] = True  # 20 of 48
    mask[1, 0, 10:40] = True  # 30 of 48; the union leaves 8
    like = dataclasses.replace(like, selected=mask)
    found = locate("random-matched", model, evidence, like=like)
    assert found.sizes() == {"power": 20, "care": 18, "safety": 0}
    assert not (found.selected & mask).any()
    assert found.warnings == ("care: 12 of 30 located neurons have no partner left in their layer",)
    assert found.diagnostics["rate"]["safety"] is None
    for wrong, message in (({}, "give like="), ({"like": like, "bins": 0}, "bins is 0")):
        with pytest.raises(LocateError, match=message):
            locate("random-matched", model, evidence, **wrong)
    fewer = Evidence(evidence.activations, ("power",), {"power": "power+"})
    with pytest.raises(LocateError, match="no texts for care, safety"):
        locate("random-matched", model, fewer, like=like)


def test_matching_takes_the_own_bin_first() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=2))
    counters = evidence.activations.counters
    active = torch.arange(48).expand(counters.gate_active.shape).clone()
    counters = dataclasses.replace(counters, gate_active=active, tokens=torch.full_like(counters.tokens, 48))
    evidence = dataclasses.replace(
        evidence, activations=dataclasses.replace(evidence.activations, counters=counters), texts=()
    )
    like = locate("random", model, evidence, count=0)
    mask = torch.zeros_like(like.selected)
    mask[0, 1, [3, 4, 40]] = True
    like = dataclasses.replace(like, selected=mask)
    for draw in range(20):
        found = locate("random-matched", model, evidence, like=like, bins=4, draw=draw)
        assert selected(found.selected[0]) <= {(1, k) for k in [*range(12), *range(36, 48)]}
        assert sum(k < 12 for _, k in selected(found.selected[0])) == 2


def test_every_locator_gives_a_comparable_location(case: Case, tmp_path) -> None:
    model, evidence, located = case
    asking = {"qrnca"}  # asks by letters, which the tiny tokenizers do not tell apart; see its own tests
    others = set(LOCATORS) - {*located, *asking, "random", "random-matched"}
    located = {
        **located,
        **{method: locate(method, model, evidence) for method in sorted(others)},
        "random": locate("random", model, evidence, count=9),
        "random-matched": locate("random-matched", model, evidence, like=located["vape"]),
    }
    assert {*located, *asking} == set(LOCATORS)
    for method, found in located.items():
        assert found.method == method
        assert found.values == VALUES
        assert (found.scores >= 0).all()
        assert found.scores.shape == (3, model.layers, model.width)
        assert (found.signs.abs() == 1).all()
        assert {"seed", *found.parameters} >= set(locator_parameters(method))
        # Whatever is selected is ranked above what is not, within a layer.
        # (VAPE's selection is for all values together: a neuron may be in by another value's rate.)
        joint = method.startswith("vape")
        for row, layer in [] if joint else found.selected.any(dim=2).nonzero().tolist():
            chosen, scores = found.selected[row, layer], found.scores[row, layer]
            assert scores[chosen].min() >= scores[~chosen].max()
        loaded = Location.load(found.save(tmp_path / method))
        assert loaded.hash == found.hash
        assert loaded.parameters == found.parameters
        assert loaded.diagnostics == found.diagnostics
        assert loaded.warnings == found.warnings
        neurons = found.neuron_set("care")
        neurons.require(model)
        assert neurons.method == method
        assert NeuronSet.load(neurons.save(tmp_path / f"{method}-care")).hash == neurons.hash


def test_locators_of_your_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One gives what it located, and everything is recorded; one that makes the whole location is left alone."""
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=2))
    vape = locate("vape", model, evidence, bar=0.5)

    def first(
        model: NeuronModel, evidence: Evidence, *, seed: int = 0, count: int = 2, by: str = ""
    ) -> Located:
        signed = torch.arange(3 * model.neurons).view(vape.signed.shape) - 10.0
        selected = torch.zeros_like(vape.selected)
        selected[:2, 0, :count] = True
        return Located(
            "gate", signed, selected, parameters={"by": "place"}, empty="as told", warnings=["odd"]
        )

    monkeypatch.setitem(LOCATORS, "first", first)
    monkeypatch.setitem(LOCATORS, "whole", lambda model, evidence, *, seed=0: vape)
    found = locate("first", model, evidence, seed=4, count=3)
    assert (found.method, found.seed, found.values) == ("first", 4, VALUES)
    assert found.parameters == {"count": 3, "by": "place"}
    assert found.sizes() == {"power": 3, "care": 3, "safety": 0}
    assert found.warnings == ("safety: no neurons selected; as told", "odd")
    assert torch.equal(found.scores, found.signed.abs())
    assert found.neuron_set("power").signs.tolist() == [-1, -1, -1]
    assert locate("whole", model, evidence) is vape


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=2))
    with pytest.raises(
        LocateError,
        match=f"no locator 'lape'; the locators are {', '.join(LOCATORS)}",
    ):
        locate("lape", model, evidence)
    with pytest.raises(LocateError, match="vape has no parameter 'threshold'; its parameters are rate, bar"):
        locate("vape", model, evidence, threshold=0.1)
    with pytest.raises(
        LocateError, match="vape located nothing for 'joy'; its values are power, care, safety"
    ):
        locate("vape", model, evidence).neuron_set("joy")
    other = tiny_model("gpt2")
    with pytest.raises(LocateError, match=r"collected in tiny-llama .* not in tiny-gpt2"):
        locate("vape", other, evidence)
    like = locate("vape", model, evidence)
    with pytest.raises(LocateError, match="like: located in tiny-llama"):
        locate("random", other, collected(other, value_texts(pairs=2)), like=like)
    assert locator_parameters("vape") == {"rate": 0.015, "bar": 0.95}


def test_evidence_is_checked() -> None:
    model = tiny_model("llama")
    activations = collected(model, value_texts(pairs=2)).activations
    for arguments, message in (
        ({"values": ()}, "at least one"),
        ({"values": ("a", "a"), "positive": {"a": "power+"}}, "each once"),
        ({"values": ("power",), "positive": {}}, "'power' has no positive label"),
        (
            {"values": ("power",), "positive": {"power": "might"}},
            "'might' of 'power' was not counted; the labels are care",
        ),
        (
            {"values": ("power",), "positive": {"power": "power+", "joy": "care+"}},
            "'joy', which is not among",
        ),
    ):
        with pytest.raises(LocateError, match=message):
            Evidence(activations, **{"positive": {}, **arguments})  # type: ignore[arg-type]
