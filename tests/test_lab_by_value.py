"""Parameters of single values: of the locator as well as of the edit, in neurons, directions, sweeps and plans."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from run_samples import TWO, dilemma_spec, laboratory_of, save_tiny_model

from valuescope.edit import ProbeShift
from valuescope.lab.laboratory import Laboratory
from valuescope.lab.locations import located
from valuescope.lab.setting import DoseSpec, Setting
from valuescope.lab.treatments import treatments
from valuescope.locate import locate
from valuescope.models import NeuronModel, load_model
from valuescope.run import SpecError, make_spec
from valuescope.run.plan import plan_of

NEVA = {
    "locator": "neva",
    "edit": "modulate",
    "default": {
        "locator": {"alpha": 0.1, "accuracy": 0.0},
        "edit": {"beta": 0.9},
        "by_value": {TWO[0]: {"alpha": 0.3, "beta": 1.0}},
    },
}
METHODS: dict[str, Any] = {
    "neva": NEVA,
    "same": {**NEVA, "default": {**NEVA["default"], "by_value": {TWO[0]: {"alpha": 0.1}}}},  # type: ignore[dict-item]
    "caa": {
        "intervention": "caa",
        "default": {"locator": {"layers": [0, 1]}, "by_value": {TWO[1]: {"layers": [2, 2]}}},
    },
    "conva": {
        "intervention": "conva",
        "default": {
            "locator": {"accuracy": 0.0},
            "edit": {"per": "prompt"},
            "by_value": {TWO[1]: {"layers": [1, 2], "p0": 0.8}},
        },
    },
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NeuronModel:
    folder = save_tiny_model(tmp_path_factory.mktemp("model"))
    return load_model(str(folder), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def laboratory(model: NeuronModel, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    spec = dilemma_spec(model.identity.id, methods=METHODS)
    return laboratory_of(spec, tmp_path_factory.mktemp("run"), model)


def test_each_value_has_the_neurons_of_its_own_parameters(laboratory: Laboratory) -> None:
    method = laboratory.spec.methods["neva"]
    found = laboratory.locations.of(method, method.default)
    evidence = laboratory.locations.evidence(method)
    for value, alpha in zip(TWO, (0.3, 0.1), strict=True):
        alone = locate(
            "neva", laboratory.model, evidence, seed=laboratory.spec.seed, alpha=alpha, accuracy=0.0
        )
        row, there = found.index(value), alone.index(value)
        for name in ("scores", "signed", "signs", "selected"):
            assert torch.equal(getattr(found, name)[row], getattr(alone, name)[there])
        assert found.diagnostics["kept_layers"][value] == alone.diagnostics["kept_layers"][value]
        assert found.diagnostics["neurons_per_layer"][value] == alone.diagnostics["neurons_per_layer"]
        assert found.parameters["by_value"][value] == {"alpha": alpha}
    assert found.sizes() == {TWO[0]: 3 * round(0.3 * 48), TWO[1]: 3 * round(0.1 * 48)}
    assert "alpha" not in found.parameters
    edits = treatments(laboratory.locations, method, method.default)
    assert [edits[value].parameters["beta"] for value in TWO] == [1.0, 0.9]  # type: ignore[union-attr]


def test_a_value_that_says_what_all_have_is_no_other_location(laboratory: Laboratory) -> None:
    same = laboratory.spec.methods["same"]
    plain = Setting(locator={"alpha": 0.1, "accuracy": 0.0})
    names = [laboratory.locations.name(same, setting) for setting in (same.default, plain)]
    assert names[0] == names[1]
    assert laboratory.locations.name(same, laboratory.spec.methods["neva"].default) != names[0]


def test_directions_and_their_edits_too(laboratory: Laboratory) -> None:
    methods = laboratory.spec.methods
    caa, conva = (
        treatments(laboratory.locations, methods[name], methods[name].default) for name in ("caa", "conva")
    )
    assert [caa[value].subject.layers.tolist() for value in TWO] == [[0, 1], [2]]  # type: ignore[union-attr]
    assert [conva[value].subject.layers.tolist() for value in TWO] == [[0, 1, 2], [1, 2]]  # type: ignore[union-attr]
    assert [(e.p0, e.per) for e in conva.values() if isinstance(e, ProbeShift)] == [
        (0.92, "prompt"),
        (0.8, "prompt"),
    ]


def test_a_sweep_sets_it_for_every_value(laboratory: Laboratory) -> None:
    method = laboratory.spec.methods["neva"]
    dosed = method.dosed(method.default, DoseSpec(parameter="alpha", values=(0.2,)), 0.2)
    assert dosed.locator["alpha"] == 0.2
    assert dosed.by_value == {TWO[0]: {"beta": 1.0}}
    evidence = laboratory.locations.evidence(method)
    sizes = located(method, dosed, laboratory.model, evidence, seed=0).sizes()
    assert len(set(sizes.values())) == 1


def test_a_plan_counts_each_choice_of_parameters_once(laboratory: Laboratory) -> None:
    plan = plan_of(laboratory.spec)
    given = [locating.parameters for locating in plan.reading.locating]
    assert {"alpha": 0.3, "accuracy": 0.0} in given
    assert given.count({"alpha": 0.1, "accuracy": 0.0}) == 1


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            {**NEVA, "default": {"by_value": {TWO[0]: {"alfa": 0.1}}}},
            r"parameter of by_value of neva 'alfa' is unknown; did you mean 'alpha'",
        ),
        (
            {**NEVA, "default": {"by_value": {TWO[0]: {"alpha": "x"}}}},
            r"parameter 'alpha' of by_value of neva must be a number",
        ),
        ({**NEVA, "default": {"by_value": {TWO[0]: {"beta": -1.0}}}}, r"beta must be a finite number >= 0"),
        (
            {"intervention": "sft", "default": {"by_value": {TWO[0]: {"rank": 4}}}},
            r"by_value of sft 'rank' is unknown",
        ),
        (
            {"intervention": "conva", "asked": "pairs", "default": {"by_value": {TWO[0]: {"per": "prompt"}}}},
            r"per: prompt is measured at the last token of a prompt, and pairs are texts without one",
        ),
        (
            {"intervention": "conva", "default": {"edit": {"per": "text"}}},
            r"'per' of edit conva must be one of token, prompt",
        ),
    ],
)
def test_what_cannot_be_is_refused(method: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make_spec(
            {
                "name": "n",
                "judge": "likelihood" if method.get("asked") else "oracle",
                "methods": {"m": method},
            },
            "t",
        )
