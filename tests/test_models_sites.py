"""The resolver finds the neurons of every family, proves them, and refuses what it cannot prove."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable
from importlib.resources import files

import pytest
import torch
import transformers as hf
from conftest import shared
from tiny_models import (
    BOS,
    EOS,
    EXPERT_FAMILIES,
    FAMILIES,
    HIDDEN,
    LAYERS,
    PAD,
    VOCABULARY,
    WIDTH,
    tiny_hf_model,
    tiny_model,
    tiny_tokenizer,
)
from torch import Tensor, nn

from valuescope.models import (
    NeuronModel,
    SiteError,
    describe_sites,
    load_model,
    prove_sites,
    resolve_sites,
    wrap_model,
)
from valuescope.models import proof as proof_module
from valuescope.models import sites as sites_module

GATED = {"llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "olmo2", "internlm"}
REAL = ("stories260K", "gpt2-tinystories-280k")


def with_site(model: NeuronModel, layer: int, **changes: object) -> NeuronModel:
    """The model with one layer's sites resolved wrongly."""
    sites = list(model.sites)
    sites[layer] = dataclasses.replace(sites[layer], **changes)
    return dataclasses.replace(model, sites=tuple(sites), proof=None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_resolves_and_is_proven(family: str, dtype: torch.dtype) -> None:
    model = tiny_model(family, dtype)
    width = 4 * HIDDEN if family == "bloom" else WIDTH
    assert (model.layers, model.width, model.hidden, model.neurons) == (LAYERS, width, HIDDEN, LAYERS * width)
    assert {site.gated for site in model.sites} == {family in GATED}
    assert {site.transposed for site in model.sites} == {family == "gpt2"}
    assert model.dtype == dtype
    assert model.proof is not None
    for proof in model.proof.layers:
        assert proof.effect > 0.05
        assert proof.gate_error == proof.product_error == 0.0
    assert model.proof.logit_effect > 0.05
    assert model.proof.logit_error == 0.0


@pytest.mark.parametrize("family", FAMILIES)
def test_structure_alone_finds_the_same_sites(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(family)
    monkeypatch.setattr(sites_module, "_rows", tuple)
    assert resolve_sites(model.model) == model.sites


@pytest.mark.parametrize("family", FAMILIES)
def test_value_vectors_are_what_the_down_projection_adds(family: str) -> None:
    model = tiny_model(family)
    for layer in range(model.layers):
        down, vectors = model.down(layer), model.value_vectors(layer)
        assert vectors.shape == (model.width, model.hidden)
        assert vectors.data_ptr() == down.weight.data_ptr()
        inputs = torch.eye(model.width)[5:8]
        with torch.no_grad():
            written = down(inputs) - down(torch.zeros(3, model.width))
        torch.testing.assert_close(written, vectors[5:8], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            ("falcon", {"new_decoder_architecture": False, "multi_query": True, "alibi": True}), id="alibi"
        ),
        pytest.param(("opt", {"do_layer_norm_before": False, "word_embed_proj_dim": 16}), id="opt-350m"),
        pytest.param(("gpt_neox", {"use_parallel_residual": False}), id="neox-sequential"),
        pytest.param(("gpt2", {"n_inner": None}), id="gpt2-default-width"),
        pytest.param(("llama", {"intermediate_size": HIDDEN}), id="width-equals-hidden"),
        pytest.param(("llama", {"num_hidden_layers": 1}), id="one-layer"),
        pytest.param(("llama", {"tie_word_embeddings": True}), id="tied-embeddings"),
    ],
)
def test_variants_of_families_resolve(changes: tuple[str, dict[str, object]]) -> None:
    family, fields = changes
    model = wrap_model(tiny_hf_model(family, **fields), tiny_tokenizer())
    assert model.proof is not None
    assert model.proof.logit_error == 0.0


SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.2,
    "pad_token_id": PAD,
    "bos_token_id": BOS,
    "eos_token_id": EOS,
}
OLD_SIZES = {"vocab_size": VOCABULARY, "n_embd": HIDDEN, "n_inner": WIDTH, "n_layer": 2, "n_head": 4}
FURTHER: dict[str, Callable[[], object]] = {  # every other family that families.toml names
    "granite": lambda: hf.GraniteConfig(**SIZES),
    "cohere": lambda: hf.CohereConfig(**SIZES),
    "stablelm": lambda: hf.StableLmConfig(**SIZES),
    "glm": lambda: hf.GlmConfig(**SIZES, head_dim=8),
    "phi": lambda: hf.PhiConfig(**SIZES),
    "starcoder2": lambda: hf.Starcoder2Config(**SIZES),
    "gpt_bigcode": lambda: hf.GPTBigCodeConfig(**OLD_SIZES),
    "gptj": lambda: hf.GPTJConfig(**OLD_SIZES, rotary_dim=4),
    "codegen": lambda: hf.CodeGenConfig(**OLD_SIZES, rotary_dim=4),
    "gpt_neo": lambda: hf.GPTNeoConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=WIDTH,
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
    ),
    "mpt": lambda: hf.MptConfig(
        vocab_size=VOCABULARY, d_model=HIDDEN, n_heads=4, n_layers=2, initializer_range=0.2
    ),
    "xglm": lambda: hf.XGLMConfig(  # in no row: its names are those of opt
        vocab_size=VOCABULARY, d_model=HIDDEN, ffn_dim=WIDTH, num_layers=2, attention_heads=4, init_std=0.2
    ),
}


def built(config: object) -> object:
    torch.manual_seed(0)
    return hf.AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize("family", FURTHER)
def test_further_families_of_the_table_resolve(family: str) -> None:
    model = wrap_model(built(FURTHER[family]()), tiny_tokenizer())
    assert model.width == (4 * HIDDEN if family == "mpt" else WIDTH)
    assert model.proof is not None
    assert model.proof.logit_error == 0.0


def test_every_family_that_the_table_names_is_tested() -> None:
    table = tomllib.loads(files("valuescope.models").joinpath("families.toml").read_text(encoding="utf-8"))
    named = {family for row in table["row"] for family in row["families"]}
    assert named <= set(FAMILIES) | set(FURTHER)


def test_the_language_model_inside_a_multimodal_one_is_found() -> None:
    text = hf.Gemma3TextConfig(**SIZES, head_dim=8, query_pre_attn_scalar=8)
    vision = {
        "hidden_size": HIDDEN,
        "intermediate_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    config = hf.Gemma3Config(
        text_config=text.to_dict(), vision_config=vision, image_token_index=99, mm_tokens_per_image=4
    )
    model = wrap_model(built(config), tiny_tokenizer())
    assert model.sites[0].decoder == "model.language_model.layers.0"


def test_proof_leaves_no_trace() -> None:
    for family in ("llama", "gpt2", "opt"):
        bare = tiny_hf_model(family)
        before = {name: tensor.clone() for name, tensor in bare.state_dict().items()}
        model = wrap_model(bare, tiny_tokenizer())
        assert all(torch.equal(before[name], tensor) for name, tensor in bare.state_dict().items())
        for module in model.model.modules():
            assert not module._forward_hooks
            assert not module._forward_pre_hooks


def test_a_failing_proof_restores_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("gpt2")
    before = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    run_layer = proof_module._run_layer

    def fail_when_edited(*args: object) -> Tensor:
        if any((vector == 0).all() for vector in model.value_vectors(0)):
            raise KeyboardInterrupt
        return run_layer(*args)

    monkeypatch.setattr(proof_module, "_run_layer", fail_when_edited)
    with pytest.raises(KeyboardInterrupt):
        prove_sites(model)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.model.state_dict().items())


# What cannot be resolved


@pytest.mark.parametrize("family", EXPERT_FAMILIES)
def test_experts_are_refused_by_name(family: str) -> None:
    with pytest.raises(SiteError, match=r"layer 0 .*mixture of experts.*not supported yet") as caught:
        wrap_model(tiny_hf_model(family), tiny_tokenizer())
    assert "model.layers.0.mlp.experts (" in str(caught.value)
    assert "missing: one dense feed-forward block" in str(caught.value)


def test_a_norm_between_product_and_down_projection_fails_the_proof() -> None:
    """BitNet: what the down projection sees is the normed product, so no neuron is on its own there."""
    with pytest.raises(SiteError, match="at the gate does not zero it alone in the product"):
        wrap_model(built(hf.BitNetConfig(**SIZES)), tiny_tokenizer())


def test_a_state_space_model_fails_the_proof() -> None:
    with pytest.raises(SiteError, match=r"backbone\.layers\.0.*ran 0 times"):
        wrap_model(
            built(hf.MambaConfig(vocab_size=VOCABULARY, hidden_size=HIDDEN, num_hidden_layers=2)),
            tiny_tokenizer(),
        )


class FunctionalBlock(nn.Module):
    """A gated block that calls its activation as a function, so that there is no gate site to hook."""

    def __init__(self, mlp: nn.Module) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = mlp.gate_proj, mlp.up_proj, mlp.down_proj

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))


class RenamedBlock(nn.Module):
    """The same block under names that no row of the table has."""

    def __init__(self, mlp: nn.Module, extra: bool = False) -> None:
        super().__init__()
        self.w1, self.w2, self.w3, self.squash = mlp.gate_proj, mlp.down_proj, mlp.up_proj, nn.SiLU()
        if extra:
            self.other = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(self.squash(self.w1(x)) * self.w3(x))


class OneFeedForward(nn.Module):
    """Not a feed-forward block at all."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def replaced_block(make: object, layer: int = 1) -> object:
    model = tiny_hf_model("llama")
    decoder = model.model.layers[layer]
    decoder.mlp = make(decoder.mlp)  # type: ignore[operator]
    return model


def test_unknown_names_are_found_by_structure() -> None:
    model = wrap_model(replaced_block(RenamedBlock), tiny_tokenizer())
    assert model.sites[1].activation == "model.layers.1.mlp.squash"
    assert model.sites[1].down == "model.layers.1.mlp.w2"
    assert model.sites[1].gated


def test_a_functional_activation_is_refused_with_what_was_found() -> None:
    with pytest.raises(SiteError, match=r"layer 1 .*missing: an activation module") as caught:
        wrap_model(replaced_block(FunctionalBlock), tiny_tokenizer())
    assert "mlp.down_proj (48 -> 32)" in str(caught.value)
    assert "families.toml" in str(caught.value)


def test_a_layer_without_feed_forward_is_refused() -> None:
    with pytest.raises(SiteError, match=r"layer 1 .*missing: an activation module"):
        wrap_model(replaced_block(lambda _: OneFeedForward()), tiny_tokenizer())


def test_an_ambiguous_block_is_refused() -> None:
    with pytest.raises(SiteError, match=r"ambiguous: mlp.other with mlp.w2; mlp.squash with mlp.w2"):
        wrap_model(replaced_block(lambda mlp: RenamedBlock(mlp, extra=True)), tiny_tokenizer())


def test_layers_of_different_width_are_refused() -> None:
    model, wide = tiny_hf_model("llama"), tiny_hf_model("llama", intermediate_size=64)
    model.model.layers[2].mlp = wide.model.layers[2].mlp
    with pytest.raises(SiteError, match=r"differ in width.*0: 48 -> 32.*2: 64 -> 32"):
        wrap_model(model, tiny_tokenizer())


def test_tied_layers_are_refused() -> None:
    model = tiny_hf_model("llama")
    model.model.layers[2].mlp.down_proj.weight = model.model.layers[0].mlp.down_proj.weight
    with pytest.raises(SiteError, match=r"layers 0 and 2 share model.layers.2.mlp.down_proj"):
        wrap_model(model, tiny_tokenizer())


def test_meta_weights_are_refused_with_the_fix() -> None:
    with pytest.raises(
        SiteError, match=r"meta device, model\.embed_tokens\.weight the first.*load with a device"
    ):
        wrap_model(tiny_hf_model("llama").to("meta"), tiny_tokenizer())


def test_quantised_weights_are_refused_with_the_fix() -> None:
    model = tiny_hf_model("llama")
    down = model.model.layers[0].mlp.down_proj
    down.weight = nn.Parameter(torch.zeros(WIDTH * HIDDEN // 2, 1, dtype=torch.uint8), requires_grad=False)
    with pytest.raises(SiteError, match=r"uint8 of shape \(768, 1\).*Quantised weights are not supported"):
        wrap_model(model, tiny_tokenizer())


def test_a_model_without_its_list_of_layers_is_refused() -> None:
    model = tiny_hf_model("llama")
    model.config.num_hidden_layers = 7
    with pytest.raises(SiteError, match=r"one list of 7 decoder layers.*found: model.layers \(3\)"):
        wrap_model(model, tiny_tokenizer())


# What is resolved wrongly fails its proof


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("llama", {"activation": "model.layers.1.mlp.up_proj"}, "weight matrices"),
        ("llama", {"activation": "model.layers.0.mlp.act_fn"}, "does not zero it alone"),
        ("llama", {"activation": "model.layers.1.self_attn"}, "passes a tuple"),
        ("llama", {"down": "model.layers.1.self_attn.o_proj"}, r"down projection .* expected \(2, 3, 48\)"),
        ("llama", {"down": "model.layers.0.mlp.down_proj"}, "does not zero it alone"),
        ("llama", {"gated": False}, "resolved as plain, but the product differs"),
        ("llama", {"width": 64}, r"shape \(2, 3, 48\) passes, expected \(2, 3, 64\)"),
        ("gpt2", {"activation": "transformer.h.1.mlp.dropout"}, "expected"),
        ("gpt2", {"gated": True}, "resolved as gated, but the product equals"),
        ("opt", {"activation": "model.decoder.layers.2.activation_fn"}, "does not zero it alone|differs"),
    ],
)
def test_wrong_sites_fail_the_proof(family: str, changes: dict[str, object], message: str) -> None:
    wrong = with_site(tiny_model(family), 1, **changes)
    with pytest.raises(SiteError, match=message) as caught:
        prove_sites(wrong)
    assert str(caught.value).startswith("layer 1")


@pytest.mark.parametrize(("family", "transposed"), [("llama", True), ("gpt2", False)])
def test_a_transposed_square_weight_fails_the_proof(family: str, transposed: bool) -> None:
    fields = {"intermediate_size": HIDDEN} if family == "llama" else {"n_inner": HIDDEN}
    model = wrap_model(tiny_hf_model(family, **fields), tiny_tokenizer())
    with pytest.raises(SiteError, match="not zeroing its value vector"):
        prove_sites(with_site(model, 1, transposed=transposed))


def test_a_linear_activation_fails_the_proof() -> None:
    model = tiny_model("llama")
    model.model.model.layers[1].mlp.act_fn = nn.Identity()
    with pytest.raises(SiteError, match="act_fn is linear"):
        prove_sites(model)


def test_weights_outside_the_value_vector_fail_the_proof() -> None:
    """An adapter beside the down projection: zeroing the weight's column leaves the adapter's part."""

    class Adapted(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + 0.5 * x[..., : self.out_features]

    model = tiny_model("llama")
    down = model.down(2)
    adapted = Adapted(WIDTH, HIDDEN, bias=False)
    adapted.weight = down.weight
    model.model.model.layers[2].mlp.down_proj = adapted
    message = r"layer 2 .*(not zeroing its value vector|Merge adapters)"
    with torch.no_grad():
        adapted.weight[:, HIDDEN:] *= 1e-3  # the strongest neuron must be one that the adapter reads
        model.model.model.layers[2].mlp.up_proj.weight[HIDDEN:] *= 1e-3
    with pytest.raises(SiteError, match=message):
        prove_sites(model)


def test_training_mode_is_refused() -> None:
    model = tiny_model("gpt2")
    model.model.train()
    with pytest.raises(SiteError, match=r"call model\.eval"):
        prove_sites(model)


def test_unproven_models_say_so() -> None:
    model = wrap_model(tiny_hf_model("llama"), tiny_tokenizer(), check=False)
    assert model.proof is None
    assert "not checked" in describe_sites(model)


# The two real models


@pytest.mark.parametrize("name", REAL)
def test_real_models_resolve_and_are_described(name: str) -> None:
    model = load_model(str(shared(f"models/{name}")))
    text = describe_sites(model)
    assert f"5 layers x {model.width} neurons" in text
    assert model.identity.fingerprint in text
    for site in model.sites:
        assert site.activation in text
        assert site.down in text
    assert model.proof is not None
    assert model.proof.logit_error == 0.0
