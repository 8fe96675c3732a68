"""Names of edited models, edits found by hash, and the provider's own arguments."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from edit_samples import some_neurons
from tiny_models import tiny_model

from valuescope.edit import Deactivate, Edit, Modulate
from valuescope.models import NeuronModel
from valuescope.provider import ProviderError, model_name
from valuescope.provider.edit_files import find_edit
from valuescope.provider.model_args import LoadSettings, read_model_args
from valuescope.provider.model_names import Selection, parse_name


@pytest.fixture(scope="module")
def model() -> NeuronModel:
    return tiny_model("llama")


@pytest.fixture(scope="module")
def edit(model: NeuronModel) -> Edit:
    return Modulate(some_neurons(model, 1), beta=0.5)


def read(name: str) -> Selection:
    provider, _, rest = name.partition("/")
    assert provider == "valuescope"
    return parse_name(rest)


def test_a_name_says_model_edit_and_strength(model: NeuronModel, edit: Edit, tmp_path: Path) -> None:
    assert model_name("organism") == "valuescope/organism"
    assert model_name("org/chat-7b") == "valuescope/org/chat-7b"
    assert model_name(model, edit) == f"valuescope/tiny-llama@{edit.hash[:12]}"
    assert model_name("organism", edit.scaled(0.5)) == f"valuescope/organism@{edit.hash[:12]}:0.5"
    assert model_name("organism", edit.scaled(0.5).scaled(1)) == model_name("organism", edit)
    assert model_name(str(tmp_path)) == f"valuescope/{tmp_path}"


def test_a_folder_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    assert model_name("here") == model_name("./here") == f"valuescope/{tmp_path.resolve()}/here"


@pytest.mark.parametrize("strength", [0.0, 0.5, 1 / 3, 1e-9, 2.0, 12345678.9])
def test_names_are_read_back_exactly(edit: Edit, strength: float) -> None:
    selection = read(model_name("org/chat-7b", edit.scaled(strength)))
    assert selection == Selection("org/chat-7b", edit.hash[:12], strength)
    assert read(model_name("organism", edit)) == Selection("organism", edit.hash[:12])
    assert read(model_name("organism")) == Selection("organism")


def test_an_at_sign_in_a_path_is_no_edit(tmp_path: Path) -> None:
    folder = tmp_path / "run@12345678"
    folder.mkdir()
    assert parse_name(str(folder)) == Selection(str(folder))
    assert parse_name(f"{folder}/model") == Selection(f"{folder}/model")
    assert parse_name(f"{folder}@0123456789ab") == Selection(str(folder), "0123456789ab")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("organism@power", "at least 8"),
        ("organism@1234567", "at least 8"),
        ("organism@ABCDEF0123", "lower case"),
        ("organism@" + "a" * 65, "hexadecimal"),
        ("organism@", "hash of an edit"),
        ("@12345678", "hash of an edit"),
        ("organism@12345678:", "strength"),
        ("organism@12345678:strong", "'strong'"),
        ("organism@12345678:-1", "at least 0"),
        ("organism@12345678:nan", "'nan'"),
        ("organism@12345678:inf", "'inf'"),
    ],
)
def test_what_is_no_name_is_refused(name: str, told: str) -> None:
    with pytest.raises(ProviderError, match=told):
        parse_name(name)


def test_edits_are_found_by_hash_among_other_files(edit: Edit, model: NeuronModel, tmp_path: Path) -> None:
    path = edit.save(tmp_path / "deep" / "down" / "care.json")
    Deactivate(some_neurons(model, 2)).save(tmp_path / "off.json")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "list.json").write_text("[1]", encoding="utf-8")
    (tmp_path / "other.json").write_text('{"edit": 1, "hash": 2}', encoding="utf-8")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    (tmp_path / "large.json").write_text(json.dumps(["x" * (1 << 20)]), encoding="utf-8")
    for places in ([tmp_path], [path], [tmp_path / "off.json", tmp_path / "deep"], [tmp_path, path]):
        found = find_edit(Selection("m", edit.hash[:8]), places)
        assert found is not None
        assert found.hash == edit.hash
    half = find_edit(Selection("m", edit.hash, 0.5), [tmp_path])
    assert half is not None
    assert half.hash == edit.scaled(0.5).hash
    assert find_edit(Selection("m"), [tmp_path / "absent"]) is None


def test_an_edit_saved_at_a_strength_is_found_by_both_its_hashes(edit: Edit, tmp_path: Path) -> None:
    half = edit.scaled(0.5)
    half.save(tmp_path / "half.json")
    for name, wanted in (
        (Selection("m", half.hash), half),
        (read(model_name("m", half)), half),
        (Selection("m", edit.hash[:9]), edit),
        (Selection("m", half.hash, 2.0), edit.scaled(2.0)),
    ):
        found = find_edit(name, [tmp_path])
        assert found is not None
        assert found.hash == wanted.hash


def test_the_environment_names_edits(edit: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit.save(tmp_path / "some" / "care.json")
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("VALUESCOPE_EDITS", os.pathsep.join([str(tmp_path / "none"), str(tmp_path / "some")]))
    assert find_edit(Selection("m", edit.hash), []) is not None
    with pytest.raises(ProviderError, match="no edit is in"):  # what is given goes before it
        find_edit(Selection("m", edit.hash), [tmp_path / "none"])


def test_an_edit_that_is_not_there_is_told_with_those_that_are(
    edit: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VALUESCOPE_EDITS", raising=False)
    wrong = Selection("m", "0" * 12)
    with pytest.raises(ProviderError, match=r"-M edits=PATH.*VALUESCOPE_EDITS"):
        find_edit(wrong, [])
    with pytest.raises(ProviderError, match="absent does not exist"):
        find_edit(wrong, [tmp_path / "absent"])
    path = edit.save(tmp_path / "care.json")
    with pytest.raises(ProviderError) as error:
        find_edit(wrong, [tmp_path])
    for part in (str(tmp_path), "0" * 12, edit.hash[:12], "modulate", "care", str(path), "-M edits="):
        assert part in str(error.value)
    (tmp_path / "note.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ProviderError, match=r"note\.json holds no edit"):
        find_edit(wrong, [tmp_path / "note.json"])


def test_a_hash_that_begins_two_edits_is_refused(edit: Edit, model: NeuronModel, tmp_path: Path) -> None:
    other = Deactivate(some_neurons(model, 2))
    edit.save(tmp_path / "a.json")
    other.save(tmp_path / "b.json")
    with pytest.raises(ProviderError, match="more than one") as error:
        find_edit(Selection("m", ""), [tmp_path])
    assert edit.hash in str(error.value)
    assert other.hash in str(error.value)


def test_arguments_are_read_as_a_command_line_gives_them() -> None:
    args = read_model_args(
        {"dtype": "float32", "edits": "a,b/c", "max_rows": 8, "on": "response", "force": True}
    )
    assert args.load == LoadSettings(dtype="float32")
    assert args.edits == (Path("a"), Path("b/c"))
    assert (args.max_rows, args.on, args.force) == (8, "response", True)
    assert read_model_args({"edits": ["a", Path("b")]}).edits == (Path("a"), Path("b"))
    assert read_model_args({"edits": Path("a,b")}).edits == (Path("a,b"),)
    assert read_model_args({}) == read_model_args({"edits": "", "device": None})


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"dtpye": "float32", "batch": 1}, "'dtpye', 'batch'; .*dtype, device"),
        ({"device": 0}, "device is 0"),
        ({"revision": 1234567}, "revision is 1234567"),
        ({"max_rows": 0}, "max_rows is 0"),
        ({"max_rows": True}, "max_rows is True"),
        ({"max_rows": "64"}, "max_rows is '64'"),
        ({"on": "all"}, "both, prompt, response"),
        ({"force": "yes"}, "force is 'yes'"),
        ({"trust_remote_code": 1}, "trust_remote_code is 1"),
        ({"edits": 5}, "edits is 5"),
        ({"edits": [1]}, "edits is"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(args: dict[str, object], told: str) -> None:
    with pytest.raises(ProviderError, match=told):
        read_model_args(args)


def test_without_inspect_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import valuescope.provider as provider

    for name in [name for name in sys.modules if name.startswith("inspect_ai")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    monkeypatch.setitem(sys.modules, "inspect_ai.model", None)
    for name in ("api", "messages", "sampling"):
        monkeypatch.delitem(sys.modules, f"valuescope.provider.{name}", raising=False)
    monkeypatch.delitem(vars(provider), "inspect_model", raising=False)
    with pytest.raises(RuntimeError, match=r'pip install "valuescope\[inspect\]"'):
        _ = provider.inspect_model
    assert provider.model_name("organism") == "valuescope/organism"
    with pytest.raises(AttributeError, match="nothing"):
        _ = provider.nothing
