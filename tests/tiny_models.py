"""Tiny random models, one per family, built from their configs: same seed, same weights.

Weights are large enough that editing one neuron moves the logits clearly. Grouped-query attention and sliding
windows are on where the family has them (the windows are shorter than the longer test prompts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing

from valuescope.models import NeuronModel, wrap_model

LAYERS = 3
HIDDEN = 32
WIDTH = 48
WORDS = """
I you we they he she it the a an this that is are was be do does did have had will would could should can
not and or but if so because when while of in on at to for from with by about my your our their his her
care help share keep win lose lead follow obey risk travel rest pray rule free safe kind fair rich strong
calm new old friend family home work money power duty joy peace honour nature people child city story
value choice idea day night always never
""".split()  # noqa: SIM905
PAD, BOS, EOS, UNK = range(4)
VOCABULARY = 4 + len(WORDS)


def tiny_tokenizer() -> hf.PreTrainedTokenizerBase:
    """One token per word, `<s>` put in front; unknown words become `<unk>`."""
    words = {word: index for index, word in enumerate(["<pad>", "<s>", "</s>", "<unk>", *WORDS])}
    core = Tokenizer(WordLevel(words, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", BOS)])
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


_SPECIAL = {"vocab_size": VOCABULARY, "pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS}
_ROPE = {
    **_SPECIAL,
    "hidden_size": HIDDEN,
    "intermediate_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,
}
_GROUPED = {**_ROPE, "num_key_value_heads": 2}

_CONFIGS: Mapping[str, Callable[[], Any]] = {
    "llama": lambda: hf.LlamaConfig(**_GROUPED),
    "mistral": lambda: hf.MistralConfig(**_GROUPED, sliding_window=5),
    "qwen2": lambda: hf.Qwen2Config(
        **_GROUPED, use_sliding_window=True, sliding_window=5, max_window_layers=1
    ),
    "qwen3": lambda: hf.Qwen3Config(**_GROUPED, head_dim=8),
    "gemma2": lambda: hf.Gemma2Config(**_GROUPED, head_dim=8, sliding_window=5, query_pre_attn_scalar=8),
    "gemma3": lambda: hf.Gemma3TextConfig(
        **_GROUPED,
        head_dim=8,
        sliding_window=5,
        query_pre_attn_scalar=8,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
    ),
    "phi3": lambda: hf.Phi3Config(**_GROUPED, sliding_window=5),
    "olmo2": lambda: hf.Olmo2Config(**_GROUPED),
    "internlm": lambda: hf.LlamaConfig(**_GROUPED, attention_bias=True),
    "gpt2": lambda: hf.GPT2Config(
        **_SPECIAL,
        n_embd=HIDDEN,
        n_inner=WIDTH,
        n_layer=LAYERS,
        n_head=4,
        n_positions=128,
        initializer_range=0.2,
    ),
    "gpt_neox": lambda: hf.GPTNeoXConfig(**_ROPE),
    "opt": lambda: hf.OPTConfig(
        **_SPECIAL,
        hidden_size=HIDDEN,
        word_embed_proj_dim=HIDDEN,
        ffn_dim=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        max_position_embeddings=128,
        init_std=0.2,
    ),
    "falcon": lambda: hf.FalconConfig(
        **_SPECIAL,
        hidden_size=HIDDEN,
        ffn_hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_kv_heads=2,
        new_decoder_architecture=True,
        alibi=False,
        max_position_embeddings=128,
        initializer_range=0.2,
    ),
    "bloom": lambda: hf.BloomConfig(
        **_SPECIAL, hidden_size=HIDDEN, n_layer=LAYERS, n_head=4, initializer_range=0.2
    ),  # its feed-forward width is always four times the hidden size
}
_EXPERT_CONFIGS: Mapping[str, Callable[[], Any]] = {
    "mixtral": lambda: hf.MixtralConfig(**_GROUPED, num_local_experts=4, num_experts_per_tok=2),
    "qwen2_moe": lambda: hf.Qwen2MoeConfig(
        **_GROUPED,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=32,
        num_experts=4,
        num_experts_per_tok=2,
    ),
}

FAMILIES: tuple[str, ...] = tuple(_CONFIGS)
EXPERT_FAMILIES: tuple[str, ...] = tuple(_EXPERT_CONFIGS)


def tiny_hf_model(family: str, dtype: torch.dtype = torch.float32, **changes: Any) -> hf.PreTrainedModel:
    """The bare Hugging Face model of a family (an expert family too); `changes` override config fields."""
    config = {**_CONFIGS, **_EXPERT_CONFIGS}[family]()
    for name, value in changes.items():
        setattr(config, name, value)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = hf.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():  # biases start at zero and norms at one: make them matter
                if parameter.dim() == 1:
                    parameter.add_(0.1 * torch.randn_like(parameter))
    return model.to(dtype).eval()


def tiny_model(family: str, dtype: torch.dtype = torch.float32) -> NeuronModel:
    """A proven NeuronModel of a dense family."""
    return wrap_model(tiny_hf_model(family, dtype), tiny_tokenizer(), id=f"tiny-{family}")
