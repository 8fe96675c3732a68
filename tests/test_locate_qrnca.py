"""QRNCA: integrated gradients against really moving neurons, completeness, and the clusters by plain loops."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict

import pytest
import torch
from attribution_references import (
    REAL,
    TEXTS,
    evidence_for,
    lettered_model,
    model_of,
    slow_integrated_gradient,
    some_neurons,
)
from conftest import shared
from tiny_models import FAMILIES, tiny_model

from valuescope.activations import collect
from valuescope.data.records import LabelledText
from valuescope.locate import Evidence, LocateError, locate
from valuescope.locate.integrated_gradients import integrated_gradients, quadrature
from valuescope.locate.multiple_choice import given_choices, value_choices
from valuescope.locate.next_token import frozen, next_tokens, pad_rows
from valuescope.models import left_pad, load_model, site_hooks

LABELS = ["care+", "care-"]
# Their output norms are held along the path, which the plain slow version does not do.
PLAIN = [name for name in FAMILIES if name not in ("gemma2", "gemma3", "olmo2")]


def attribute(model, rows, *, steps: int, path: str, rule: str = "gauss"):
    targets = torch.tensor([row.target for row in rows])
    with frozen(model):
        batch, _ = pad_rows(model, rows)
        return integrated_gradients(model, batch, targets, *quadrature(rule, steps), path=path)


CASES = [
    *((name, "layer") for name in (*PLAIN, *REAL)),
    *((name, "joint") for name in ("llama", "gpt2", "bloom")),
]


@pytest.mark.parametrize(("name", "path"), CASES)
def test_equals_moving_one_neuron_at_a_time(name: str, path: str) -> None:
    model = model_of(name)
    rows = next_tokens(model, TEXTS, LABELS, "target")
    found = attribute(model, rows, steps=3, path=path)
    nodes, weights = quadrature("gauss", 3)
    for index in (3,):
        row, largest = rows[index], float(found.neurons[index].abs().max())
        for neuron in some_neurons(model, 6):
            expected = slow_integrated_gradient(
                model, row.encoded.input_ids, row.target, neuron, nodes.tolist(), weights.tolist(), path, 1e-2
            )
            assert float(found.neurons[index][neuron]) == pytest.approx(expected, abs=0.01 * largest)


@pytest.mark.parametrize(
    ("name", "path"), [*CASES, ("gemma2", "layer"), ("gemma3", "joint"), ("olmo2", "layer")]
)
def test_attributions_add_up_and_do_not_depend_on_the_batch(name: str, path: str) -> None:
    model = model_of(name)
    rows = next_tokens(model, TEXTS, LABELS, "target")
    found = attribute(model, rows, steps=20, path=path)
    error = (found.total - found.difference).abs().sum() / found.difference.abs().sum()
    assert error < 0.01
    torch.testing.assert_close(found.total.sum(dim=1), found.neurons.double().sum(dim=(1, 2)))
    for index in (1,):
        alone = attribute(model, [rows[index]], steps=20, path=path)
        largest = float(alone.neurons.abs().max())
        torch.testing.assert_close(alone.neurons[0], found.neurons[index], rtol=1e-3, atol=1e-4 * largest)


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2"])
def test_the_function_is_the_probability_with_the_layer_on_and_off(name: str) -> None:
    model = tiny_model(name)
    rows = next_tokens(model, TEXTS[:1], LABELS, "target")
    found = attribute(model, rows, steps=4, path="layer")
    ids = torch.tensor([rows[0].encoded.input_ids])
    for layer in range(model.layers):
        probabilities = []
        for factor in (1, 0):

            def put(_: int, m: torch.Tensor, factor: int = factor) -> torch.Tensor:
                return torch.cat([m[:, :-1], m[:, -1:] * factor], dim=1)

            with torch.no_grad(), site_hooks(model, product=put, layers=[layer]):
                logits = model.model(ids).logits[0, -1]
            probabilities.append(float(logits.softmax(-1)[rows[0].target]))
        on, off = probabilities
        if name == "gemma2":  # the norm of 0 is 0, as is the held norm's output
            assert float(found.difference[0, layer]) == pytest.approx(on - off, abs=1e-5)
        else:
            assert float(found.difference[0, layer]) == pytest.approx(on - off, rel=1e-3, abs=1e-7)


def test_a_text_of_one_token_and_a_model_without_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    rows = next_tokens(model, [LabelledText("care+", "", "we"), TEXTS[0]], LABELS, "target")
    assert len(rows[0].encoded.input_ids) == 1
    cached = attribute(model, rows, steps=5, path="layer")
    alone = attribute(model, rows[:1], steps=5, path="layer")
    torch.testing.assert_close(cached.neurons[0], alone.neurons[0], rtol=1e-4, atol=1e-7)
    monkeypatch.setattr("valuescope.locate.integrated_gradients._can_branch", lambda _: False)
    whole = attribute(model, rows, steps=5, path="layer")
    torch.testing.assert_close(cached.neurons, whole.neurons, rtol=1e-4, atol=1e-7)


def test_integrating_along_the_up_projection_gives_the_same() -> None:
    model = tiny_model("llama")
    (row,) = next_tokens(model, TEXTS[:1], LABELS, "target")
    found = attribute(model, [row], steps=6, path="layer")
    nodes, weights = quadrature("gauss", 6)
    ids = torch.tensor([row.encoded.input_ids])
    for layer in range(model.layers):
        projection = model.decoder(layer).mlp.up_proj
        kept: list[torch.Tensor] = []
        handle = projection.register_forward_hook(lambda _, __, out, to=kept: to.append(out[0, -1].detach()))
        model.model(ids)
        handle.remove()
        total = torch.zeros(model.width)
        for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
            leaf = (kept[0] * node).requires_grad_(True)
            handle = projection.register_forward_hook(
                lambda _, __, out, leaf=leaf: torch.cat([out[:, :-1], leaf[None, None]], dim=1)
            )
            model.model(ids).logits[0, -1].softmax(-1)[row.target].backward()
            handle.remove()
            total += weight * leaf.grad * kept[0]
        torch.testing.assert_close(found.neurons[0, layer], total, rtol=1e-3, atol=1e-6)
    model.model.zero_grad(set_to_none=True)


def test_quadrature() -> None:
    for steps in (2, 7, 20):
        nodes, weights = quadrature("gauss", steps)
        assert float(weights.sum()) == pytest.approx(1)
        assert float((weights * nodes ** (2 * steps - 1)).sum()) == pytest.approx(1 / (2 * steps))
    nodes, weights = quadrature("riemann", 5)
    assert nodes.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert weights.tolist() == [0.2] * 5
    for rule, steps in (("simpson", 4), ("gauss", 1)):
        with pytest.raises(LocateError, match="is"):
            quadrature(rule, steps)


VALUES = ("care", "power", "safety", "joy")
MANY = tuple(
    LabelledText(f"{value}{side}", f"you {word} {value} of the {thing}")
    for value in VALUES
    for side, word in (("+", "want"), ("-", "avoid"))
    for thing in ("city", "family")
)


def many_evidence(model) -> Evidence:
    activations = collect(model, MANY, residuals=False)
    return Evidence(
        activations, VALUES, {v: f"{v}+" for v in VALUES}, {v: f"{v}-" for v in VALUES}, texts=MANY
    )


@pytest.mark.parametrize("orders", [1, 2])
def test_scores_by_plain_loops(orders: int) -> None:
    model = lettered_model("llama")
    evidence = many_evidence(model)
    threshold, common = 0.3, 0.5
    choices = value_choices(model, evidence, orders=orders, texts=1, seed=0, method="qrnca")
    found = locate(
        "qrnca",
        model,
        evidence,
        orders=orders,
        threshold=threshold,
        common=common,
        steps=5,
        batch_size=5,
        texts=1,
    )
    kept: dict[int, dict[tuple[int, int], float]] = defaultdict(lambda: defaultdict(float))
    cells = {}
    for choice in choices:
        with frozen(model):
            batch = left_pad(model, [choice.encoded])
            one = integrated_gradients(model, batch, torch.tensor([choice.target]), *quadrature("gauss", 5))
        bar = threshold * float(one.neurons.max())
        cells[choice.query] = choice.cell
        for layer, k in (one.neurons[0] > bar).nonzero().tolist():
            kept[choice.query][layer, k] += float(one.neurons[0, layer, k])
    occurrences: dict[tuple[int, int], int] = defaultdict(int)
    for query in kept.values():
        for neuron in query:
            occurrences[neuron] += 1
    expected = torch.zeros(2 * len(VALUES), model.layers, model.width)
    for number, query in kept.items():
        for (layer, k), attribution in query.items():
            if occurrences[layer, k] <= int(common * len(kept)):
                rarity = max(0.0, math.log(len(kept) / (occurrences[layer, k] + 1)))
                share = attribution / sum(query.values())
                expected[cells[number], layer, k] += share * rarity  # one query in every cell
    torch.testing.assert_close(found.signed, expected[0::2] - expected[1::2], rtol=1e-3, atol=1e-5)
    assert found.diagnostics["queries"] == len(MANY) // 2
    assert found.diagnostics["prompts"] == orders * len(MANY) // 2
    assert found.diagnostics["common_neurons"] == sum(
        number > int(common * len(kept)) for number in occurrences.values()
    )
    assert found.selected.flatten(1).sum(dim=1).max() <= 50
    assert found.scores.max() > 0
    again = locate(
        "qrnca",
        model,
        evidence,
        orders=orders,
        threshold=threshold,
        common=common,
        steps=5,
        batch_size=5,
        texts=1,
    )
    assert again.hash == found.hash


def real_evidence(name: str) -> tuple:
    model = load_model(str(shared(f"models/{name}")), device="cpu")
    return model, many_evidence(model)


@pytest.mark.parametrize("name", REAL)
def test_location_on_real_models(name: str) -> None:
    model, evidence = real_evidence(name)
    few = dataclasses.replace(
        evidence,
        values=VALUES[:2],
        **{
            side: {value: getattr(evidence, side)[value] for value in VALUES[:2]}
            for side in ("positive", "negative")
        },
    )
    found = locate("qrnca", model, few, orders=1, texts=1, top=9, steps=16, batch_size=4)
    assert found.diagnostics["queries"] == 4
    assert found.diagnostics["completeness_error"] < 0.01
    assert (found.selected.flatten(1).sum(dim=1) <= 9).all()
    released = locate("qrnca", model, few, orders=1, texts=1, top=9, steps=8, rule="riemann", batch_size=4)
    assert released.diagnostics["completeness_error"] > 0.01
    assert any("attributions miss" in warning for warning in released.warnings)


@pytest.mark.parametrize("name", REAL)
def test_questions_made_of_texts(name: str) -> None:
    model, evidence = real_evidence(name)
    choices = value_choices(model, evidence, orders=4, texts=None, seed=3, method="qrnca")
    assert len(choices) == 4 * len(MANY)
    by_query = defaultdict(list)
    for choice in choices:
        by_query[choice.query].append(choice)
    for query, its in by_query.items():
        text = MANY[query]
        assert len({choice.target for choice in its}) == 4  # the right option stands behind every letter once
        assert {choice.cell for choice in its} == {
            2 * VALUES.index(text.label[:-1]) + (text.label[-1] == "-")
        }
        decoded = model.tokenizer.decode(its[0].encoded.input_ids)
        assert text.prompt.split()[0] in decoded
        assert f"{text.label[:-1]} is important" in decoded
        assert f"{text.label[:-1]} is not important" in decoded
    again = value_choices(model, evidence, orders=4, texts=None, seed=3, method="qrnca")
    assert again == choices
    assert value_choices(model, evidence, orders=4, texts=None, seed=4, method="qrnca") != choices


def test_given_questions_are_taken_as_they_are() -> None:
    model = tiny_model("llama")
    texts = [
        LabelledText("care+", "help or share", " help", group="one"),
        LabelledText("care+", "share or help", " help", group="one"),
        LabelledText("care-", "win or lose", " win"),
        LabelledText("care-", "lead or follow", " follow"),
    ]
    evidence = evidence_for(model, texts)
    choices = given_choices(model, evidence, texts=None, method="qrnca")
    assert [choice.query for choice in choices] == [0, 0, 1, 2]
    assert [model.tokenizer.decode([choice.target]) for choice in choices] == [
        "help",
        "help",
        "win",
        "follow",
    ]
    assert [choice.cell for choice in choices] == [0, 0, 1, 1]
    found = locate("qrnca", model, evidence, prompts="given", steps=4)
    assert found.diagnostics["queries"] == 3
    assert any("locate more values at once" in warning for warning in found.warnings)
    with pytest.raises(LocateError, match="has no answer"):
        locate("qrnca", model, evidence_for(model, [LabelledText("care+", "we"), TEXTS[2]]), prompts="given")


def test_a_tokenizer_without_letters_is_refused() -> None:
    model = tiny_model("llama")
    with pytest.raises(LocateError, match="does not tell the letters A, B, C, D apart"):
        locate("qrnca", model, evidence_for(model))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"prompts": "open"}, "prompts is 'open'"),
        ({"path": "up"}, "path is 'up'"),
        ({"rule": "left"}, "rule is 'left'"),
        ({"steps": 1}, "steps is 1"),
        ({"threshold": 1.0}, "threshold is 1.0"),
        ({"common": 0.0}, "common is 0.0"),
        ({"orders": 5}, "orders is 5"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"top": 10**6}, "top is 1000000"),
    ],
)
def test_bad_parameters(parameters: dict[str, object], said: str) -> None:
    model = lettered_model("llama")
    with pytest.raises(LocateError, match=said):
        locate("qrnca", model, evidence_for(model), **parameters)
