"""ValueLocate's options: token statistic, contrast with other values, false-discovery control, warnings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from count_references import slow_deltas, slow_mean_correlation, slow_valuelocate_selection
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
from tiny_models import tiny_model

from valuescope.activations import collect
from valuescope.locate import Evidence, LocateError, locate
from valuescope.locate.valuelocate import mean_correlation


@pytest.fixture(scope="module", params=[("llama", "all"), ("gpt2", "answer"), ("qwen2", "prompt")])
def case(request: pytest.FixtureRequest):
    name, scope = request.param
    model, texts = reference_model(name), value_texts(pairs=6)
    records = record(model, texts)
    plus, minus = (
        [slow_counts(model, records, f"{value}{side}", scope=scope) for value in VALUES] for side in "+-"
    )
    return model, evidence_of(collect(model, texts, batch_size=7, scope=scope)), plus, minus


@pytest.mark.parametrize("control", ["threshold", "false-discovery"])
@pytest.mark.parametrize("contrast", ["opposite", "others"])
@pytest.mark.parametrize("statistic", ["prompt", "token"])
@pytest.mark.parametrize("site", ["gate", "product"])
def test_every_choice_is_that_of_plain_loops(
    case, site: str, statistic: str, contrast: str, control: str
) -> None:
    model, evidence, plus, minus = case
    chosen = {"site": site, "statistic": statistic, "contrast": contrast, "control": control}
    found = locate("valuelocate", model, evidence, threshold=0.1, q=0.4, **chosen)
    deltas = slow_deltas(plus, minus, site=site, statistic=statistic, contrast=contrast)
    expected = slow_valuelocate_selection(deltas, threshold=0.1, control=control, q=0.4)
    for row, value in enumerate(VALUES):
        assert selected(found.selected[row]) == expected[row], value
        numbers = [test.difference for test in deltas[row].values()]
        np.testing.assert_allclose(found.signed[row].flatten(), numbers, atol=1e-6)
        assert found.diagnostics["selected_share"][row] == pytest.approx(len(expected[row]) / model.neurons)
    assert found.diagnostics["mean_correlation"] == pytest.approx(slow_mean_correlation(deltas))
    assert found.diagnostics["scope"] == evidence.activations.counters.scope
    assert found.parameters == {"threshold": 0.1, "top": None, "q": 0.4, **chosen}


def test_the_other_values_need_no_negative_texts() -> None:
    model = tiny_model("llama")
    whole = collected(model, value_texts(pairs=3))
    evidence = Evidence(whole.activations, VALUES, {value: f"{value}+" for value in VALUES})
    found = locate("valuelocate", model, evidence, contrast="others")
    assert torch.equal(found.signed, locate("valuelocate", model, whole, contrast="others").signed)
    assert found.diagnostics["positive_prompts"] == [3, 3, 3]
    assert found.diagnostics["negative_prompts"] == [6, 6, 6]


def _evidence(positive: dict[str, dict[int, int]], prompts: int = 100) -> tuple:
    """A tiny llama with gate_positive[label][flat neuron] as given, else 0."""
    model, texts = tiny_model("llama"), value_texts(pairs=1)
    activations = collect(model, texts, residuals=False)
    counters = activations.counters
    counts = torch.zeros_like(counters.gate_positive)
    for label, numbers in positive.items():
        for place, number in numbers.items():
            counts[counters.index(label)].view(-1)[place] = number
    counters = dataclasses.replace(
        counters, gate_positive=counts, prompts=torch.full_like(counters.prompts, prompts)
    )
    return model, evidence_of(dataclasses.replace(activations, counters=counters))


def test_one_polarity_direction_is_said() -> None:
    """All values tell for from against by the same neurons; against one another they are told by their own."""
    same = dict.fromkeys(range(40), 90)
    model, evidence = _evidence({f"{value}+": {**same, 60 + row: 80} for row, value in enumerate(VALUES)})
    found = locate("valuelocate", model, evidence)
    assert found.diagnostics["mean_correlation"] > 0.9
    assert "one polarity direction for all values; compare contrast='others'" in found.warnings[-1]
    against_others = locate("valuelocate", model, evidence, contrast="others")
    assert against_others.diagnostics["mean_correlation"] < 0
    assert against_others.warnings == ()
    for row, mask in enumerate(against_others.selected):
        strongest = against_others.neuron_set(VALUES[row]).top(1)
        assert strongest.flat.tolist() == [60 + row]
        assert int(mask.sum()) == 3


def test_a_selection_that_is_not_sparse_is_said() -> None:
    model, evidence = _evidence(
        {"care+": dict.fromkeys(range(62), 50), "power+": dict.fromkeys(range(28), 4)}
    )
    found = locate("valuelocate", model, evidence)
    assert found.diagnostics["selected_share"] == [28 / 144, 62 / 144, 0.0]
    assert (
        "care: selected 43% of all neurons: not sparse; use top=... or control='false-discovery'"
        in found.warnings
    )
    tested = locate("valuelocate", model, evidence, control="false-discovery")
    assert tested.sizes() == {"power": 0, "care": 62, "safety": 0}  # 4 of 100 against 0 may be chance
    assert "care: selected 43% of all neurons: not sparse; use top=..." in tested.warnings
    few = locate("valuelocate", model, evidence, top=5)
    assert few.neuron_set("care").flat.tolist() == [0, 1, 2, 3, 4]
    assert few.diagnostics["passing_share"][1] == 62 / 144
    assert not [warning for warning in few.warnings if "sparse" in warning]


def test_equal_deltas_tie_whatever_their_shares() -> None:
    """0.43 - 0.40 and 0.03 - 0 are one number, though not in float64."""
    model, evidence = _evidence({"care+": {3: 43, 9: 3, 12: 93}, "care-": {3: 40, 12: 90}})
    found = locate("valuelocate", model, evidence, top=2)
    assert found.neuron_set("care").flat.tolist() == [3, 9]


def test_mean_correlation() -> None:
    rows = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0))
    expected = np.corrcoef(rows.flatten(1).numpy())[np.triu_indices(4, 1)].mean()
    assert mean_correlation(rows) == pytest.approx(expected, abs=1e-6)
    assert mean_correlation(torch.stack([rows[0], rows[0], -rows[0]])) == pytest.approx(-1 / 3)
    assert mean_correlation(torch.stack([rows[0], rows[0], torch.zeros(3, 5)])) == pytest.approx(1)
    assert mean_correlation(rows[:1]) is None
    assert mean_correlation(torch.zeros(3, 2, 2)) is None


def test_settings_are_checked() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=2))
    for wrong in ({"statistic": "text"}, {"contrast": "all"}, {"control": "none"}, {"q": 1}):
        with pytest.raises(LocateError, match=f"valuelocate: {next(iter(wrong))} is"):
            locate("valuelocate", model, evidence, **wrong)
    lonely = Evidence(evidence.activations, ("power",), {"power": "power+"}, {"power": "power-"})
    assert locate("valuelocate", model, lonely).diagnostics["mean_correlation"] is None
    with pytest.raises(LocateError, match="contrast 'others' compares values: give at least two"):
        locate("valuelocate", model, lonely, contrast="others")
