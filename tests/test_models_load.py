"""Loading, wrapping, identity, and greedy continuations of the two real models."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import shared
from safetensors.torch import load_file, save_file
from tiny_models import FAMILIES, tiny_hf_model, tiny_model, tiny_tokenizer

import valuescope
from valuescope.lab.model_spec import ModelSpec
from valuescope.models import (
    LoadError,
    ModelIdentity,
    NeuronModel,
    encode,
    fingerprint_of,
    forward_inputs,
    left_pad,
    load_model,
    wrap_model,
)
from valuescope.models import identity as identity_module
from valuescope.models import load as load_module
from valuescope.run.model_size import model_size


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = tiny_model("llama")
    model.model.save_pretrained(tmp_path / "tiny")
    model.tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_load_gives_what_was_saved(saved: Path) -> None:
    before, after = tiny_model("llama"), load_model(str(saved))
    assert after.identity == ModelIdentity(str(saved), None, before.identity.fingerprint, 3, 48)
    assert after.sites == before.sites
    assert not after.model.training
    assert not any(parameter.requires_grad for parameter in after.model.parameters())
    assert after.tokenizer.padding_side == "left"
    inputs = forward_inputs(after, left_pad(after, encode(after, ["we help people", "you win"])))
    assert torch.equal(before.model(**inputs).logits, after.model(**inputs).logits)


def test_load_passes_its_options_through(saved: Path) -> None:
    model = load_model(str(saved), dtype="bfloat16", device="cpu", attn_implementation="eager")
    assert model.dtype == torch.bfloat16
    assert model.device == torch.device("cpu")
    assert model.model.config._attn_implementation == "eager"
    assert load_model(str(saved), dtype=torch.float64).dtype == torch.float64
    assert load_model(str(saved), check=False).proof is None


def test_a_device_map_is_passed_through(saved: Path) -> None:
    pytest.importorskip("accelerate")
    model = load_model(str(saved), device_map={"": "cpu"})
    assert model.identity.fingerprint == tiny_model("llama").identity.fingerprint


def test_load_errors_say_what_and_how(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"nowhere: no such folder"):
        load_model(str(tmp_path / "nowhere"))
    with pytest.raises(LoadError, match=r"no config\.json"):
        load_model(str(tmp_path))
    with pytest.raises(LoadError, match="no such folder"):
        load_model(str(saved / "config.json"))
    (saved / "model.safetensors").unlink()
    with pytest.raises(LoadError, match=r"could not be loaded.*model\.safetensors"):
        load_model(str(saved))
    with pytest.raises(ValueError, match="exclude each other"):
        load_model(str(saved), device="cpu", device_map="auto")
    with pytest.raises(ValueError, match="dtype='float23': unknown"):
        load_model(str(saved), dtype="float23")


def test_organism_is_an_id_of_the_bundled_model(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    bundled = types.ModuleType("valuescope.organism")
    bundled.weights_path = lambda _: saved  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "valuescope.organism", bundled)
    monkeypatch.setattr(valuescope, "organism", bundled, raising=False)
    assert load_model("organism").identity.id == "organism"


def test_a_missing_pad_token_is_replaced() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.pad_token = None
    assert wrap_model(tiny_hf_model("llama"), tokenizer).tokenizer.pad_token == "</s>"
    tokenizer.pad_token = tokenizer.eos_token = None
    assert wrap_model(tiny_hf_model("llama"), tokenizer).tokenizer.pad_token == "<unk>"
    tokenizer.pad_token = tokenizer.unk_token = None
    with pytest.raises(ValueError, match=r"no pad, eos or unk token; set tokenizer\.pad_token"):
        wrap_model(tiny_hf_model("llama"), tokenizer)


# Identity


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fingerprint_is_of_the_weights(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    fingerprint = model.identity.fingerprint
    assert re.fullmatch(r"v2-[0-9a-f]{24}-[0-9a-f]{8}", fingerprint)
    assert tiny_model(family).identity.fingerprint == fingerprint
    model.model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    again = load_model(str(tmp_path), check=False)
    # transformers gives a saved Qwen2 its own way of splitting texts, which is another tokenizer than this test's
    assert fingerprint_of(again.model, model.tokenizer) == fingerprint
    assert (again.identity.fingerprint == fingerprint) == (family != "qwen2")
    for layer in (0, model.layers - 1):
        vector = model.value_vectors(layer)
        before = vector[3, 4].clone()
        vector[3, 4] += 1e-2
        assert fingerprint_of(model.model, model.tokenizer) != fingerprint
        vector[3, 4] = before
        assert fingerprint_of(model.model, model.tokenizer) == fingerprint


def test_fingerprints_tell_models_and_embeddings_apart() -> None:
    model = tiny_model("llama")
    for family in ("phi3", "gpt2", "opt", "falcon", "bloom"):
        assert tiny_model(family).identity.fingerprint != model.identity.fingerprint
    model.model.get_input_embeddings().weight.data[5, 6] += 1
    assert fingerprint_of(model.model, model.tokenizer) != model.identity.fingerprint


def test_sampled_fingerprints_meet_every_row_and_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_module, "_WHOLE", 1000)
    monkeypatch.setattr(identity_module, "_SAMPLE", 150)
    model = tiny_model("llama")
    whole = fingerprint_of(model.model, model.tokenizer)
    vectors = model.value_vectors(1)
    for view in (vectors, vectors.T):
        for row in view:
            kept = row.clone()
            row += 1
            assert fingerprint_of(model.model, model.tokenizer) != whole
            row.copy_(kept)
    assert fingerprint_of(model.model, model.tokenizer) == whole


def test_identities_are_values() -> None:
    identity = tiny_model("llama").identity
    assert ModelIdentity.from_dict(json.loads(json.dumps(identity.to_dict()))) == identity
    with pytest.raises(ValueError, match=r"missing or unknown field revision"):
        ModelIdentity.from_dict(
            {key: value for key, value in identity.to_dict().items() if key != "revision"}
        )


# Greedy continuations recorded from the original programs


def greedy(model: NeuronModel, ids: tuple[int, ...], length: int) -> list[int]:
    prompt = torch.tensor([ids])
    output = model.model.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=length - len(ids)
    )
    tokens: list[int] = output[0].tolist()
    return tokens


def test_llama_continues_as_the_original_program_did() -> None:
    record = json.loads(shared("models/stories260K_greedy.json").read_text(encoding="utf-8"))
    model = load_model(str(shared("models/stories260K")))
    tokens = greedy(model, tuple(record["prompt_ids"]), len(record["greedy_ids"]))
    assert tokens == record["greedy_ids"]
    assert model.tokenizer.decode(tokens, skip_special_tokens=True) == record["text"]


def test_gpt2_continues_as_the_original_program_did() -> None:
    """Equal where the record says so; where it says not, the first difference must be a near tie."""
    records = json.loads(shared("models/gpt2-tinystories-280k_greedy.json").read_text(encoding="utf-8"))
    model = load_model(str(shared("models/gpt2-tinystories-280k")))
    assert sum(record["equal"] for record in records) >= 2
    for record in records:
        prompt, recorded = (row.input_ids for row in encode(model, [record["prompt"], record["text"]]))
        tokens = greedy(model, prompt, len(recorded))
        if record["equal"]:
            assert model.tokenizer.decode(tokens, skip_special_tokens=True) == record["text"]
            continue
        first = next(place for place in range(len(recorded)) if tokens[place] != recorded[place])
        assert first >= len(prompt)
        logits = model.model(torch.tensor([tokens[:first]])).logits[0, -1]
        assert logits[tokens[first]] - logits[recorded[first]] < 0.01


# What a checkpoint lacks, and what its dtype becomes

UP = "model.layers.1.mlp.up_proj.weight"


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tensors: tensors.pop(UP), f"the checkpoint lacks {UP}, which LlamaForCausalLM would fill"),
        (lambda tensors: tensors.pop("lm_head.weight"), r"lacks lm_head\.weight, which"),
        (
            lambda tensors: [tensors.pop(name) for name in sorted(tensors)[:6]],
            r"lacks lm_head\.weight, .* and 2 more tensors, which",
        ),
        (
            lambda tensors: tensors.update({UP: torch.ones(5, 32)}),
            rf"has {UP} \(5, 32\), not \(48, 32\): its weights and its config\.json do not match",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_its_model_is_refused(
    saved: Path, caplog: pytest.LogCaptureFixture, change: Callable[..., object], reason: str
) -> None:
    rewrite(saved, change)
    with pytest.raises(LoadError, match=reason):
        load_model(str(saved))
    assert "LOAD REPORT" not in caplog.text


def test_a_damaged_checkpoint_is_refused(saved: Path) -> None:
    weights = saved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(LoadError, match="tiny: this model could not be loaded"):
        load_model(str(saved))


def test_a_tensor_without_a_place_is_a_warning(saved: Path, caplog: pytest.LogCaptureFixture) -> None:
    rewrite(saved, lambda tensors: tensors.update({"model.layers.1.mlp.extra.weight": torch.ones(2)}))
    before = tiny_model("llama").identity.fingerprint
    assert {load_model(str(saved)).identity.fingerprint for _ in range(2)} == {before}
    assert caplog.messages == [
        f"{saved}: LlamaForCausalLM has no place for model.layers.1.mlp.extra.weight; not loaded"
    ]


def test_tied_weights_are_not_missing(tmp_path: Path) -> None:
    model = tiny_hf_model("llama", tie_word_embeddings=True)
    model.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    assert load_model(str(tmp_path)).proof is not None


@pytest.mark.parametrize(
    ("native", "device", "dtype", "loaded"),
    [
        (True, None, "auto", torch.bfloat16),
        (False, None, "auto", torch.float32),
        (False, "cpu", "auto", torch.float32),
        (False, None, "bfloat16", torch.bfloat16),
    ],
)
def test_auto_is_float32_where_the_cpu_has_no_bfloat16(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    native: bool,
    device: str | None,
    dtype: str,
    loaded: torch.dtype,
) -> None:
    monkeypatch.setattr(load_module, "native_bfloat16", lambda: native)
    monkeypatch.setattr(load_module, "default_device", lambda: torch.device("cpu"))
    model = tiny_model("llama", torch.bfloat16)
    model.model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    assert {load_model(str(tmp_path), dtype=dtype, device=device).dtype for _ in range(2)} == {loaded}
    note = f"{tmp_path}: this CPU has no bfloat16, so dtype auto is float32, not torch.bfloat16"
    assert caplog.messages == [note] * (loaded == torch.float32)
    assert load_model("organism", check=False).dtype == torch.bfloat16  # its recorded numbers are of bfloat16
    assert load_module.settled_dtype(torch.bfloat16, "cuda:0", "any") == torch.bfloat16
    spec = ModelSpec(id=str(tmp_path), dtype=dtype, device=device)
    assert model_size(spec).dtype == loaded


def test_this_cpu_says_whether_it_has_bfloat16() -> None:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        pytest.skip("no /proc/cpuinfo to compare with")
    has = getattr(torch.cpu, "get_capabilities", dict[str, bool])()
    assert load_module.native_bfloat16() == any(
        has.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16")
    )
