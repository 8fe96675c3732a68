from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import torch
from tiny_models import tiny_model

from valuescope.activations.tensor_file import TensorFileError
from valuescope.locate import NeuronSet, NeuronSetError
from valuescope.models import ModelIdentity

MODEL = ModelIdentity("tiny", None, "f" * 32, layers=3, width=48)


def neurons(*entries: tuple[int, int, float, int], **changes: Any) -> NeuronSet:
    columns = list(zip(*entries, strict=True)) or [()] * 4
    facts: dict[str, Any] = {
        "value": "power",
        "model": MODEL,
        "site": "gate",
        "method": "vape",
        "parameters": {"rate": 0.015},
        "data_hash": "d",
        "seed": 3,
        "layers": torch.tensor(columns[0], dtype=torch.int32),
        "indices": torch.tensor(columns[1], dtype=torch.int64),
        "scores": torch.tensor(columns[2], dtype=torch.float64),
        "signs": torch.tensor(columns[3], dtype=torch.int64),
    }
    return NeuronSet(**{**facts, **changes})


def content(found: NeuronSet) -> list[tuple[int, int, float, int]]:
    columns = (found.layers, found.indices, found.scores, found.signs)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_sorted_and_converted() -> None:
    found = neurons((2, 5, 0.5, 1), (0, 47, -0.25, -1), (2, 0, 1.0, 1))
    assert content(found) == [(0, 47, -0.25, -1), (2, 0, 1.0, 1), (2, 5, 0.5, 1)]
    assert (found.layers.dtype, found.scores.dtype, found.signs.dtype) == (
        torch.int64,
        torch.float32,
        torch.int8,
    )
    assert found.flat.tolist() == [47, 96, 101]
    assert len(found) == 3
    assert len(neurons()) == 0


@pytest.mark.parametrize(
    ("entries", "changes", "message"),
    [
        ([(3, 0, 1.0, 1)], {}, r"layers holds 3; tiny has 0\.\.2"),
        ([(0, 48, 1.0, 1)], {}, r"indices holds 48; tiny has 0\.\.47"),
        ([(0, -1, 1.0, 1)], {}, "indices holds -1"),
        ([(1, 4, 1.0, 1), (1, 4, 2.0, 1)], {}, r"layer 1, index 4\) is there twice"),
        ([(1, 4, 1.0, 0)], {}, "signs must be"),
        ([(1, 4, float("nan"), 1)], {}, "not finite"),
        ([(1, 4, 1.0, 1)], {"site": "up"}, "site is 'up'"),
        ([(1, 4, 1.0, 1)], {"signs": torch.ones(2)}, "of one length"),
    ],
)
def test_refuses_what_is_not_a_set(entries: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(NeuronSetError, match=message):
        neurons(*entries, **changes)


def test_set_algebra() -> None:
    left = neurons((0, 1, 0.5, 1), (1, 2, 0.25, -1))
    right = neurons(
        (1, 2, 9.0, 1), (2, 3, 1.0, 1), value="care", site="product", method="neva", data_hash="e"
    )
    union = left | right
    assert content(union) == [(0, 1, 0.5, 1), (1, 2, 0.25, -1), (2, 3, 1.0, 1)]
    assert (union.value, union.method, union.site) == ("power | care", "vape | neva", "mixed")
    assert union.parameters == {"operation": "|", "left": left.hash, "right": right.hash}
    assert content(left & right) == [(1, 2, 0.25, -1)]
    assert content(left - right) == [(0, 1, 0.5, 1)]
    assert content((left & right) | (left - right)) == content(left)
    assert len(left - left) == 0
    assert (left | left).value == "power"
    other = dataclasses.replace(right, model=dataclasses.replace(MODEL, id="else", fingerprint="0" * 32))
    for operation in ("__or__", "__and__", "__sub__"):
        with pytest.raises(NeuronSetError, match=r"different models, tiny .* and else"):
            getattr(left, operation)(other)


def test_top() -> None:
    found = neurons((0, 1, 0.5, 1), (0, 9, -0.75, -1), (1, 2, 0.5, 1), (2, 2, 0.1, 1))
    assert [entry[:2] for entry in content(found.top(2))] == [(0, 1), (0, 9)]
    assert [entry[:2] for entry in content(found.top(3))] == [(0, 1), (0, 9), (1, 2)]
    assert content(found.top(99)) == content(found)
    assert len(found.top(0)) == 0
    assert found.top(2).parameters == {"rate": 0.015, "top": 2}
    with pytest.raises(NeuronSetError, match="negative"):
        found.top(-1)


def test_the_hash_covers_the_content_and_not_the_name_of_the_model() -> None:
    found = neurons((0, 1, 0.5, 1))
    renamed = dataclasses.replace(found, model=dataclasses.replace(MODEL, id="a copy", revision="main"))
    assert found.hash == renamed.hash
    others = [
        neurons(),
        neurons((0, 2, 0.5, 1)),
        neurons((0, 1, 0.25, 1)),
        neurons((0, 1, 0.5, -1)),
        neurons((0, 1, 0.5, 1), seed=4),
        neurons((0, 1, 0.5, 1), value="care"),
        neurons((0, 1, 0.5, 1), parameters={}),
    ]
    assert len({one.hash for one in [found, *others]}) == 8


def test_saved_and_loaded(tmp_path) -> None:
    found = neurons((0, 1, 0.5, 1), (2, 7, -0.25, -1))
    path = found.save(tmp_path / "power.v1")
    assert path == tmp_path / "power.v1.json"
    for name in ("power.v1", "power.v1.json", "power.v1.safetensors"):
        loaded = NeuronSet.load(tmp_path / name)
        assert content(loaded) == content(found)
        assert loaded.hash == found.hash
        assert loaded.model == MODEL
    manifest = json.loads(path.read_text())
    assert {
        "kind",
        "version",
        "value",
        "model",
        "site",
        "method",
        "parameters",
        "data_hash",
        "seed",
        "sha256",
    } <= set(manifest)
    empty = NeuronSet.load(neurons().save(tmp_path / "empty"))
    assert len(empty) == 0


def test_a_changed_file_is_refused(tmp_path) -> None:
    path = neurons((0, 1, 0.5, 1)).save(tmp_path / "power")
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "value": "care"}))
    with pytest.raises(NeuronSetError, match="changed after it was written"):
        NeuronSet.load(path)
    path.write_text(json.dumps({key: content for key, content in manifest.items() if key != "site"}))
    with pytest.raises(NeuronSetError, match="lacks site"):
        NeuronSet.load(path)
    path.write_text("{")
    with pytest.raises(TensorFileError, match="not JSON"):
        NeuronSet.load(path)
    path.write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(TensorFileError, match="format is 99"):
        NeuronSet.load(path)
    path.write_text(json.dumps(manifest))
    neurons((0, 2, 0.5, 1)).save(tmp_path / "other")
    (tmp_path / "other.safetensors").replace(tmp_path / "power.safetensors")
    with pytest.raises(TensorFileError, match="do not belong together"):
        NeuronSet.load(path)


def test_require_refuses_another_model_unless_forced() -> None:
    model = tiny_model("llama")
    own = neurons((0, 1, 0.5, 1), model=dataclasses.replace(model.identity, id="under another name"))
    own.require(model)
    tuned = neurons((0, 1, 0.5, 1))
    with pytest.raises(
        NeuronSetError,
        match=rf"tiny \(fingerprint f+\), not in tiny-llama \(fingerprint {model.identity.fingerprint}",
    ):
        tuned.require(model)
    tuned.require(model, force=True)
    wider = neurons((0, 1, 0.5, 1), model=dataclasses.replace(MODEL, width=96))
    with pytest.raises(NeuronSetError, match="3 x 96 against 3 x 48"):
        wider.require(model, force=True)


def test_as_a_table_and_one_by_one() -> None:
    pandas = pytest.importorskip("pandas")
    found = neurons((2, 5, 0.5, 1), (0, 47, -0.25, -1), (2, 0, 1.0, 1), value="<b>power</b>")
    frame = found.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.to_dict("list") == {
        "value": ["<b>power</b>"] * 3,
        "layer": [0, 2, 2],
        "index": [47, 0, 5],
        "score": [-0.25, 1.0, 0.5],
        "sign": [-1, 1, 1],
    }
    html = found._repr_html_()
    assert "<b>" not in html
    assert html.index("1.0000") < html.index("0.5000") < html.index("-0.2500")
    assert content(found.only(1)) == [(2, 0, 1.0, 1)]
    assert "and 5 more" in neurons(*((1, index, 0.1, 1) for index in range(25)))._repr_html_()
