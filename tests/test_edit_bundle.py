"""Bundles: an edit as one file says and does what its three files say and do, and nothing of this machine."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from edit_samples import PROMPTS, logits_of, some_neurons
from steering_samples import some_probes, some_vectors
from tiny_models import tiny_model

from valuescope.edit import (
    AddVector,
    Amplify,
    Blend,
    Bundle,
    Deactivate,
    Edit,
    EditError,
    Evidence,
    Measurement,
    Modulate,
    ProbeShift,
    edited,
    load_bundle,
    load_edit,
)
from valuescope.edit.bundle import ENTRY
from valuescope.edit.named_edits import named_edit
from valuescope.files import dump_json, sha256_of
from valuescope.models import ModelIdentity, NeuronModel, encode, left_pad
from valuescope.neurons.edit_files import read_neuron_sets
from valuescope.provider.edit_files import find_edit
from valuescope.provider.model_names import Selection

EVIDENCE = Evidence(
    measure="control success, judged by oracle",
    effect=Measurement(0.25, 0.1, 0.4, 40, 2),
    random_control=Measurement(0.0, None, None, 1),
    null_share=0.2,
)


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return tiny_model("llama")


def edits_of(model: NeuronModel) -> list[Edit]:
    neurons = some_neurons(model, 1)
    return [
        Deactivate(neurons),
        Amplify(neurons, gamma=0.7, direction="negative", strength=0.3),
        Modulate(neurons, beta=0.6),
        AddVector(some_vectors(model, 1), coefficient=0.2),
        ProbeShift(some_probes(model, 1), strength=2),
    ]


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def description_of(path: Path) -> dict[str, Any]:
    """The description, read by the format of safetensors alone."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    content: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][ENTRY])
    return content


def rewritten(path: Path, description: Any, *, seal: bool = True) -> None:
    """Put another description into a bundle; `seal`: with the checksum that belongs to it."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    if seal and isinstance(description, dict):
        rest = {name: content for name, content in description.items() if name != "sha256"}
        description = {**rest, "sha256": sha256_of(rest)}
    header["__metadata__"] = {ENTRY: description if isinstance(description, str) else dump_json(description)}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


@pytest.mark.parametrize("number", range(5))
def test_three_files_and_a_bundle_become_each_other(model: NeuronModel, tmp_path: Path, number: int) -> None:
    edit = edits_of(model)[number]
    edit.save(tmp_path / "three" / "care.json")
    bundle = Bundle(load_edit(tmp_path / "three" / "care.json"), EVIDENCE, "CC-BY-4.0")
    path = bundle.save(tmp_path / "care.vsedit")
    loaded = load_bundle(path)
    assert type(loaded.edit) is type(edit)
    assert loaded.edit.hash == load_edit(path).hash == edit.hash
    assert (loaded.evidence, loaded.licence) == (EVIDENCE, "CC-BY-4.0")
    loaded.edit.save(tmp_path / "back" / "care.json")
    assert files_in(tmp_path / "back") == files_in(tmp_path / "three")
    assert loaded.save(tmp_path / "again.vsedit").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("number", range(5))
def test_a_bundle_moves_the_logits_as_the_edit_does(model: NeuronModel, tmp_path: Path, number: int) -> None:
    edit = edits_of(model)[number]
    path = Bundle(edit).save(tmp_path / "care.vsedit")
    batch = left_pad(model, encode(model, PROMPTS))
    with edited(model, edit):
        expected = logits_of(model, batch)
    with edited(model, load_edit(path)):
        assert torch.equal(logits_of(model, batch), expected)
    assert not torch.equal(logits_of(model, batch), expected)


def test_what_was_not_measured_is_absent(model: NeuronModel, tmp_path: Path) -> None:
    path = Bundle(edits_of(model)[0], EVIDENCE).save(tmp_path / "care.vsedit")
    content = description_of(path)
    assert set(content["evidence"]) == {"measure", "effect", "random_control", "null_share"}
    assert content["evidence"]["random_control"] == {"mean": 0.0, "ci": None, "n": 1, "missing": 0}
    assert "licence" not in content
    assert load_bundle(Bundle(edits_of(model)[0]).save(path)).evidence is None


def test_no_path_of_this_machine_is_written(model: NeuronModel, tmp_path: Path) -> None:
    folder = tmp_path / "secret-place" / "tiny"
    identity = replace(model.identity, id=str(folder))
    neurons = replace(some_neurons(model, 1), model=identity)
    edit = Modulate(neurons)
    path = Bundle(edit).save(tmp_path / "care.vsedit")
    assert b"secret-place" not in path.read_bytes()
    loaded = load_edit(path)
    assert loaded.subject.model.id == "tiny"
    assert loaded.hash == edit.hash


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("organism", "organism"),
        ("Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B"),
        ("owner/name:sub/file.gguf", "owner/name:sub/file.gguf"),
        ("/home/me/models/tiny/", "tiny"),
        ("~/tiny", "tiny"),
        ("../models/tiny", "tiny"),
        ("models/here", "here"),
        ("a/b/tiny", "tiny"),
        ("private/tiny.gguf", "tiny.gguf"),
        ("C:\\Users\\me\\tiny", "tiny"),
    ],
)
def test_names_that_are_paths(name: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert ModelIdentity(name, None, "f", 3, 48).without_path().id == shown


def test_a_bundle_is_told_by_its_content_and_found_in_folders(model: NeuronModel, tmp_path: Path) -> None:
    edit = edits_of(model)[2]
    path = Bundle(edit).save(tmp_path / "care.vsedit")
    assert named_edit(f"kind={path}:0.5").scaled.strength == 0.5
    assert named_edit(str(path)).name == "care"
    assert set(read_neuron_sets([tmp_path])) == {"care"}
    edit.save(tmp_path / "care.json")  # the same edit twice in one folder counts once
    assert set(read_neuron_sets([tmp_path])) == {"care"}
    chosen = find_edit(Selection("tiny", edit.hash[:12], None), [tmp_path])
    assert chosen is not None
    assert chosen.hash == edit.hash
    assert load_edit(path.rename(tmp_path / "care.bin")).hash == edit.hash


def test_files_that_do_not_fit_are_refused_by_name(model: NeuronModel, tmp_path: Path) -> None:
    path = Bundle(edits_of(model)[2], EVIDENCE, "MIT").save(tmp_path / "care.vsedit")
    data, good = path.read_bytes(), description_of(path)
    neurons = good["neurons"]
    broken: list[tuple[Any, str]] = [
        ({**good, "version": 2}, "'version' must be 1"),
        ({**good, "edit": "ablate"}, "'edit' is 'ablate'; known are"),
        ({**good, "parameters": {"beta": 0.9}}, "'parameters' of modulate must hold"),
        ({**good, "parameters": {"beta": -1.0, "direction": "positive"}}, "beta must be a finite number"),
        ({**good, "parameters": {"beta": 0.7, "direction": "positive"}}, "changed or exchanged"),
        ({**good, "neurons": None}, "'neurons' must describe"),
        ({**good, "neurons": {**neurons, "seed": 9}}, "its hash does not fit"),
        ({**good, "neurons": {**neurons, "model": "organism"}}, "not a neuron set as it is saved"),
        ({**good, "evidence": {"effects": 1}}, "give an object of measure"),
        ({**good, "evidence": {"effect": {"mean": 1, "ci": [2, 1], "n": 3}}}, "effect: mean is 1"),
        ({**good, "evidence": {"effect": {"mean": 1, "n": 0}}}, "effect: n is 0"),
        ({**good, "evidence": {"fluency": {"mean": 2, "n": 3}}}, "fluency: mean is 2"),
        ({**good, "evidence": {"null_share": -1}}, "null_share is -1"),
        ({**good, "licence": 3}, "licence is 3"),
        ({**good, "licence": "a\nb"}, "licence is"),
        ("[1]", "is no object"),
        ("{", "is not JSON"),
        ('{"a": 1, "a": 2}', "stands twice"),
    ]
    for description, words in broken:
        path.write_bytes(data)
        rewritten(path, description)
        with pytest.raises(ValueError, match=re.escape(words)) as raised:
            load_edit(path)
        assert str(raised.value).startswith(str(path))
        assert "\n" not in str(raised.value)
    path.write_bytes(data)
    rewritten(path, {**good, "evidence": {"null_share": 0.0}}, seal=False)
    with pytest.raises(EditError, match="changed after it was written"):
        load_edit(path)


def test_damaged_bytes_are_refused_by_name(model: NeuronModel, tmp_path: Path) -> None:
    path = Bundle(edits_of(model)[2]).save(tmp_path / "care.vsedit")
    data = path.read_bytes()
    for content in (b"", b"{", data[:7], data[:100], data[:-1], b"\xff" * 200):
        path.write_bytes(content)
        with pytest.raises(EditError, match=r"care\.vsedit: no bundle can be read"):
            load_edit(path)
    flipped = bytearray(data)
    flipped[-1] ^= 0xFE  # the last sign: 1 becomes -1, or the other way round
    path.write_bytes(flipped)
    with pytest.raises(ValueError, match=r"care\.vsedit"):
        load_edit(path)
    edits_of(model)[2].save(tmp_path / "care.json")
    with pytest.raises(EditError, match="holds tensors and no edit"):
        load_edit(tmp_path / "care.neurons.safetensors")
    with pytest.raises(EditError, match="no such file"):
        load_edit(tmp_path / "nosuch.vsedit")


def test_what_cannot_be_saved_is_refused(model: NeuronModel, tmp_path: Path) -> None:
    edit = edits_of(model)[2]
    with pytest.raises(EditError, match=r"ends in \.vsedit"):
        Bundle(edit).save(tmp_path / "care.json")
    with pytest.raises(EditError, match="save its parts"):
        Bundle(Blend((edit, edits_of(model)[0]))).save(tmp_path / "care.vsedit")
    with pytest.raises(EditError, match="licence is ''"):
        Bundle(edit, licence="")
    assert list(tmp_path.iterdir()) == []
