"""Write a Llama saved by transformers, such as the organism, as a GGUF file in float32.

Runs under any Python with `gguf` and numpy; neither torch nor valuescope is needed:

    python organism_to_gguf.py FOLDER OUT.gguf

What it cannot carry over faithfully is refused: another architecture or dtype, biases, scaled rotary positions, a tokenizer
that is not a byte-level BPE with GPT-2's pre-tokenizer.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np

# Its split into words is the one of the tokenizers library's ByteLevel with use_regex.
PRE_TOKENIZER = "gpt-2"


class ConversionError(ValueError):
    """A model that a GGUF file written here would not reproduce."""


def convert(folder: Path, out: Path) -> int:
    """Convert the model in `folder`; the number of tensors written. Raises ConversionError before anything is."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    _require_llama(folder, config)
    _require_byte_level(folder, tokenizer)
    tensors = _tensors(folder / "model.safetensors", config)

    aside = out.with_name(out.name + ".part")
    writer = gguf.GGUFWriter(aside, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.LLAMA])
    _add_shape(writer, config, name=folder.name)
    _add_tokenizer(writer, folder, config, tokenizer)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    aside.replace(out)
    return len(tensors)


def _require_llama(folder: Path, config: dict[str, Any]) -> None:
    rope = config.get("rope_parameters") or {}
    wanted = {
        "model_type": (config.get("model_type"), "llama"),
        "hidden_act": (config.get("hidden_act"), "silu"),
        "attention_bias": (config.get("attention_bias", False), False),
        "mlp_bias": (config.get("mlp_bias", False), False),
        "rope_parameters.rope_type": (rope.get("rope_type", "default"), "default"),
    }
    for field, (found, needed) in wanted.items():
        if found != needed:
            raise ConversionError(
                f"{folder / 'config.json'}: {field} is {found!r}, only {needed!r} is converted"
            )


def _require_byte_level(folder: Path, tokenizer: dict[str, Any]) -> None:
    model, pre = tokenizer["model"], tokenizer.get("pre_tokenizer") or {}
    found = {
        "model.type": (model.get("type"), "BPE"),
        "model.ignore_merges": (model.get("ignore_merges", False), False),
        "normalizer": (tokenizer.get("normalizer"), None),
        "pre_tokenizer.type": (pre.get("type"), "ByteLevel"),
        "pre_tokenizer.use_regex": (pre.get("use_regex"), True),
        "pre_tokenizer.add_prefix_space": (pre.get("add_prefix_space"), False),
    }
    for field, (value, needed) in found.items():
        if value != needed:
            raise ConversionError(
                f"{folder / 'tokenizer.json'}: {field} is {value!r}, only {needed!r} is converted"
            )


def _tensors(path: Path, config: dict[str, Any]) -> dict[str, np.ndarray]:
    """The weights under GGUF's names, in float32."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    tensors: dict[str, np.ndarray] = {}
    for name, tensor in gguf.SafetensorsLocal(path).tensors.items():
        target = names.get_name(name, try_suffixes=(".weight",))
        if target is None:
            raise ConversionError(f"{path}: {name} has no place in a GGUF Llama")
        values = _float32(path, name, tensor)
        if name.endswith("q_proj.weight"):
            values = _interleaved(values, config["num_attention_heads"])
        elif name.endswith("k_proj.weight"):
            values = _interleaved(values, config["num_key_value_heads"])
        tensors[target] = np.ascontiguousarray(values)
    # Without an output tensor, llama.cpp reads the embedding in its place.
    if not config.get("tie_word_embeddings") and "output.weight" not in tensors:
        raise ConversionError(f"{path} holds no lm_head.weight and the embeddings are not tied")
    return tensors


def _float32(path: Path, name: str, tensor: gguf.LocalTensor) -> np.ndarray:
    data = tensor.mmap_bytes()
    if tensor.dtype == "BF16":  # the upper half of a float32
        numbers = (data.view("<u2").astype("<u4") << 16).view("<f4")
    elif tensor.dtype in ("F32", "F16"):
        numbers = data.view("<f4" if tensor.dtype == "F32" else "<f2").astype("<f4")
    else:
        raise ConversionError(f"{path}: {name} is {tensor.dtype}, only BF16, F16 and F32 are converted")
    reshaped: np.ndarray = numbers.reshape(tensor.shape)
    return reshaped


def _interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows in llama.cpp's order: it rotates neighbours (0, 1), (2, 3) ... of a head where transformers rotates the
    first half against the second."""
    outputs, inputs = weight.shape
    half = outputs // heads // 2
    return weight.reshape(heads, 2, half, inputs).transpose(0, 2, 1, 3).reshape(outputs, inputs)


def _add_shape(writer: gguf.GGUFWriter, config: dict[str, Any], name: str) -> None:
    heads = config["num_attention_heads"]
    head_width = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_width)
    writer.add_value_length(head_width)
    writer.add_rope_dimension_count(head_width)
    writer.add_rope_freq_base((config.get("rope_parameters") or config)["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])


def _add_tokenizer(
    writer: gguf.GGUFWriter, folder: Path, config: dict[str, Any], tokenizer: dict[str, Any]
) -> None:
    ids = dict(tokenizer["model"]["vocab"])
    ids |= {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    tokens = sorted(ids, key=ids.__getitem__)
    if sorted(ids.values()) != list(range(config["vocab_size"])):
        raise ConversionError(
            f"{folder / 'tokenizer.json'}: its {len(ids)} tokens do not have the ids 0 to "
            f"{config['vocab_size'] - 1} of config.json's vocab_size"
        )
    special = {token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types(
        [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens]
    )
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    if config.get("pad_token_id") is not None:
        writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(_begins_with_bos(tokenizer, tokens[config["bos_token_id"]]))
    template = folder / "chat_template.jinja"
    if template.exists():
        writer.add_chat_template(template.read_text(encoding="utf-8"))


def _begins_with_bos(tokenizer: dict[str, Any], bos: str) -> bool:
    first = ((tokenizer.get("post_processor") or {}).get("single") or [{}])[0]
    return bool(first.get("SpecialToken", {}).get("id") == bos)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a model that transformers saved")
    parser.add_argument("out", type=Path, help="the GGUF file to write")
    arguments = parser.parse_args()
    try:
        number = convert(arguments.folder, arguments.out)
    except (ConversionError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(f"{arguments.out}: {number} tensors, {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
