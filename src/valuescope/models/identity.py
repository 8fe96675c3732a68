"""Which model a result belongs to: its name and a fingerprint of all that its answers come from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from math import gcd
from pathlib import PureWindowsPath
from typing import Any, Self

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

FINGERPRINT_VERSION = "v2"
"""Of how fingerprints are made; those of before (32 digits, no version) counted the feed-forward weights and the
embedding alone."""

_WHOLE = 1 << 16
_SAMPLE = 1 << 15
_ARITHMETIC = (
    *("model_type", "num_attention_heads", "num_key_value_heads", "layer_types", "sliding_window"),
    *("hidden_act", "hidden_activation", "activation_function"),
    *("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps"),
    *("attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar", "logit_scale"),
    *("attention_multiplier", "embedding_multiplier", "residual_multiplier", "logits_scaling"),
    *("partial_rotary_factor", "rotary_pct", "alibi", "parallel_attn", "use_parallel_residual"),
    *("scale_attn_weights", "scale_attn_by_inverse_layer_idx", "num_experts_per_tok", "norm_topk_prob"),
)
"""Fields of a configuration that change a model's numbers and leave no trace in its tensors."""

_PROBE = (
    "The cat's  3,141 Dogs\tWON'T share\n\n half-way \u00c9t\u00e9 e\u0301t\u00e9 \u4ef7\u503c\u89c2 \U0001f642 a1b22c333 "
    "HTTPServer_x = foo(bar); \u2126 \ufb01ne ...!? I you we care help share \x00 end  "
)


@dataclass(frozen=True)
class ModelIdentity:
    """The name of a model and what it is made of.

    `fingerprint`: see `fingerprint_of`. Two models with equal fingerprints have the same neurons and give the same
    answers, up to the rounding of the type that they are loaded in.
    """

    id: str
    revision: str | None
    fingerprint: str
    layers: int
    width: int

    @property
    def named(self) -> str:
        """Name and fingerprint, for messages."""
        return f"{self.id} (fingerprint {self.fingerprint})"

    def against(self, loaded: ModelIdentity) -> str:
        """Both by name, for messages that refuse what is this model's for the `loaded` one."""
        difference = fingerprint_difference(self.fingerprint, loaded.fingerprint)
        return f"{self.named}, not in {loaded.named}{difference}"

    def without_path(self) -> Self:
        """The same for the eyes of others: where `id` is a path of this machine, its last name alone stays."""
        path, local = os.path.expanduser(self.id), self.id.startswith((".", "/", "~")) or "\\" in self.id
        gguf = self.id.lower().endswith(".gguf") and ":" not in self.id
        if not (local or gguf or self.id.partition(":")[0].count("/") > 1 or os.path.exists(path)):
            return self
        return replace(self, id=PureWindowsPath(os.path.abspath(path)).name)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able mapping."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ModelIdentity:
        """The inverse of `to_dict`; ValueError names a field that is missing or unknown."""
        fields = set(cls.__dataclass_fields__)
        wrong = sorted(fields ^ set(content))
        if wrong:
            raise ValueError(
                f"model identity: missing or unknown field {', '.join(wrong)}; expected {sorted(fields)}"
            )
        return cls(**content)


def fingerprint_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """`v2-<24 digits>-<8 digits>`: sha256 of the model, and of its tokenizer with the chat template.

    Of the model: name, shape and content of every parameter and buffer, tied ones under each of their names, and the
    fields of the configuration that change its numbers. So the fingerprint is the same after save and reload.

    Floating-point numbers are hashed as `rounded` leaves them, so the type a checkpoint is loaded in does not count:
    bfloat16, float32 and float64 always agree. float16 agrees where the checkpoint was saved in bfloat16 or float16; of
    one saved in float32 it rounds other numbers another way, and is another model. A change below bfloat16's 8 bits,
    or of numbers below 2^-25, does not show.

    Tensors of more than 2^16 numbers are sampled from their first to their last number: about 2^15 of them, or as many
    as they have rows or columns, so that every row and column is met. There a change of a whole row or column shows,
    that of a single number may not.
    """
    parts = (_digest_of(model), _digest_of_tokenizer(tokenizer, model.get_input_embeddings().num_embeddings))
    return "-".join((FINGERPRINT_VERSION, parts[0][:24], parts[1][:8]))


def fingerprint_difference(saved: str, loaded: str) -> str:
    """What two unequal fingerprints tell beside that: the end of a sentence, "" where there is nothing to tell."""
    versions = {fingerprint.partition("-")[0] for fingerprint in (saved, loaded)}
    if FINGERPRINT_VERSION in versions and len(versions) > 1:
        return (
            f" (a fingerprint without {FINGERPRINT_VERSION} is of another version of valuescope, which counted other "
            "parts of a model: what carries it has to be made again)"
        )
    same_weights = saved.rpartition("-")[0] == loaded.rpartition("-")[0] != ""
    return " (the weights are equal, the tokenizer or its chat template is not)" if same_weights else ""


def rounded(tensor: Tensor) -> Tensor:
    """Floating-point numbers as bfloat16 and float16 can both hold them; others as they are.

    First to bfloat16, so that a load in bfloat16 and one in float32 agree; then through float16, whose steps below
    2^-17 are wider than bfloat16's and which ends at 65504. What float16 has left of a bfloat16 number has 8 bits or
    fewer, so bfloat16 holds it: rounding twice is rounding once.
    """
    if not tensor.is_floating_point():
        return tensor
    short = tensor if tensor.dtype == torch.bfloat16 else tensor.float().bfloat16()
    return short.half().bfloat16()


def _digest_of(model: PreTrainedModel) -> str:
    digest, seen = hashlib.sha256(_arithmetic(model)), dict[int, bytes]()
    for name, tensor in sorted(_tensors(model), key=lambda named: named[0]):
        if id(tensor) not in seen:
            seen[id(tensor)] = hashlib.sha256(_content(tensor.detach())).digest()
        digest.update(f"{name}|{tuple(tensor.shape)}|".encode() + seen[id(tensor)])
    return digest.hexdigest()


def _arithmetic(model: PreTrainedModel) -> bytes:
    config = model.config.get_text_config()
    fields = {name: value for name in _ARITHMETIC if (value := getattr(config, name, None)) is not None}
    # A float that went through another file format differs in its last digits.
    settled = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in fields.items()}
    return json.dumps(settled, sort_keys=True, default=str).encode()


def _tensors(model: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _content(tensor: Tensor) -> memoryview:
    flat = tensor.reshape(-1)
    if flat.numel() > _WHOLE:
        row = tensor.shape[-1]
        stride = max(1, flat.numel() // max(_SAMPLE, row, flat.numel() // row))
        while gcd(stride, row) != 1:
            stride -= 1
        flat = torch.cat([flat[::stride], flat[-1:]])
    return rounded(flat).contiguous().view(torch.uint8).cpu().numpy().data


def _digest_of_tokenizer(tokenizer: PreTrainedTokenizerBase, embeddings: int) -> str:
    """Of the vocabulary with its merges, of what becomes of a text with everything in it, and of the chat template.

    The settings between these are met by what they do: equal ones are written differently after another file format.
    """
    core = getattr(tokenizer, "backend_tokenizer", None)
    if core is None:
        vocabulary = json.dumps(sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1]))
    else:
        vocabulary = core.to_str().partition('"vocab":')[2]
    ids = list(tokenizer(_PROBE)["input_ids"])
    # One without an embedding, as a pad token that was added later, is never read.
    tokens = tokenizer.added_tokens_decoder.items()
    added = sorted((number, str(token)) for number, token in tokens if number < embeddings)
    content = json.dumps([ids, tokenizer.decode(ids), added, tokenizer.chat_template], sort_keys=True)
    return hashlib.sha256(f"{vocabulary}|{content}".encode()).hexdigest()
