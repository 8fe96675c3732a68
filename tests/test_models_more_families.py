"""Families beyond those of `tiny_models`: sites proven, and edits right under padding, batches and the cache."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from edit_samples import PROMPTS, logits_of, some_neurons
from tiny_models import _GROUPED, HIDDEN, LAYERS, WIDTH, tiny_tokenizer
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from valuescope.edit import Deactivate, Modulate, edited, weights_edited
from valuescope.generate import Sampling, generate
from valuescope.lab.model_spec import ModelSpec
from valuescope.models import NeuronModel, SiteError, encode, left_pad, load_model, wrap_model
from valuescope.run.model_size import model_size

NUMBERS = {
    **_GROUPED,
    "head_dim": 8,
    "n_embd": HIDDEN,
    "n_inner": WIDTH,
    "dff": WIDTH,
    "ffn_dim": WIDTH,
    "n_layer": LAYERS,
    "num_layers": LAYERS,
    "n_head": 4,
    "num_heads": 4,
    "n_positions": 128,
}
"""The sizes under every name that configs have for them; a config takes those that it knows."""
MAMBA = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_ssm": 64, "mamba_d_state": 8, "mamba_chunk_size": 8}
SIZES_ALONE = """
apertus arcee biogpt cohere cohere2 cwm diffllama doge ernie4_5 exaone4 gemma glm glm4 gpt_bigcode gpt_neox_japanese
granite granite_swa helium hunyuan_v1_dense hyperclovax internlm3 jais2 ministral ministral3 nanochat nemotron olmo
olmo3 olmo_hybrid persimmon phi seed_oss smollm3 stablelm starcoder2 vaultgemma
""".split()  # noqa: SIM905
"""Families whose configs need nothing beside the sizes."""
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    **{family: {} for family in SIZES_ALONE},
    "codegen": {"rotary_dim": 4},
    "gptj": {"rotary_dim": 4},
    "gpt_neo": {"attention_types": [[["global", "local", "global"], 1]], "intermediate_size": WIDTH},
    "mpt": {"d_model": HIDDEN, "n_heads": 4, "max_seq_len": 128},
    "falcon_h1": MAMBA,
    "qwen3_5_text": {
        "layer_types": ["linear_attention", "full_attention", "linear_attention"],
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
    },
}
"""Model type -> what its config needs beside the sizes."""
WITHOUT_ACTIVATION = ("lfm2",)
"""Families whose activation is a function called in `forward`, which no hook sees."""
SIGHTED: Mapping[str, Mapping[str, Any]] = {
    "gemma3": {"text_config": {**_GROUPED, "head_dim": 8, "sliding_window": 5}},
    "mistral3": {"text_config": {**_GROUPED, "model_type": "mistral", "head_dim": 8}},
    "qwen2_5_vl": {
        "text_config": {
            **_GROUPED,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]},
        },
        "vision_config": {
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_heads": 2,
            "out_hidden_size": HIDDEN,
        },
    },
}
"""Vision-language families, whose text part is edited."""
VISION = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 16,
    "patch_size": 8,
}


def config_of(family: str, extra: Mapping[str, Any]) -> hf.PreTrainedConfig:
    kind = CONFIG_MAPPING[family]
    known = {*inspect.signature(kind.__init__).parameters, *getattr(kind, "__dataclass_fields__", {})}
    return kind(**{name: value for name, value in NUMBERS.items() if name in known} | dict(extra))


def built(config: hf.PreTrainedConfig, auto: Any = hf.AutoModelForCausalLM) -> hf.PreTrainedModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: hf.PreTrainedModel = auto.from_config(config, dtype=torch.float32)
    return model.eval()


def check(model: NeuronModel) -> None:
    """Hook == weights, batched == single, cached == uncached, edited != base, restored."""
    neurons = some_neurons(model, 1)
    batch = left_pad(model, encode(model, PROMPTS))
    mask, before = batch.attention_mask.bool(), logits_of(model, batch)
    with edited(model, Deactivate(neurons)):
        by_hook = logits_of(model, batch)
    with weights_edited(model, Deactivate(neurons)):
        by_weights = logits_of(model, batch)
    assert float((by_hook - by_weights)[mask].abs().max()) < 1e-5
    assert float((by_hook - before)[mask].abs().max()) > 1e-3
    assert torch.equal(logits_of(model, batch)[mask], before[mask])
    edits = [None, Modulate(neurons), Deactivate(neurons), Modulate(neurons, direction="negative")]
    sampling = Sampling(6, temperature=0.0)
    together = generate(model, PROMPTS, edits=edits, sampling=sampling)
    uncached = generate(model, PROMPTS, edits=edits, sampling=Sampling(6, temperature=0.0, use_cache=False))
    alone = [
        generate(model, [prompt], edits=edit, sampling=sampling)[0]
        for prompt, edit in zip(PROMPTS, edits, strict=True)
    ]
    tokens = [[answer.tokens for answer in answers] for answers in (together, uncached, alone)]
    assert tokens[0] == tokens[1] == tokens[2]


@pytest.mark.parametrize("family", FAMILIES)
def test_edits_are_right(family: str) -> None:
    check(wrap_model(built(config_of(family, FAMILIES[family])), tiny_tokenizer(), id=family))


@pytest.mark.parametrize("family", WITHOUT_ACTIVATION)
def test_a_family_without_an_activation_module_is_refused(family: str) -> None:
    with pytest.raises(SiteError, match="missing: an activation module"):
        wrap_model(built(config_of(family, {})), tiny_tokenizer(), id=family)


@pytest.mark.parametrize("family", SIGHTED)
def test_vision_language_checkpoints_are_loaded_for_their_text(family: str, tmp_path: Path) -> None:
    config = CONFIG_MAPPING[family](**{"vision_config": VISION, **SIGHTED[family]})
    built(config, hf.AutoModelForImageTextToText).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    model = load_model(str(tmp_path), device="cpu")
    assert (model.layers, model.width) == (LAYERS, WIDTH)
    assert all("vision" not in site.down for site in model.sites)
    check(model)
    assert model_size(ModelSpec(id=str(tmp_path))).width == WIDTH
