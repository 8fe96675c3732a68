"""Edits as values: what they do to m, their hashes, files and errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from edit_samples import by_the_papers, neuron_set, some_neurons
from tiny_models import tiny_model

from valuescope.edit import (
    EDITS,
    AddVector,
    Amplify,
    Deactivate,
    Edit,
    EditError,
    Modulate,
    ProbeShift,
    Profile,
    load_edit,
)
from valuescope.edit.layer_tables import NeuronTable, neuron_tables
from valuescope.locate import NeuronSetError
from valuescope.models import NeuronModel


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return tiny_model("llama")


def edits_of(model: NeuronModel) -> list[Edit]:
    neurons = some_neurons(model, 1)
    return [
        Deactivate(neurons),
        Amplify(neurons),
        Amplify(neurons, gamma=0.7, direction="negative", delta_scale=100.0),
        Modulate(neurons),
        Modulate(neurons, beta=1.0),
        Modulate(neurons, beta=0.6, direction="negative"),
    ]


@pytest.mark.parametrize("number", range(6))
def test_slopes_and_tables_equal_the_papers_formulas(model: NeuronModel, number: int) -> None:
    edit = edits_of(model)[number]
    m = torch.randn(2, 5, model.width, generator=torch.Generator().manual_seed(0)) * 3
    slopes = edit.slopes()
    tables = neuron_tables(slopes, model.width)
    assert tuple(tables) == slopes.touched() == (0, 1, 2)
    for layer, table in tables.items():
        expected = by_the_papers(edit, m, layer)
        here = slopes.at(layer)
        torch.testing.assert_close(table.apply(m), expected, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(here.apply(m[..., here.indices]), expected[..., here.indices])
        others = torch.ones(model.width, dtype=torch.bool).index_fill(0, here.indices, False)
        assert torch.equal(table.apply(m)[..., others], m[..., others])


def test_amplify_suppresses_by_exactly_min_0_m_and_scales_by_delta(model: NeuronModel) -> None:
    neurons = neuron_set(model, [0, 0, 2], [3, 7, 1], scores=[0.25, -0.5, 0.125], signs=[1, -1, 1])
    m = torch.tensor([-1e4, -3.7, -0.0, 0.0, 1e-20, 2.9, 3e38])
    for dtype in (torch.float32, torch.bfloat16):
        row = m.to(dtype).unsqueeze(-1).expand(-1, 3)
        positive = Amplify(neurons, gamma=2.0).slopes().apply(row)
        assert torch.equal(positive[:, 1], row[:, 1].clamp(max=0))
        assert torch.equal(positive[:6, 0], row[:6, 0] * 1.5)
        assert torch.equal(positive[:6, 2], row[:6, 2] * 1.25)
        negative = Amplify(neurons, gamma=2.0, direction="negative").slopes().apply(row)
        assert torch.equal(negative[:6, 1], row[:6, 1] * 2)
        assert torch.equal(negative[:, 0], row[:, 0].clamp(max=0))
    percent = Amplify(neurons, delta_scale=100.0).slopes()
    assert percent.alpha.tolist() == [51.0, 0.5, 26.0]


def test_deactivate_is_exactly_zero_for_the_largest_m(model: NeuronModel) -> None:
    neurons = some_neurons(model, 2, share=1.0)
    off, other = (
        neuron_tables(edit.slopes(), model.width) for edit in (Deactivate(neurons), Modulate(neurons))
    )
    tables = [NeuronTable.stack([off[layer], other[layer]], [0, 1]) for layer in range(model.layers)]
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        m = torch.full((2, 3, model.width), torch.finfo(dtype).max, dtype=dtype)
        m[:, 1] = torch.finfo(dtype).min
        for table in tables:
            assert not table.to(m.device, dtype).apply(m)[0].any()


def test_modulate_strengthens_what_points_to_the_value(model: NeuronModel) -> None:
    neurons = neuron_set(model, [0, 0], [0, 1], scores=[0.2, -0.2], signs=[1, -1])
    m = torch.tensor([[2.0, 2.0], [-2.0, -2.0]])
    torch.testing.assert_close(
        Modulate(neurons, beta=0.5).slopes().apply(m), torch.tensor([[3.0, 1.0], [-1.0, -3.0]])
    )
    torch.testing.assert_close(
        Modulate(neurons, beta=0.5, direction="negative").slopes().apply(m),
        torch.tensor([[1.0, 3.0], [-3.0, -1.0]]),
    )


def test_only_what_changes_gets_a_table(model: NeuronModel) -> None:
    neurons = neuron_set(model, [0, 2], [0, 1], scores=[0.2, 0.2], signs=[1, 1])
    assert neuron_tables(Amplify(neurons, gamma=0.0).slopes(), model.width) == {}
    amplified = neuron_tables(Amplify(neurons).slopes(), model.width)
    assert set(amplified) == {0, 2}
    assert amplified[0].beta is None
    assert amplified[0].alpha is not None
    assert amplified[0].alpha.shape == (1, 1, model.width)
    modulated = neuron_tables(Modulate(neurons).slopes(), model.width)
    assert modulated[2].alpha is None
    assert modulated[2].beta is not None
    rows = NeuronTable.stack([modulated[2], None, amplified[2]], [0, 1, 1, 2])
    assert rows.alpha is not None
    assert rows.beta is not None
    assert rows.alpha.shape == rows.beta.shape == (4, 1, model.width)
    assert torch.equal(rows.alpha[[0, 1, 2]], torch.ones(3, 1, model.width))
    assert torch.equal(rows.beta[[1, 2, 3]], torch.zeros(3, 1, model.width))
    assert NeuronTable.stack([modulated[2], None], [0, 1, 1]).alpha is None


def test_an_empty_set_changes_nothing(model: NeuronModel) -> None:
    nothing = neuron_set(model, [], [], [], [])
    for edit in (Deactivate(nothing), Amplify(nothing), Modulate(nothing)):
        assert edit.slopes().touched() == ()


def test_hash_says_what_is_done_with_which_neurons(model: NeuronModel) -> None:
    edits = edits_of(model)
    assert len({edit.hash for edit in edits}) == len(edits)
    assert [edit.hash for edit in edits_of(model)] == [edit.hash for edit in edits]
    other = replace(edits[0], neurons=some_neurons(model, 5))
    assert other.hash != edits[0].hash


def test_description_names_neurons_and_settings(model: NeuronModel) -> None:
    text = Modulate(some_neurons(model, 1), beta=0.6).describe()
    assert text == "modulate 43 neurons of 'care' (test), beta 0.6, direction positive"
    assert Deactivate(some_neurons(model, 1)).describe() == "deactivate 43 neurons of 'care' (test)"


@pytest.mark.parametrize("number", range(6))
def test_a_saved_edit_comes_back_and_can_be_moved(model: NeuronModel, tmp_path: Path, number: int) -> None:
    edit = edits_of(model)[number]
    (tmp_path / "here").mkdir()
    assert edit.save(tmp_path / "here" / "care.json") == tmp_path / "here" / "care.json"
    (tmp_path / "here").rename(tmp_path / "there")
    loaded = load_edit(tmp_path / "there" / "care.json")
    assert type(loaded) is type(edit)
    assert loaded.hash == edit.hash
    assert loaded.to_dict() == edit.to_dict()
    for name in ("layers", "indices", "alpha", "beta"):
        assert torch.equal(getattr(loaded.slopes(), name), getattr(edit.slopes(), name))


def test_an_integer_strength_and_its_float_are_one_edit(model: NeuronModel, tmp_path: Path) -> None:
    neurons = some_neurons(model, 1)
    assert Modulate(neurons, beta=1).hash == Modulate(neurons, beta=1.0).hash
    Modulate(neurons, beta=1).save(tmp_path / "care.json")
    assert load_edit(tmp_path / "care.json").hash == Modulate(neurons, beta=1.0).hash


def test_files_that_do_not_fit_are_refused_by_name(model: NeuronModel, tmp_path: Path) -> None:
    path = tmp_path / "care.json"
    with pytest.raises(EditError, match=r"care\.txt.*\.json"):
        Deactivate(some_neurons(model, 1)).save(tmp_path / "care.txt")
    Modulate(some_neurons(model, 1)).save(path)
    good = json.loads(path.read_text())

    def spoiled(**changes: object) -> None:
        path.write_text(json.dumps({**good, **changes}))
        load_edit(path)

    with pytest.raises(EditError, match="'version'"):
        spoiled(version=2)
    with pytest.raises(EditError, match="'edit' is 'ablate'; known are deactivate, amplify, modulate"):
        spoiled(edit="ablate")
    with pytest.raises(EditError, match="'parameters' of modulate must hold"):
        spoiled(parameters={"beta": 0.9})
    with pytest.raises(EditError, match="beta must be a finite number"):
        spoiled(parameters={"beta": -1.0, "direction": "positive"})
    with pytest.raises(EditError, match=r"care\.json.*'hash'"):
        spoiled(parameters={"beta": 0.7, "direction": "positive"})
    with pytest.raises(EditError, match="'file'"):
        spoiled(file=None)
    path.write_text("{")
    with pytest.raises(EditError, match=r"care\.json: not JSON"):
        load_edit(path)
    path.write_text(json.dumps(good))
    some_neurons(model, 2).save(tmp_path / "care.neurons")
    with pytest.raises(EditError, match="changed or exchanged"):
        load_edit(path)


def test_settings_out_of_range_are_refused(model: NeuronModel) -> None:
    neurons = some_neurons(model, 1)
    for bad in (-0.1, float("nan"), float("inf"), "strong"):
        with pytest.raises(EditError, match="beta must be a finite number >= 0"):
            Modulate(neurons, beta=bad)  # type: ignore[arg-type]
        with pytest.raises(EditError, match="gamma"):
            Amplify(neurons, gamma=bad)  # type: ignore[arg-type]
    with pytest.raises(EditError, match="delta_scale"):
        Amplify(neurons, delta_scale=-1.0)
    for make in (Amplify, Modulate):
        with pytest.raises(EditError, match="direction must be 'positive' or 'negative'"):
            make(neurons, direction="up")  # type: ignore[arg-type]


def test_amplify_refuses_a_set_without_deltas(model: NeuronModel) -> None:
    drawn = neuron_set(model, [0, 1], [0, 1], scores=[0.0, 0.0], signs=[1, 1])
    with pytest.raises(EditError, match="all 2 neurons to amplify have score 0"):
        Amplify(drawn)
    Amplify(drawn, direction="negative")  # all of it is suppressed, and that needs no delta


def test_every_kind_is_registered() -> None:
    assert dict(EDITS) == {
        edit.kind: edit for edit in (Deactivate, Amplify, Modulate, Profile, AddVector, ProbeShift)
    }
    assert [EDITS[kind].subject_field for kind in ("modulate", "add-vector", "probe-shift")] == [
        "neurons",
        "vectors",
        "probes",
    ]
    assert issubclass(EditError, ValueError)
    assert issubclass(NeuronSetError, ValueError)
