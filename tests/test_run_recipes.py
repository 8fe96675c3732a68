"""The recipes of the papers' models, each against a model of its family with the real number of layers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from chat_templates import DATED, DEFAULT, PLAIN, REFUSING, SILENT
from tiny_models import tiny_hf_model, tiny_tokenizer

from valuescope.models import NeuronModel, wrap_model
from valuescope.run import SpecError, read_spec, ready

RECIPES = Path(__file__).resolve().parents[1] / "specs" / "recipes"


class Published(NamedTuple):
    """A model as its makers published it: family, layers, and the manner of its chat template."""

    family: str
    layers: int
    template: str
    layer_types: tuple[str, ...] = ()


LLAMA_8B = Published("llama", 32, DATED)
QWEN_7B = Published("qwen2", 28, DEFAULT, ("full_attention",))
MODELS: Mapping[str, Published] = {
    "neva-llama-2-13b": Published("llama", 40, PLAIN),
    "neva-llama-3-8b": Published("llama", 32, PLAIN),
    "neva-qwen2.5-7b": QWEN_7B,
    "valueexploration-internlm3-8b": Published("internlm", 48, PLAIN),
    "valueexploration-llama-3-8b": Published("llama", 32, PLAIN),
    "valueexploration-mistral-7b": Published("mistral", 32, SILENT),
    "valueexploration-qwen2.5-7b": QWEN_7B,
    "valuelocate-gemma-2-9b": Published("gemma2", 42, REFUSING, ("sliding_attention", "full_attention")),
    "valuelocate-llama-3.1-8b": LLAMA_8B,
    "valuelocate-llama-3.2-1b": Published("llama", 16, DATED),
    "valuelocate-qwen2-0.5b": Published("qwen2", 24, DEFAULT, ("full_attention",)),
}


@cache
def tiny(published: Published) -> NeuronModel:
    """The same architecture and as many layers, with tiny widths."""
    kinds, layers = published.layer_types, published.layers
    types = {"layer_types": [kinds[layer % len(kinds)] for layer in range(layers)]} if kinds else {}
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = published.template
    model = tiny_hf_model(published.family, num_hidden_layers=layers, **types)
    return wrap_model(model, tokenizer, id=published.family, check=False)


def recipe(name: str, **overrides: Any) -> Any:
    return read_spec(RECIPES / f"{name}.yaml", **overrides)


def test_there_is_one_for_each_model_of_each_paper() -> None:
    assert {path.stem for path in RECIPES.glob("*.yaml")} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_it_passes_what_a_run_checks_before_it_reads_anything(name: str) -> None:
    spec = ready(recipe(name), None, tiny(MODELS[name]))
    assert spec.name == name
    assert (spec.experiment == "valueexploration") == name.startswith("valueexploration-")
    assert "base:" not in spec.to_yaml()


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("neva-")])
def test_the_steering_baselines_are_the_published_ones_on_the_band_of_neva(name: str) -> None:
    methods = recipe(name).methods
    band = methods["neva"].default.locator["layers"]
    assert all(method.default.locator["layers"] == band for method in methods.values())
    assert list(methods) == ["neva", "caa", "conva"]
    assert methods["conva"].default.edit["per"] == "prompt"
    for method in methods.values():
        assert len(method.default.by_value) == 10
        assert method.asked == "dilemma"


def test_tables_3_to_5_reach_locator_and_edit() -> None:
    methods = recipe("neva-llama-2-13b").methods
    neva, caa, conva = (methods[name] for name in ("neva", "caa", "conva"))
    values = ("power", "conformity")
    assert [
        dict(parameters)["alpha"] for parameters, _ in neva.default.located_alike(values, neva.located)
    ] == [
        0.04,
        0.03,
    ]
    assert [neva.default.edit_of(value, neva.located) for value in values] == [{"beta": 1.0}, {"beta": 0.9}]
    assert caa.default.edit_of("benevolence", caa.located) == {"coefficient": 0.08}
    assert conva.default.edit_of("security", conva.located) == {"p0": 0.98, "per": "prompt"}


def test_a_band_that_the_model_does_not_have_is_refused_before_anything_is_read() -> None:
    with pytest.raises(SpecError, match=r"methods\.neva: layers is \[10, 29\].*from 0 to 27.*Llama-2-13b"):
        ready(recipe("neva-llama-2-13b"), None, tiny(QWEN_7B))
    given = {"methods.neva.default.by_value.power.layers": [20, 40]}
    with pytest.raises(SpecError, match=r"methods\.neva: layers is \[20, 40\].*from 0 to 31"):
        ready(recipe("neva-llama-3-8b", **given), None, tiny(MODELS["neva-llama-3-8b"]))
