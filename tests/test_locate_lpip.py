"""LPIP against really adding each neuron's contribution, on all families and two real models."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from attribution_references import (
    REAL,
    TEXTS,
    evidence_for,
    lettered_model,
    logits_of,
    model_of,
    slow_lpip,
    some_neurons,
)
from tiny_models import FAMILIES, tiny_model

from valuescope.activations import collect
from valuescope.data.records import LabelledText
from valuescope.locate import Evidence, LocateError, locate
from valuescope.locate.lpip import increases
from valuescope.locate.next_token import asked_tokens, next_tokens, pad_rows
from valuescope.locate.stream import read_stream, require_sums
from valuescope.locate.unembedding import read_normalisation, read_unembedding

LABELS = ["care+", "care-"]


def fast(model, rows, norm: str, numbers: int = 1000) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        unembedding = read_unembedding(model)
        stream = read_stream(model, pad_rows(model, rows)[0])
        tokens = asked_tokens(rows, unembedding.of(stream.residual[-1]))
        scale = unembedding.norm.scale(stream.residual[-1]) if norm == "frozen" else None
        return tokens, increases(model, unembedding, stream, tokens, scale, numbers)


@pytest.mark.parametrize("name", [*FAMILIES, *REAL])
def test_equals_adding_one_neuron_at_a_time(name: str) -> None:
    model = model_of(name)
    for norm, token in (("exact", "predicted"), ("frozen", "target")):
        rows = next_tokens(model, TEXTS, LABELS, token)
        tokens, found = fast(model, rows, norm)
        neurons = some_neurons(model, 16)
        for row, its_token, its in zip(rows, tokens.tolist(), found, strict=True):
            slow_token, expected = slow_lpip(model, row.encoded.input_ids, row.target, neurons, norm)
            assert its_token == slow_token
            got = torch.stack([its[layer, k] for layer, k in neurons])
            torch.testing.assert_close(got, torch.tensor(expected), rtol=1e-4, atol=3e-5)
        assert found.abs().max() > 0.01


@pytest.mark.parametrize("name", ["gemma2", "gpt2", "falcon"])
def test_neither_batch_nor_memory_bound_matters(name: str) -> None:
    model = tiny_model(name)
    rows = next_tokens(model, TEXTS, LABELS, "predicted")
    _, together = fast(model, rows, "exact", numbers=10**7)
    for numbers in (1, 250, 5000):
        torch.testing.assert_close(fast(model, rows, "exact", numbers)[1], together, rtol=1e-5, atol=1e-6)
    for index, row in enumerate(rows):
        torch.testing.assert_close(fast(model, [row], "exact")[1][0], together[index], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_bfloat16_is_near_float32(name: str) -> None:
    exact, rough = tiny_model(name), tiny_model(name, torch.bfloat16)
    rows = next_tokens(exact, TEXTS, LABELS, "target")
    one, other = fast(exact, rows, "exact")[1], fast(rough, rows, "exact")[1]
    assert (one - other).norm() < 0.1 * one.norm()


@torch.no_grad()
def slow_query_scores(model, ids: tuple[int, ...], count: int) -> torch.Tensor:
    """One text alone, one attention neuron and one neuron at a time (llama: two query heads share a value head)."""
    inputs, outputs, products = [], [], []
    handles = []
    for layer in model.model.model.layers:
        handles += [
            layer.input_layernorm.register_forward_pre_hook(lambda _, args: inputs.append(args[0][0, -1])),
            layer.self_attn.o_proj.register_forward_pre_hook(lambda _, args: outputs.append(args[0][0, -1])),
            layer.mlp.down_proj.register_forward_pre_hook(lambda _, args: products.append(args[0][0, -1])),
        ]
    token = int(logits_of(model, ids).argmax())
    for handle in handles:
        handle.remove()

    def log_probability(stream: torch.Tensor) -> float:
        return float(model.model.lm_head(model.model.model.norm(stream)).log_softmax(-1)[token])

    ranked = []
    for at, layer in enumerate(model.model.model.layers):
        written = layer.self_attn.o_proj.weight * outputs[at]
        for j in range(len(outputs[at])):
            increase = log_probability(inputs[at] + written[:, j]) - log_probability(inputs[at])
            head, entry = divmod(j, layer.self_attn.head_dim)
            shared = model.model.config.num_attention_heads // model.model.config.num_key_value_heads
            row = layer.self_attn.v_proj.weight[head // shared * layer.self_attn.head_dim + entry]
            key = row * layer.input_layernorm.weight * (1 if outputs[at][j] > 0 else -1)
            ranked.append((increase, at, key))
    top = sorted(ranked, key=lambda one: -one[0])[:count]
    expected = torch.zeros(model.layers, model.width)
    for at in range(model.layers):
        for k in range(model.width):
            contribution = products[at][k] * model.value_vectors(at)[k]
            expected[at, k] = sum(float(contribution @ key) for _, later, key in top if later > at)
    return expected


def test_query_neurons_by_plain_loops() -> None:
    model = tiny_model("llama")
    evidence = evidence_for(model, (TEXTS[0], TEXTS[3]))
    found = locate("lpip", model, evidence, kind="query", attention=9)
    one, other = (
        slow_query_scores(model, row.encoded.input_ids, 9)
        for row in next_tokens(model, (TEXTS[0], TEXTS[3]), LABELS, "predicted")
    )
    torch.testing.assert_close(found.signed[0], one - other, rtol=1e-3, atol=1e-5)
    assert found.scores.max() > 0.01
    assert found.scores[0, -1].max() == 0  # no attention comes after the last layer's neurons


@pytest.mark.parametrize("name", ["qwen3", "gemma2", "gemma3"])
def test_query_neurons_do_not_depend_on_the_batch(name: str) -> None:
    model = tiny_model(name)
    evidence = evidence_for(model)
    one = locate("lpip", model, evidence, kind="query", batch_size=1)
    torch.testing.assert_close(
        one.signed, locate("lpip", model, evidence, kind="query").signed, rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("name", ["gpt2", "falcon"])
def test_query_neurons_are_refused_where_attention_is_built_otherwise(name: str) -> None:
    model = tiny_model(name)
    with pytest.raises(LocateError, match="Use kind='value'"):
        locate("lpip", model, evidence_for(model), kind="query")


def test_location() -> None:
    model = tiny_model("llama")
    evidence = evidence_for(model)
    found = locate("lpip", model, evidence, top=7, norm="frozen", token="target", batch_size=3)
    rows = next_tokens(model, TEXTS, LABELS, "target")
    _, every = fast(model, rows, "frozen")
    expected = every[:2].mean(dim=0) - every[2:].mean(dim=0)
    torch.testing.assert_close(found.signed[0], expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found.scores, found.signed.abs())
    assert found.selected.sum() == 7
    assert found.scores[found.selected].min() >= found.scores[~found.selected].max()
    assert found.signs[0].equal(torch.where(found.signed[0] < 0, -1, 1).to(torch.int8))
    assert found.site == "product"
    assert found.diagnostics["queries"] == 4
    assert found.parameters["norm"] == "frozen"
    again = locate("lpip", model, evidence, top=7, norm="frozen", token="target", batch_size=3)
    assert again.hash == found.hash


def test_texts_limits_the_texts_per_label() -> None:
    model = tiny_model("llama")
    found = locate("lpip", model, evidence_for(model), texts=1)
    fewer = locate("lpip", model, evidence_for(model, (TEXTS[0], TEXTS[2])))
    torch.testing.assert_close(found.signed, fewer.signed, rtol=1e-4, atol=1e-5)
    assert found.diagnostics["queries"] == 2


def test_weights_stay_as_they_were() -> None:
    model = lettered_model("llama")
    assert all(parameter.requires_grad for parameter in model.model.parameters())
    for method in ("lpip", "qrnca", "cgvst"):
        locate(method, model, evidence_for(model), texts=1)
        assert all(
            parameter.requires_grad and parameter.grad is None for parameter in model.model.parameters()
        )
        assert not model.model.training


def test_texts_must_be_those_that_were_counted() -> None:
    model = tiny_model("llama")
    activations = collect(model, TEXTS, residuals=False)
    roles = {"positive": {"care": "care+"}, "negative": {"care": "care-"}}
    Evidence(activations, ("care",), **roles, texts=TEXTS[::-1])
    for wrong in (TEXTS[:3], (*TEXTS[:3], LabelledText("care-", "we rest"))):
        with pytest.raises(LocateError, match="not those of the 4 that were counted"):
            Evidence(activations, ("care",), **roles, texts=wrong)
    with pytest.raises(LocateError, match="give those counted as `texts`"):
        locate("lpip", model, Evidence(activations, ("care",), **roles))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"kind": "key"}, "kind is 'key'"),
        ({"attention": 0}, "attention is 0"),
        ({"norm": "none"}, "norm is 'none'; it is one of exact, frozen"),
        ({"token": "first"}, "token is 'first'"),
        ({"top": 0}, "top is 0; the model has"),
        ({"texts": 0}, "texts is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"numbers": 0}, "numbers is 0"),
    ],
)
def test_bad_parameters(parameters: dict[str, object], said: str) -> None:
    model = tiny_model("llama")
    with pytest.raises(LocateError, match=said):
        locate("lpip", model, evidence_for(model), **parameters)


def test_one_label_for_both_sides_is_refused() -> None:
    model = tiny_model("llama")
    evidence = dataclasses.replace(evidence_for(model), negative={"care": "care+"})
    for method in ("lpip", "qrnca", "cgvst"):
        with pytest.raises(LocateError, match="same label 'care\\+' on both sides"):
            locate(method, model, evidence)


def test_models_that_bend_the_stream_or_the_logits_are_refused() -> None:
    model = tiny_model("llama")
    head = model.model.get_output_embeddings()
    handle = head.register_forward_hook(lambda _, __, out: out * 3)
    with pytest.raises(LocateError, match="do not give the model's logits"):
        read_unembedding(model)
    handle.remove()
    (row,) = next_tokens(model, TEXTS[:1], LABELS, "predicted")
    handle = model.down(1).register_forward_hook(lambda _, __, out: out * 0.5)
    with pytest.raises(LocateError, match="layer 1: the stream does not change by W_down m"):
        require_sums(model, row.encoded)
    handle.remove()
    with pytest.raises(LocateError, match="neither a LayerNorm nor an RMSNorm"):
        read_normalisation(torch.nn.Linear(4, 4), 4, "thing")
