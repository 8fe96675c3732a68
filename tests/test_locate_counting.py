"""VAPE and ValueLocate against plain loops, and VAPE against the LAPE authors' own code."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from conftest import shared
from locate_references import (
    REAL_MODELS,
    VALUES,
    collected,
    evidence_of,
    record,
    reference_model,
    selected,
    slow_counts,
    slow_valuelocate,
    slow_vape,
    value_texts,
)
from tiny_models import tiny_model

from valuescope.activations import collect, collect_encoded
from valuescope.locate import Evidence, LocateError, locate
from valuescope.models import Encoded, load_model

NAMES = ("llama", "gpt2", "opt", *REAL_MODELS)


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest):
    model, texts = reference_model(request.param), value_texts(pairs=3)
    records = record(model, texts)
    slow = {f"{v}{side}": slow_counts(model, records, f"{v}{side}") for v in VALUES for side in "+-"}
    return model, collected(model, texts), slow


@pytest.mark.parametrize(("rate", "bar"), [(0.015, 0.95), (0.1, 0.5), (0.3, 0.9)])
def test_vape(case, rate: float, bar: float) -> None:
    model, evidence, slow = case
    found = locate("vape", model, evidence, rate=rate, bar=bar)
    expected = slow_vape([slow[f"{value}+"] for value in VALUES], rate, bar)
    for row, value in enumerate(VALUES):
        assert selected(found.selected[row]) == expected[row], value
        neurons = found.neuron_set(value)
        assert len(neurons) == len(expected[row])
        assert neurons.signs.tolist() == [1] * len(neurons)
    assert found.scores[~found.selected].max() <= np.log(3)
    assert found.parameters == {"rate": rate, "bar": bar}
    assert found.diagnostics["kept"] <= round(rate * model.neurons)


@pytest.mark.parametrize("site", ["gate", "product"])
@pytest.mark.parametrize("threshold", [0.03, 0.34])
def test_valuelocate(case, site: str, threshold: float) -> None:
    model, evidence, slow = case
    found = locate("valuelocate", model, evidence, threshold=threshold, site=site)
    for row, value in enumerate(VALUES):
        expected = slow_valuelocate(slow[f"{value}+"], slow[f"{value}-"], threshold, site)
        neurons = found.neuron_set(value)
        assert selected(found.selected[row]) == set(expected), value
        deltas = [
            expected[key] for key in zip(neurons.layers.tolist(), neurons.indices.tolist(), strict=True)
        ]
        np.testing.assert_allclose(neurons.scores, deltas, rtol=1e-6)
        assert neurons.signs.tolist() == [1 if delta > 0 else -1 for delta in deltas]
        assert neurons.site == site
        share = found.diagnostics["passing_share"][row]
        assert share == pytest.approx(len(expected) / model.neurons)


@pytest.mark.parametrize(
    ("name", "bar"), [("stories260K", 0.84526312), ("gpt2-tinystories-280k", 0.66483885)]
)
def test_counts_and_masks_are_those_of_the_lape_authors(name: str, bar: float) -> None:
    expected = json.loads(shared(f"golden/lape/{name}_expected.json").read_text())
    published = np.load(shared(f"golden/lape/{name}_counts.npz"))
    model, groups = load_model(str(shared(f"models/{name}"))), expected["groups"]
    rows = [Encoded(tuple(ids), len(ids)) for group in groups for ids in expected["token_ids"][group]]
    labels = [group for group in groups for _ in expected["token_ids"][group]]
    activations = collect_encoded(model, rows, labels, special_tokens=True, residuals=False)
    assert activations.counters.tokens.tolist() == published["n"].tolist()
    counts = torch.tensor(published["over_zero"]).permute(2, 0, 1)
    assert (activations.counters.gate_active - counts).abs().max() <= 1
    evidence = Evidence(activations, tuple(groups), {group: group for group in groups})
    never = (activations.counters.gate_active == 0).all(dim=0)
    for rate, empty in ((0.01, name == "stories260K"), (0.05, False)):
        found = locate("vape", model, evidence, rate=rate)
        kept = found.selected.any(dim=0)
        assert int(kept.sum()) == found.diagnostics["kept"] == round(rate * model.neurons)
        assert found.diagnostics["bar_rate"] == pytest.approx(bar, abs=1e-7)
        assert not (kept & never).any()
        assert found.diagnostics["firing_profile"]["never_firing"] == int(never.sum())
        masks = expected["masks"][f"top_rate_{rate}"]
        for row, group in enumerate(groups):
            for layer in range(model.layers):
                ours = found.selected[row, layer].nonzero().squeeze(1).tolist()
                assert ours == sorted(masks[group][layer]), (rate, group, layer)
            assert bool(found.selected[row].any()) is any(masks[group])
        assert list(found.sizes()) == groups
        assert (len(found.neuron_set(groups[0])) == 0) is empty
        assert any(groups[0] in warning for warning in found.warnings) is empty


def _evidence(rates: list[list[float]], tokens: int = 1000) -> tuple:
    """A tiny llama whose counters are replaced: rates[v] for the first neurons of layer 0, else zero."""
    model, texts = tiny_model("llama"), value_texts(pairs=1)
    activations = collect(model, texts, residuals=False)
    counters = activations.counters
    active = torch.zeros_like(counters.gate_active)
    for row, value in enumerate(rates):
        active[counters.index(f"{VALUES[row]}+"), 0, : len(value)] = (
            (torch.tensor(value) * tokens).round().long()
        )
    counters = dataclasses.replace(
        counters, gate_active=active, tokens=torch.full_like(counters.tokens, tokens)
    )
    return model, evidence_of(dataclasses.replace(activations, counters=counters))


def test_vape_leaves_silent_neurons_out_and_breaks_ties_by_place() -> None:
    model, evidence = _evidence([[0.5, 0.5, 0.5, 0.2], [0.0, 0.0, 0.0, 0.2], [0.0, 0.0, 0.5, 0.2]])
    found = locate("vape", model, evidence, rate=1 / model.neurons, bar=0.9)
    assert selected(found.selected[0]) == {(0, 0)}
    assert not found.selected[1:].any()
    assert found.scores[0, 0, 0] == pytest.approx(np.log(3))
    assert found.scores[0, 0, 2] == pytest.approx(np.log(3) - np.log(2))
    assert (found.scores[:, 1:] == 0).all()
    everything = locate("vape", model, evidence, rate=0.9, bar=0.9)
    assert everything.diagnostics["eligible"] == 4
    assert everything.sizes() == {"power": 4, "care": 1, "safety": 2}
    assert found.warnings == tuple(
        f"{v}: no neurons selected; none of the kept ones fires above the bar, 0.0000, on its texts"
        for v in VALUES[1:]
    )


def test_a_delta_on_the_threshold_counts() -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=1)
    activations = collect(model, texts, residuals=False)
    counters = activations.counters
    positive = torch.zeros_like(counters.gate_positive)
    for row, (plus, minus) in enumerate([(43, 40), (40, 43), (42, 40)]):
        positive[counters.index(f"{VALUES[row]}+"), 1, 7] = plus
        positive[counters.index(f"{VALUES[row]}-"), 1, 7] = minus
    counters = dataclasses.replace(
        counters, gate_positive=positive, prompts=torch.full_like(counters.prompts, 100)
    )
    found = locate("valuelocate", model, evidence_of(dataclasses.replace(activations, counters=counters)))
    assert found.sizes() == {"power": 1, "care": 1, "safety": 0}
    assert found.neuron_set("power").signs.tolist() == [1]
    assert found.neuron_set("care").signs.tolist() == [-1]
    assert found.warnings == ("safety: no neurons selected; no |delta| reaches 0.03",)


def test_valuelocate_top_keeps_the_largest() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=6))
    every, some = (locate("valuelocate", model, evidence, top=top) for top in (None, 5))
    for value in VALUES:
        kept, whole = some.neuron_set(value), every.neuron_set(value)
        assert kept.flat.tolist() == whole.top(5).flat.tolist()
    assert "each weighs more than the threshold" in " ".join(every.warnings)


def test_settings_are_checked() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=2))
    for method, wrong in (
        ("vape", {"rate": 0}), ("vape", {"bar": 1.0}), ("valuelocate", {"threshold": 0.0}),
        ("valuelocate", {"site": "up"}), ("valuelocate", {"top": 0}),
    ):  # fmt: skip
        with pytest.raises(LocateError, match=f"{method}: {next(iter(wrong))} is"):
            locate(method, model, evidence, **wrong)
    lonely = Evidence(evidence.activations, ("power",), {"power": "power+"})
    with pytest.raises(LocateError, match="at least two"):
        locate("vape", model, lonely)
    with pytest.raises(LocateError, match="'power' has no negative label"):
        locate("valuelocate", model, lonely)
