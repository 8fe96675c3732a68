"""The sizes of all benchmarks, and the random model that they run on."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import torch
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from valuescope.models import NeuronModel, wrap_model


def _size(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class Settings:
    """Every number that a result depends on. The defaults make a Llama of 30M parameters."""

    hidden: int = _size(512, "width of the residual stream")
    layers: int = _size(8, "decoder layers")
    width: int = _size(1376, "neurons per layer")
    heads: int = _size(8, "attention heads")
    vocabulary: int = _size(8192, "tokens of the vocabulary")
    dtype: str = _size("float32", "float32 or bfloat16")
    device: str = _size("cpu", "cpu, or an accelerator such as cuda")
    rounds: int = _size(5, "timed rounds of each comparison")
    texts: int = _size(48, "counting: texts")
    length: int = _size(128, "counting: tokens of the longest text; the shortest has half as many")
    batch_size: int = _size(16, "counting: texts per batch")
    labels: int = _size(10, "counting: labels")
    rows: int = _size(16, "generation: rows of the batch, each with its own edit in one comparison")
    prompt: int = _size(48, "generation: tokens of the longest prompt; the shortest has half as many")
    new_tokens: int = _size(40, "generation: tokens per answer")
    share: float = _size(0.01, "generation: share of all neurons in an edit")
    values: int = _size(10, "probes: values")
    pairs: int = _size(100, "probes: contrast pairs per value")
    probe_model: str = _size("organism", "probes: model whose residuals are read")
    probe_layers: int = _size(16, "probes: layers of the Gaussian features")
    probe_hidden: int = _size(512, "probes: width of the Gaussian features")


QUICK = {
    **{"hidden": 64, "layers": 2, "width": 96, "heads": 4, "vocabulary": 128, "rounds": 2},
    **{
        "texts": 8,
        "length": 16,
        "batch_size": 4,
        "labels": 3,
        "rows": 4,
        "prompt": 8,
        "new_tokens": 4,
        "share": 0.05,
    },
    **{"values": 2, "pairs": 20, "probe_layers": 2, "probe_hidden": 64},
}
"""Sizes for a check that everything runs; its ratios mean nothing."""


def random_llama(settings: Settings) -> NeuronModel:
    """A Llama with random weights and one token per word `w0`, `w1`, ...; it never ends an answer by itself."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=settings.vocabulary,
        hidden_size=settings.hidden,
        intermediate_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=settings.length + settings.prompt + settings.new_tokens,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config).to(settings.device, getattr(torch, settings.dtype)).requires_grad_(False)
    vocabulary = {"<pad>": 0, **{f"w{number}": number for number in range(1, settings.vocabulary)}}
    core = Tokenizer(WordLevel(vocabulary, unk_token="<pad>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>")
    return wrap_model(model, tokenizer, id="random-llama")


def random_texts(count: int, longest: int, vocabulary: int) -> list[str]:
    """Texts of random words, from the longest to half of it."""
    rng = random.Random(0)
    lengths = [longest - place * (longest // 2) // max(1, count - 1) for place in range(count)]
    return [" ".join(f"w{rng.randrange(1, vocabulary)}" for _ in range(length)) for length in lengths]
