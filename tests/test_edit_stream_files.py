"""Edits of the residual stream as values: hashes, files, errors, controls, and who finds them by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from edit_samples import some_neurons
from steering_samples import some_probes, some_vectors
from tiny_models import tiny_model

from valuescope.edit import (
    AddVector,
    Deactivate,
    Edit,
    EditError,
    Modulate,
    ProbeShift,
    edit_parameters,
    load_edit,
)
from valuescope.locate import ProbeSet, SteeringError, SteeringVectors
from valuescope.models import NeuronModel
from valuescope.provider.edit_files import find_edit
from valuescope.provider.model_names import Selection, model_name
from valuescope.serve.roster import Roster


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return tiny_model("llama")


def edits_of(model: NeuronModel) -> list[Edit]:
    vectors, probes = some_vectors(model, 1), some_probes(model, 1)
    return [
        AddVector(vectors),
        AddVector(vectors, coefficient=0.2, direction="negative"),
        AddVector(vectors, strength=0.5),
        ProbeShift(probes),
        ProbeShift(probes, p0=0.88, direction="negative"),
        ProbeShift(probes, strength=2),
    ]


def test_hashes_are_those_of_what_is_done(model: NeuronModel) -> None:
    edits = edits_of(model)
    assert len({edit.hash for edit in edits}) == len(edits)
    assert [edit.hash for edit in edits_of(model)] == [edit.hash for edit in edits]
    assert AddVector(some_vectors(model, 1), coefficient=1).hash == edits[0].hash
    assert AddVector(some_vectors(model, 2)).hash != edits[0].hash
    assert edits[2].scaled(1).hash == edits[0].hash


def test_description_names_layers_and_settings(model: NeuronModel) -> None:
    assert edits_of(model)[1].describe() == (
        "add-vector 2 layers of 'care' (test), coefficient 0.2, direction negative"
    )
    assert (
        edits_of(model)[3].describe() == "probe-shift 2 layers of 'care' (test), p0 0.92, direction positive"
    )
    assert edit_parameters("probe-shift") == {"p0": 0.92, "direction": "positive", "per": "token"}
    with pytest.raises(EditError, match="no edit 'steer'; known are deactivate"):
        edit_parameters("steer")


@pytest.mark.parametrize("number", range(6))
def test_a_saved_edit_comes_back_and_can_be_moved(model: NeuronModel, tmp_path: Path, number: int) -> None:
    edit = edits_of(model)[number]
    (tmp_path / "here").mkdir()
    edit.save(tmp_path / "here" / "care.json")
    (tmp_path / "here").rename(tmp_path / "there")
    loaded = load_edit(tmp_path / "there" / "care.json")
    assert type(loaded) is type(edit)
    assert (loaded.hash, loaded.strength, loaded.value) == (edit.hash, edit.strength, "care")
    assert loaded.to_dict() == edit.to_dict()
    content = json.loads((tmp_path / "there" / "care.json").read_text())
    assert content[edit.subject_field]["site"] == "residual"


def test_changed_files_are_refused(model: NeuronModel, tmp_path: Path) -> None:
    path = ProbeShift(some_probes(model, 1)).save(tmp_path / "care.json")
    good = json.loads(path.read_text())
    path.write_text(json.dumps({**good, "parameters": {"p0": 0.5, "direction": "positive"}}))
    with pytest.raises(EditError, match=r"care\.json.*'hash'"):
        load_edit(path)
    path.write_text(json.dumps(good))
    some_probes(model, 2).save(tmp_path / "care.probes")
    with pytest.raises(EditError, match="changed or exchanged"):
        load_edit(path)
    manifest = tmp_path / "care.probes.json"
    manifest.write_text(manifest.read_text().replace('"test"', '"guess"'))
    with pytest.raises(SteeringError, match="changed after it was written"):
        load_edit(path)


def test_the_wrong_thing_to_act_with_is_named(model: NeuronModel) -> None:
    with pytest.raises(EditError, match=r"add-vector acts with a SteeringVectors \(field vectors\)"):
        AddVector(some_neurons(model, 1))  # type: ignore[arg-type]
    with pytest.raises(EditError, match="modulate acts with a NeuronSet"):
        Modulate(some_vectors(model, 1))  # type: ignore[arg-type]
    for bad in (0.0, 1.0, 1.5):
        with pytest.raises(EditError, match="above 0 and below 1"):
            ProbeShift(some_probes(model, 1), p0=bad)
    with pytest.raises(EditError, match="coefficient must be a finite number >= 0"):
        AddVector(some_vectors(model, 1), coefficient=-1)
    with pytest.raises(EditError, match="direction must be"):
        ProbeShift(some_probes(model, 1), direction="up")  # type: ignore[arg-type]


def test_controls_are_random_equal_in_size_and_repeatable(model: NeuronModel) -> None:
    vectors = some_vectors(model, 1, length=2.5)
    draws = [
        AddVector(vectors).control(model, seed=seed, draw=draw)
        for seed, draw in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert draws[0].hash == draws[1].hash
    assert len({one.hash for one in draws}) == 3
    for one in draws:
        torch.testing.assert_close(one.vectors.norms, vectors.norms)
        cosines = torch.cosine_similarity(one.vectors.vectors, vectors.vectors, dim=1)
        assert float(cosines.abs().max()) < 0.7
        assert one.vectors.method == "random"
        assert one.vectors.parameters["like_hash"] == vectors.hash
    probes = ProbeShift(some_probes(model, 1)).control(model, seed=3)
    h = torch.randn(2, 5, model.hidden, generator=torch.Generator().manual_seed(0))
    for layer in (0, 1):
        moves = []
        for edit in (ProbeShift(some_probes(model, 1)), probes):
            table = edit.tables(model.width).stream.at(layer, h.device, h.dtype)
            assert table is not None
            moves.append(table.apply(h) - h)
        torch.testing.assert_close(moves[0].norm(dim=-1), moves[1].norm(dim=-1), rtol=1e-4, atol=1e-5)
        assert float((moves[0] - moves[1]).abs().max()) > 0.1
    assert len(Deactivate(some_neurons(model, 1)).control(model).neurons) == len(some_neurons(model, 1))
    with pytest.raises(SteeringError):
        AddVector(some_vectors(tiny_model("gpt2"), 1)).control(model)


def test_provider_and_server_name_them_by_hash(model: NeuronModel, tmp_path: Path) -> None:
    edits: dict[str, Edit] = {
        "constant": AddVector(some_vectors(model, 1), strength=0.5),
        "shift": ProbeShift(some_probes(model, 1)),
        "neurons": Modulate(some_neurons(model, 1)),
    }
    for name, edit in edits.items():
        edit.save(tmp_path / f"{name}.json")
    roster = Roster(model, edits.items())
    for name, edit in edits.items():
        found = find_edit(Selection("tiny", edit.hash[:12], 0.25), [tmp_path])
        assert found is not None
        assert found.hash == edit.scaled(0.25).hash
        assert model_name(model, edit.scaled(1)).endswith(edit.scaled(1).hash[:12])
        served = roster.find(f"base@{edit.hash[:10]}")
        assert served is roster.find(f"base@{name}")
        assert served is not None
        assert served.describe(0)["edit"]["value"] == "care"


def test_vectors_can_be_scaled_and_added(model: NeuronModel) -> None:
    a, b = some_vectors(model, 1, (0, 1)), some_vectors(model, 2, (1, 2))
    total = a.scaled(0.7) + b.scaled(-0.5)
    assert total.layers.tolist() == [0, 1, 2]
    torch.testing.assert_close(total.vectors[0], 0.7 * a.vectors[0])
    torch.testing.assert_close(total.vectors[1], 0.7 * a.vectors[1] - 0.5 * b.vectors[0])
    torch.testing.assert_close(total.vectors[2], -0.5 * b.vectors[1])
    assert total.value == "care"
    assert total.hash == (a.scaled(0.7) + b.scaled(-0.5)).hash != a.hash
    with pytest.raises(SteeringError, match="different models"):
        a + some_vectors(tiny_model("gpt2"), 1)
    with pytest.raises(SteeringError, match="must be finite"):
        a.scaled(float("nan"))


def test_directions_that_cannot_be_are_refused(model: NeuronModel) -> None:
    def vectors(layers: list[int], numbers: torch.Tensor) -> SteeringVectors:
        return SteeringVectors("care", model.identity, "test", {}, "none", 0, torch.tensor(layers), numbers)

    ones = torch.ones(2, model.hidden)
    swapped = vectors([2, 0], torch.stack([ones[0], 3 * ones[0]]))
    assert swapped.layers.tolist() == [0, 2]
    assert float(swapped.vectors[0, 0]) == 3
    for layers in ([0, 3], [-1, 0], [1, 1]):
        with pytest.raises(SteeringError, match=r"has 0\.\.2"):
            vectors(layers, ones)
    with pytest.raises(SteeringError, match="vectors has shape"):
        vectors([0], ones)
    with pytest.raises(SteeringError, match="not finite"):
        vectors([0, 1], ones * float("inf"))
    with pytest.raises(SteeringError, match="nothing at layer 1"):
        swapped.at([1])
    with pytest.raises(SteeringError, match="weights of a layer are all 0"):
        ProbeSet(
            "care", model.identity, "t", {}, "", 0, torch.tensor([0]), 0 * ones[:1], ones[0, :1], ones[0, :1]
        )
