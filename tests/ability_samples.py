"""Tiny models whose tokenizer knows some words that the tests of ability and of questionnaires need."""

from __future__ import annotations

import json

import transformers as hf
from tiny_models import WORDS, tiny_hf_model, tiny_tokenizer
from tokenizers import Tokenizer

from valuescope.models import NeuronModel, wrap_model


def tiny_model_with(family: str, *words: str) -> NeuronModel:
    """A proven tiny model whose last words are `words`."""
    core = json.loads(tiny_tokenizer().backend_tokenizer.to_str())
    vocabulary = core["model"]["vocab"]
    for old, new in zip(WORDS[-len(words) :], words, strict=True):
        vocabulary[new] = vocabulary.pop(old)
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(core)),
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    return wrap_model(tiny_hf_model(family), tokenizer, id=f"tiny-{family}")
