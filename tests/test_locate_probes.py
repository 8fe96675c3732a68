"""Probes and NeVA against scikit-learn and plain loops."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
import torch
from locate_references import (
    REAL_MODELS,
    VALUES,
    collected,
    evidence_of,
    record,
    reference_model,
    slow_neva,
    slow_probe,
    value_texts,
)
from sklearn.linear_model import LogisticRegression
from tiny_models import tiny_model

from valuescope.activations import Activations, Residuals, collect
from valuescope.data.records import LabelledText
from valuescope.locate import Evidence, LocateError, decode_direction, locate, train_probes
from valuescope.locate.probes import bag_of_words_accuracy, grouped_split, words_of
from valuescope.logistic import Samples


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


@pytest.mark.parametrize(("rows", "width"), [(40, 200), (200, 40), (60, 60)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("separable", [True, False])
def test_the_solver_finds_the_optimum(rows: int, width: int, scale: float, separable: bool) -> None:
    draw = np.random.default_rng(0)
    features = draw.normal(size=(3, rows, width)) * scale * draw.lognormal(sigma=1, size=width) + 5 * scale
    signal = (features - 5 * scale)[:, :, 0] / scale
    targets = signal + (0 if separable else 3) * draw.normal(size=signal.shape) > 0.3
    used = np.ones((3, rows), dtype=bool)
    used[1, -rows // 4 :] = False
    solution = Samples(torch.tensor(features), torch.tensor(used)).fit(torch.tensor(targets), 1.0)
    assert solution.converged.all()
    for p in range(3):
        x, y = features[p][used[p]], targets[p][used[p]]
        w, b = solution.weights[p].numpy(), solution.bias[p].numpy()
        chance = 1 / (1 + np.exp(-(x @ w + b)))
        # Where scikit-learn's objective has no slope: w = sum (y - chance) x and sum (y - chance) = 0.
        np.testing.assert_allclose((x - x.mean(axis=0)).T @ (y - chance), w, atol=1e-4 * np.abs(w).max())
        assert abs((y - chance).sum()) < 1e-6 * len(y)


def test_agrees_with_scikit_learn_as_it_comes() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(140, 300))
    y = x[:, :5].sum(axis=1) + draw.normal(size=140) > 0
    ours = Samples(torch.tensor(x)[None], torch.ones(1, 140, dtype=torch.bool)).fit(
        torch.tensor(y)[None], 1.0
    )
    theirs = LogisticRegression(C=1.0).fit(x, y)  # stops at a tolerance of 1e-4
    assert cosine(ours.weights[0].numpy(), theirs.coef_[0]) > 0.9999
    assert float(ours.bias[0]) == pytest.approx(theirs.intercept_[0], abs=2e-2)


@pytest.fixture(scope="module", params=["llama", "gpt2", *REAL_MODELS])
def case(request: pytest.FixtureRequest):
    model, texts = reference_model(request.param), value_texts(pairs=20, noise=0.3)
    return model, collected(model, texts), record(model, texts)


def test_all_probes_together_agree_with_scikit_learn_one_by_one(case) -> None:
    model, evidence, records = case
    probes = train_probes(evidence)
    assert probes.converged.all()
    assert probes.weights.shape == (3, model.layers, model.hidden)
    for row, value in enumerate(VALUES):
        for layer in range(model.layers):
            slow = slow_probe(evidence.activations, records, value, layer)
            assert cosine(probes.weights[row, layer].double().numpy(), slow.weights) > 0.999
            assert float(probes.validation_accuracy[row, layer]) == slow.accuracy
            assert float(probes.train_accuracy[row, layer]) == slow.train_accuracy
        assert probes.train_size[row] + probes.validation_size[row] == 40


@pytest.mark.parametrize("accuracy", [0.0, 0.75])
def test_neva(case, accuracy: float) -> None:
    model, evidence, records = case
    found = locate("neva", model, evidence, alpha=0.05, accuracy=accuracy)
    for row, value in enumerate(VALUES):
        expected = slow_neva(model, evidence.activations, records, value, alpha=0.05, accuracy=accuracy)
        neurons = found.neuron_set(value)
        keys = list(zip(neurons.layers.tolist(), neurons.indices.tolist(), strict=True))
        assert set(keys) == set(expected)
        np.testing.assert_allclose(neurons.scores, [expected[key] for key in keys], atol=1e-3)
        assert neurons.signs.tolist() == [1 if expected[key] > 0 else -1 for key in keys]
        kept = found.diagnostics["kept_layers"][value]
        assert kept == sorted({layer for layer, _ in expected})
        assert (found.scores[row, [x for x in range(model.layers) if x not in kept]] == 0).all()
        assert len(found.diagnostics["decoded"][value]) == 10


def test_neva_says_so_when_no_layer_passes() -> None:
    model = tiny_model("llama")
    texts = value_texts(pairs=10, noise=0.5)
    found = locate("neva", model, collected(model, texts), accuracy=1.0)
    empty = [value for value, size in found.sizes().items() if size == 0]
    assert empty
    for value in empty:
        assert f"{value}: no neurons selected; no probe in layers 0-2 reaches accuracy 1.0" in found.warnings
        assert found.diagnostics["kept_layers"][value] == []


def test_neva_keeps_to_its_band() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=10))
    found = locate("neva", model, evidence, accuracy=0, layers=(1, 1))
    assert found.parameters["layers"] == [1, 1]
    assert found.sizes() == dict.fromkeys(VALUES, 1)  # 3% of 48
    assert not found.selected[:, [0, 2]].any()
    assert (found.scores[:, [0, 2]] == 0).all()


@pytest.mark.parametrize("method", ["neva", "neva-exclusive"])
def test_a_margin_leaves_out_the_last_layers_and_excludes_a_band(method: str) -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=10))
    by_rule = locate(method, model, evidence, accuracy=0.0, margin=1)
    stated = locate(method, model, evidence, accuracy=0.0, layers=(0, model.layers - 2))
    assert torch.equal(by_rule.selected, stated.selected)
    assert bool(by_rule.selected[:, :-1].any(dim=-1).all())
    assert not bool(by_rule.selected[:, -1].any())
    with pytest.raises(LocateError, match="give the band itself or a margin"):
        locate(method, model, evidence, layers=(0, 1), margin=1)
    with pytest.raises(LocateError, match="margin is 3"):
        locate(method, model, evidence, margin=3)


def test_the_order_of_the_texts_does_not_matter() -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=10)
    one, other = (locate("neva", model, collected(model, t), accuracy=0.5) for t in (texts, texts[::-1]))
    assert torch.equal(one.selected, other.selected)
    assert one.diagnostics == other.diagnostics
    assert one.data_hash == other.data_hash


def test_pairs_stay_on_one_side_and_seeds_differ() -> None:
    texts = value_texts(pairs=20)
    residuals = collect(tiny_model("llama"), texts).residuals
    assert residuals is not None
    splits = [grouped_split(residuals, "care+", "care-", value="care", share=0.3, seed=s) for s in (0, 0, 1)]
    for split in splits:
        held = {texts[row].group for row in split.rows[split.validation].tolist()}
        trained = {texts[row].group for row in split.rows[~split.validation].tolist()}
        assert not held & trained
        assert len(held) == 6
        assert int(split.positive[split.validation].sum()) == 6
        assert split.validation.tolist() == sorted(split.validation.tolist())
    assert splits[0].rows.tolist() == splits[1].rows.tolist() != splits[2].rows.tolist()


def test_texts_without_groups_are_split_by_class_and_repeats_stay_together() -> None:
    texts = [
        LabelledText(label, f"{word} {label}") for label in "ab" for word in ["day", "night", "home", "city"]
    ] * 2
    residuals = collect(tiny_model("llama"), texts).residuals
    assert residuals is not None
    split = grouped_split(residuals, "a", "b", value="v", share=0.25, seed=0)
    assert int(split.validation.sum()) == 4  # one text of each class, twice
    assert int(split.positive[split.validation].sum()) == 2
    few = Residuals(residuals.model, ("a", "b"), ("", ""), residuals.keys[:2], residuals.hidden[:2])
    with pytest.raises(LocateError, match="too few"):
        grouped_split(few, "a", "b", value="v", share=0.25, seed=0)


def test_bag_of_words() -> None:
    texts = value_texts(pairs=30, noise=0.2)
    residuals = collect(tiny_model("llama"), texts).residuals
    assert residuals is not None
    split = grouped_split(residuals, "power+", "power-", value="power", share=0.3, seed=0)
    bags = [" ".join(sorted(words_of(texts[row]))) for row in split.rows.tolist()]
    held, classes = split.validation.numpy(), split.positive.numpy()
    vocabulary = sorted(
        {word for bag, out in zip(bags, held, strict=True) if not out for word in bag.split()}
    )
    x = np.array([[word in bag.split() for word in vocabulary] for bag in bags], dtype=float)
    slow = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(x[~held], classes[~held])
    assert bag_of_words_accuracy(texts, split) == slow.score(x[held], classes[held])
    assert words_of(LabelledText("v", "Don't STOP-me", "2 days")) == {"don", "t", "stop", "me", "2", "days"}
    assert words_of(LabelledText("v", "公平 fair")) == {"公", "平", "fair"}


def test_wording_that_tells_the_labels_is_pointed_out() -> None:
    model = tiny_model("llama")
    texts = value_texts(pairs=20, noise=0.0)
    found = locate("neva", model, collected(model, texts))
    assert min(found.diagnostics["bag_of_words_accuracy"].values()) > 0.9
    assert sum("a bag of words tells the labels as well" in warning for warning in found.warnings) >= 2
    without = locate("neva", model, evidence_of(collect(model, texts)))
    assert without.diagnostics["bag_of_words_accuracy"] == dict.fromkeys(VALUES)


def test_shuffled_labels_give_chance() -> None:
    draw = torch.Generator().manual_seed(0)
    model, pairs = tiny_model("llama"), 200
    activations = collect(model, value_texts(pairs=pairs))
    assert activations.residuals is not None
    noise = torch.randn(activations.residuals.hidden.shape, generator=draw)
    labels = torch.tensor([label.endswith("+") for label in activations.residuals.labels])
    noise[:, 1] += 2 * labels.float()[:, None]  # only layer 1 knows the label
    residuals = Residuals(
        model.identity,
        activations.residuals.labels,
        activations.residuals.groups,
        activations.residuals.keys,
        noise,
    )
    probes = train_probes(evidence_of(Activations(activations.counters, residuals)))
    assert (probes.validation_accuracy[:, 1] > 0.99).all()
    assert (probes.validation_accuracy[:, [0, 2]] - 0.5).abs().max() < 0.2
    assert (probes.shuffled_accuracy.mean() - 0.5).abs() < 0.1


def test_values_may_share_a_negative_label_and_differ_in_size() -> None:
    model = tiny_model("llama")
    texts = [text for text in value_texts(pairs=12) if text.label in ("power+", "care+", "safety-")]
    texts = [text for row, text in enumerate(texts) if text.label != "care+" or row % 2]
    values = ("power", "care")
    evidence = Evidence(
        collect(model, texts), values, {v: f"{v}+" for v in values}, dict.fromkeys(values, "safety-"), texts
    )
    together = train_probes(evidence)
    for row, value in enumerate(values):
        alone = train_probes(
            Evidence(evidence.activations, (value,), {value: f"{value}+"}, {value: "safety-"}, texts)
        )
        torch.testing.assert_close(together.weights[row], alone.weights[0], rtol=1e-5, atol=1e-6)
        assert together.train_size[row] == alone.train_size[0]
        assert torch.equal(together.validation_accuracy[row], alone.validation_accuracy[0])


def test_decoded_tokens_have_the_largest_logits() -> None:
    model = tiny_model("llama")
    head = model.model.get_output_embeddings().weight
    direction = head[20] - head.mean(dim=0)
    logits = (head @ direction).tolist()
    best = sorted(range(len(logits)), key=lambda token: -logits[token])[:4]
    assert decode_direction(model, direction, top=4) == [model.tokenizer.decode([token]) for token in best]
    with pytest.raises(LocateError, match="shape"):
        decode_direction(model, torch.ones(3))


def test_settings_are_checked() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=4))
    for name, wrong in (
        ("alpha", 0),
        ("accuracy", 95),
        ("layers", (2, 3)),
        ("layers", [1]),
        ("validation", 1.0),
        ("c", 0),
    ):
        with pytest.raises(LocateError, match=f": {name} is"):
            locate("neva", model, evidence, **{name: wrong})
    with pytest.raises(LocateError, match="residuals=True"):
        locate("neva", model, evidence_of(collect(model, value_texts(pairs=4), residuals=False)))
    with pytest.raises(LocateError, match="not those of the"):
        evidence_of(evidence.activations, value_texts(pairs=4)[::-1])


@pytest.mark.slow
def test_ten_values_and_thirty_two_layers_take_seconds() -> None:
    layers, hidden, samples = 32, 1024, 200
    values = tuple(f"v{number}" for number in range(10))
    labels = [f"{value}{side}" for value in values for _ in range(samples // 2) for side in "+-"]
    draw = torch.Generator().manual_seed(0)
    residuals = Residuals(
        tiny_model("llama").identity,
        tuple(labels),
        tuple(f"{row // 2}" for row in range(len(labels))),
        tuple(f"{row}" for row in range(len(labels))),
        torch.randn(len(labels), layers, hidden, generator=draw),
    )
    counters = collect(tiny_model("llama"), value_texts(pairs=1)).counters
    counters = dataclasses.replace(counters, labels=tuple(sorted(set(labels))))
    evidence = Evidence(
        Activations(counters, residuals), values, {v: f"{v}+" for v in values}, {v: f"{v}-" for v in values}
    )
    start = time.perf_counter()
    probes = train_probes(evidence)
    assert probes.converged.all()
    assert time.perf_counter() - start < 60
