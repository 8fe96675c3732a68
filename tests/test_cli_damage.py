"""Whatever file a command is given, it answers soon and with one line: `error:`, the file and what to do."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile_files import NO_FILES, RUBBISH
from run_samples import save_tiny_model

from valuescope.cli.main import main
from valuescope.edit import Deactivate, load_edit
from valuescope.files import save_tensors_atomic, sha256_of_file, write_json_atomic
from valuescope.locate import NeuronSet
from valuescope.models import ModelIdentity

SECONDS = 10.0
"""That an answer may take on a busy machine; alone each takes less than one."""
ANSWER = {"question": "Q?", "answer": "A.", "value": "power"}
Arguments = Callable[[str, str, Path], list[str]]
COMMANDS: Mapping[str, Arguments] = {
    "data": lambda file, model, here: ["data", file, "--sample", "0"],
    "data as": lambda file, model, here: ["data", file, "--as", "conva"],
    "run": lambda file, model, here: ["run", file, "--dry-run"],
    "values": lambda file, model, here: [
        *("judge", str(here / "answers.jsonl"), "--by", "mockllm/model", "--value-system", file)
    ],
    "values of locate": lambda file, model, here: [
        *("locate", model, "--method", "neva", "--values", file, "--out", str(here / "out"))
    ],
    "answers": lambda file, model, here: ["judge", file, "--by", "mockllm/model"],
    "edit": lambda file, model, here: ["generate", model, "--edit", file, "--prompt", "care"],
    "edit served": lambda file, model, here: ["serve", model, "--edit", file],
    "questionnaire": lambda file, model, here: ["questionnaire", model, file],
    "text": lambda file, model, here: ["ability", model, "--text", file],
    "mmlu": lambda file, model, here: ["ability", model, "--mmlu", file],
    "material": lambda file, model, here: [
        *(
            "locate",
            model,
            "--method",
            "neva",
            "--source",
            "files",
            "-d",
            f"path={file}",
            "--out",
            str(here / "out"),
        )
    ],
    "model": lambda file, model, here: ["sites", file],
}
SWEPT = ("data", "run", "values", "answers", "edit", "questionnaire", "model")
"""Commands that are given all rubbish, one for each way of reading; for `text` any text is one."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "answers.jsonl").write_text(json.dumps(ANSWER) + "\n", encoding="utf-8")
    return tmp_path


def line_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command says of what it cannot do, within the time that it may take."""
    start = time.process_time()
    code = main(arguments)
    seconds, said = time.process_time() - start, capsys.readouterr().err
    assert code in (1, 2), said
    assert "Traceback" not in said
    assert "nobody foresaw" not in said
    assert seconds < SECONDS
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert said.splitlines()[-1] == line
    assert len(line) < 3100
    return line


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_file_is_refused(
    command: str, kind: str, model: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = NO_FILES[kind](here / "given.json")
    line = line_of(COMMANDS[command](str(file), model, here), capsys)
    assert file.name[:80] in line


@pytest.mark.parametrize("kind", RUBBISH)
@pytest.mark.parametrize("command", SWEPT)
def test_rubbish_is_refused(
    command: str, kind: str, model: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = RUBBISH[kind](here / "given.json")
    line = line_of(COMMANDS[command](str(file), model, here), capsys)
    assert file.name in line


# Edits and models: files that belong together ------------------------------------------------------------


def neurons(**tensors: Any) -> dict[str, torch.Tensor]:
    """Tensors of a neuron set of two neurons, some of them changed; None leaves one out."""
    whole = {
        "layers": torch.tensor([0, 1]),
        "indices": torch.tensor([3, 4]),
        "scores": torch.tensor([0.5, 0.25]),
        "signs": torch.tensor([1, -1], dtype=torch.int8),
    }
    return {name: tensor for name, tensor in (whole | tensors).items() if tensor is not None}


def rewritten(edit: Path, tensors: Mapping[str, torch.Tensor], /, **facts: Any) -> None:
    """Other tensors and facts in the files beside an edit, whose checksums fit."""
    beside = edit.with_name("power.neurons.safetensors")
    manifest = json.loads(beside.with_suffix(".json").read_text(encoding="utf-8"))
    digest = save_tensors_atomic(beside, tensors)
    write_json_atomic(beside.with_suffix(".json"), {**manifest, **facts, "sha256": digest})


def cut(edit: Path) -> None:
    """Tensors cut off, their checksum made to fit."""
    beside = edit.with_name("power.neurons.safetensors")
    beside.write_bytes(beside.read_bytes()[:-5])
    manifest = json.loads(beside.with_suffix(".json").read_text(encoding="utf-8"))
    write_json_atomic(beside.with_suffix(".json"), {**manifest, "sha256": sha256_of_file(beside)})


def changed(edit: Path, /, **facts: Any) -> None:
    """Other facts in the edit's own file."""
    write_json_atomic(edit, {**json.loads(edit.read_text(encoding="utf-8")), **facts})


TWO = torch.tensor([0.5, 0.25])
BROKEN_EDITS: Mapping[str, Callable[[Path], object]] = {
    "tensors cut off": cut,
    "a tensor missing": lambda edit: rewritten(edit, neurons(signs=None)),
    "a tensor as a list": lambda edit: rewritten(edit, neurons(signs=None), signs=[1, -1]),
    "a tensor too long": lambda edit: rewritten(edit, neurons(scores=torch.ones(3))),
    "a tensor of two dimensions": lambda edit: rewritten(edit, neurons(scores=torch.ones(2, 2))),
    "a tensor without dimensions": lambda edit: rewritten(edit, {name: TWO[0].clone() for name in neurons()}),
    "an index that no layer has": lambda edit: rewritten(edit, neurons(indices=torch.tensor([3, 4000]))),
    "scores that are no numbers": lambda edit: rewritten(edit, neurons(scores=TWO * float("nan"))),
    "a model that is a text": lambda edit: rewritten(edit, neurons(), model="organism"),
    "a width that is a text": lambda edit: rewritten(edit, neurons(), model={**FACTS, "width": "48"}),
    "parameters that are a number": lambda edit: rewritten(edit, neurons(), parameters=7),
    "a value that is a list": lambda edit: rewritten(edit, neurons(), value=["power"]),
    "no tensors beside it": lambda edit: edit.with_name("power.neurons.safetensors").unlink(),
    "a pipe for tensors": lambda edit: (
        edit.with_name("power.neurons.safetensors").unlink(),
        os.mkfifo(edit.with_name("power.neurons.safetensors")),
    ),
    "a strength that is a text": lambda edit: changed(edit, parameters={"delta": "2"}),
    "a negative strength": lambda edit: changed(edit, parameters={"strength": -1}),
    "an edit that is a list": lambda edit: changed(edit, edit=["deactivate"]),
    "a version that is none": lambda edit: changed(edit, version=None),
    "another hash": lambda edit: changed(edit, hash=[1]),
    "a file that is a number": lambda edit: changed(edit, file=3),
    "a file name too long": lambda edit: changed(edit, file="a" * 300),
}
FACTS = {"id": "tiny", "revision": None, "fingerprint": "f", "layers": 3, "width": 48}


@pytest.mark.parametrize("kind", BROKEN_EDITS)
def test_a_broken_edit_is_told(kind: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"value": "power", "site": "product", "method": "test", "parameters": {}, "data_hash": "d"}
    found = NeuronSet(**facts, seed=0, model=ModelIdentity(**FACTS), **neurons())
    edit = Deactivate(found).save(here / "power.json")
    assert load_edit(edit).value == "power"
    BROKEN_EDITS[kind](edit)
    line = line_of(["serve", "organism", "--edit", str(edit)], capsys)
    assert str(here) in line or "a" * 300 in line


def with_config(folder: Path, **changes: Any) -> None:
    """Other settings in a model's config.json."""
    path = folder / "config.json"
    write_json_atomic(path, {**json.loads(path.read_text(encoding="utf-8")), **changes})


def written(name: str, content: bytes) -> Callable[[Path], object]:
    """Other content in one file of a model."""
    return lambda folder: (folder / name).write_bytes(content)


BROKEN_MODELS: Mapping[str, Callable[[Path], object]] = {
    "an unknown activation function": lambda folder: with_config(folder, hidden_act="nosuch"),
    "an activation function that is a list": lambda folder: with_config(folder, hidden_act=["silu"]),
    "an unknown architecture": lambda folder: with_config(folder, model_type="nosuch"),
    "no architecture": lambda folder: with_config(folder, model_type=None),
    "widths that do not fit": lambda folder: with_config(folder, hidden_size=33),
    "a width that is a text": lambda folder: with_config(folder, hidden_size="wide"),
    "no heads": lambda folder: with_config(folder, num_attention_heads=0),
    "layers without end": lambda folder: with_config(folder, num_hidden_layers=-1),
    "a type of numbers that is none": lambda folder: with_config(folder, dtype="float7"),
    "a kernel that is not installed": lambda folder: with_config(
        folder, quantization_config={"quant_method": "gptq", "bits": 4}
    ),
    "a config that is a list": written("config.json", b"[1]"),
    "a config that is empty": written("config.json", b""),
    "a config of bytes": written("config.json", bytes(range(128, 256))),
    "a config nested too deeply": written("config.json", b"[" * 100_000),
    "weights cut off": lambda folder: written(
        "model.safetensors", (folder / "model.safetensors").read_bytes()[:1000]
    )(folder),
    "weights that are empty": written("model.safetensors", b""),
    "a tensor missing": lambda folder: save_tensors_atomic(
        folder / "model.safetensors", {"model.norm.weight": torch.ones(32)}
    ),
    "a tokenizer that is a list": written("tokenizer.json", b"[1]"),
    "a tokenizer of bytes": written("tokenizer.json", bytes(range(128, 256))),
    "a tokenizer without a model": written("tokenizer.json", b"{}"),
    "a tokenizer's settings that are a list": written("tokenizer_config.json", b"[1]"),
    "settings of answers that are a list": written("generation_config.json", b"[1]"),
}


@pytest.mark.parametrize("kind", BROKEN_MODELS)
def test_a_broken_model_is_told(
    kind: str, model: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = here / "model"
    shutil.copytree(model, folder)
    BROKEN_MODELS[kind](folder)
    assert str(folder) in line_of(["sites", str(folder)], capsys)


def test_a_kernel_of_attention_that_is_not_installed(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_of(["sites", model, "--attn-implementation", "flash_attention_2"], capsys)
    assert model in line
