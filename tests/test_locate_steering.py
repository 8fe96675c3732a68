"""Vectors and probes found in the residual stream, against numpy, other people's code and scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from conftest import shared
from locate_references import VALUES, collected, evidence_of, reference_model, value_texts
from sklearn.linear_model import LogisticRegression
from tiny_models import tiny_model

from valuescope.activations import collect
from valuescope.data import conva_material
from valuescope.data.records import LabelledText
from valuescope.edit import AddVector, ProbeShift, edited
from valuescope.locate import (
    DIRECTIONS,
    Evidence,
    LocateError,
    ProbeSet,
    SteeringVectors,
    direction_parameters,
    find_directions,
    mean_difference,
    probe_sets,
    train_probes,
)
from valuescope.models import site_hooks

PUBLISHED = ("stories260K", "gpt2-tinystories-280k")


@pytest.mark.parametrize("name", PUBLISHED)
def test_vectors_and_steered_logits_equal_steering_vectors(name: str) -> None:
    model = reference_model(name)
    expected = json.loads(shared(f"golden/steering/{name}.json").read_text())
    numbers = np.load(shared(f"golden/steering/{name}.npz"))
    texts = [
        LabelledText(side, text, group=str(pair))
        for pair, both in enumerate(expected["pairs"])
        for side, text in zip("+-", both, strict=True)
    ]
    evidence = Evidence(collect(model, texts, batch_size=5), ("joy",), {"joy": "+"}, {"joy": "-"})
    vectors = mean_difference(model, evidence)["joy"]
    ids = torch.tensor([expected["probe_ids"]])
    for layer in range(model.layers):
        np.testing.assert_allclose(vectors.vectors[layer], numbers[f"sv_{layer}"], atol=1e-4)
        edit = AddVector(vectors.at([layer]), coefficient=expected["multiplier"])
        with torch.no_grad(), edited(model, edit):
            logits = model.model(ids).logits[0, -1]
        np.testing.assert_allclose(logits, numbers[f"sv_{layer}_logits"], atol=1e-4)


def test_mean_difference_is_one() -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=6)
    evidence = collected(model, texts)
    found = find_directions("mean-difference", model, evidence, layers=(1, 2))
    hidden = evidence.residuals().hidden.double().numpy()
    labels = np.array(evidence.residuals().labels)
    assert tuple(found) == VALUES
    for value, vectors in found.items():
        assert isinstance(vectors, SteeringVectors)
        assert vectors.layers.tolist() == [1, 2]
        for row, layer in enumerate((1, 2)):
            expected = hidden[labels == f"{value}+", layer].mean(0) - hidden[
                labels == f"{value}-", layer
            ].mean(0)
            np.testing.assert_allclose(vectors.vectors[row], expected, atol=1e-6)


def test_the_order_of_texts_and_batches_does_not_matter() -> None:
    model, texts = tiny_model("llama"), value_texts(pairs=6)
    one, other = (
        mean_difference(model, evidence_of(collect(model, chosen, batch_size=size)))["power"]
        for chosen, size in ((texts, 7), (texts[::-1], 1))
    )
    torch.testing.assert_close(one.vectors, other.vectors, rtol=0, atol=1e-5)
    assert one.data_hash == other.data_hash


def test_probe_sets_are_the_probes_that_are_accurate_enough(tmp_path) -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=20, noise=0.2))
    probes = train_probes(evidence)
    bar = float(probes.validation_accuracy.median())
    found = find_directions("probes", model, evidence, accuracy=bar, layers=(0, 1))
    for row, value in enumerate(VALUES):
        own = found[value]
        assert isinstance(own, ProbeSet)
        kept = [layer for layer in (0, 1) if probes.validation_accuracy[row, layer] >= bar]
        assert own.layers.tolist() == kept
        assert torch.equal(own.weights, probes.weights[row, kept])
        assert torch.equal(own.bias, probes.bias[row, kept])
        assert torch.equal(own.accuracy, probes.validation_accuracy[row, kept].float())
        own.save(tmp_path / value)
        assert ProbeSet.load(tmp_path / value).hash == own.hash
    assert len(probe_sets(model, evidence, accuracy=1.0, layers=(0, 0))["power"]) in (0, 1)


def test_settings_are_checked() -> None:
    model = tiny_model("llama")
    evidence = collected(model, value_texts(pairs=6))
    assert set(DIRECTIONS) == {"mean-difference", "probes"}
    assert direction_parameters("mean-difference") == {"layers": None}
    with pytest.raises(LocateError, match="cannot be found by 'pca'; the ways are mean-difference, probes"):
        direction_parameters("pca")
    with pytest.raises(LocateError, match="has no parameter 'alpha'"):
        find_directions("probes", model, evidence, alpha=1)
    with pytest.raises(LocateError, match="from 0 to 2"):
        find_directions("mean-difference", model, evidence, layers=(0, 3))
    with pytest.raises(LocateError, match="accuracy is 2"):
        find_directions("probes", model, evidence, accuracy=2)
    with pytest.raises(LocateError, match="collect them in this model"):
        find_directions("probes", tiny_model("gpt2"), evidence)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_probes_on_published_pairs_equal_scikit_learn_and_shifts_read_p0(name: str) -> None:
    folder = shared("data/conva")
    values = tuple(sorted(path.stem for path in (folder / "probe").glob("*.csv")))
    assert len(values) == 10
    model = reference_model(name)
    material = conva_material(values, folder=str(folder), held_out=0.01)
    labels = {text.label for text in material.texts}
    roles = [{value: f"{value}|{role}" for value in values} for role in ("positive", "negative")]
    assert labels == {label for role in roles for label in role.values()}
    evidence = Evidence(collect(model, material.texts), values, *roles, texts=material.texts)
    probes = train_probes(evidence)
    hidden = evidence.residuals().hidden.double().numpy()
    assert probes.converged.all()
    for row, split in enumerate(probes.splits):
        held, truth = split.validation.numpy(), split.positive.numpy()
        for layer in range(model.layers):
            x = hidden[split.rows.numpy(), layer]
            theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=20_000).fit(x[~held], truth[~held])
            w = probes.weights[row, layer].double().numpy()
            assert w @ theirs.coef_[0] / np.linalg.norm(w) / np.linalg.norm(theirs.coef_[0]) > 0.999
            assert float(probes.validation_accuracy[row, layer]) == theirs.score(x[held], truth[held])
            assert float(probes.train_accuracy[row, layer]) == theirs.score(x[~held], truth[~held])
    own = probe_sets(model, evidence, accuracy=0)[values[0]]
    ids = torch.tensor([[1, 403, 407, 261, 378, 432, 383, 286]])
    read: list[torch.Tensor] = []
    with (
        torch.no_grad(),
        edited(model, ProbeShift(own, p0=0.97)),
        site_hooks(model, residual=lambda layer, h: read.append(own.read(layer, h))),
    ):
        model.model(ids)
    assert all(float(chance.min()) > 0.97 - 1e-4 for chance in read)
    assert sum(int(((chance - 0.97).abs() < 1e-4).sum()) for chance in read) > 0
