"""GGUF files: unpacked once into a folder as transformers saves it, and kept in a cache."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import AutoConfig, AutoTokenizer, GgufConfig, PreTrainedConfig, PreTrainedTokenizerBase
from transformers.integrations.gguf import read_gguf_metadata
from transformers.utils.hub import cached_file

from valuescope.files import build_folder_once, cache_folder, sha256_of_file
from valuescope.models.checkpoint import LoadError, read_weights, warn_once

_DIGITS_APART = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")
"""Pre-tokenizers that llama.cpp makes split every digit off, and transformers takes for GPT-2's."""


def local_gguf(source: str, name: str, revision: str | None = None) -> Path:
    """A GGUF file of a folder or of the hub, which is then downloaded; LoadError where it cannot be unpacked."""
    try:
        file = Path(cached_file(source, name, revision=revision))
    except (OSError, ValueError) as error:
        raise LoadError(f"{source}:{name}: there is no such file. {error}") from error
    for package in ("gguf", "accelerate"):
        if find_spec(package) is None:
            raise LoadError(f"{file}: GGUF files need the package {package}; pip install 'valuescope[gguf]'")
    with file.open("rb") as handle:
        if handle.read(4) != b"GGUF":
            raise LoadError(f"{file}: this is no GGUF file, it does not begin with GGUF; download it again")
    if re.search(r"-\d{5}-of-(?!00001)\d{5}\.gguf$", file.name):
        raise LoadError(
            f"{file}: this is one part of a split GGUF; join the parts (llama-gguf-split --merge {file.name} "
            "WHOLE.gguf) and give the whole"
        )
    return file


def unpacked(file: Path, dtype: torch.dtype) -> Path:
    """The folder in the cache with a GGUF file's weights in `dtype`, its config and its tokenizer.

    It is named by the file's content; LoadError where it is not there yet and the file cannot be unpacked.
    """

    kept = _kept(file) / str(dtype).removeprefix("torch.")

    def unpack(folder: Path) -> None:
        warn_once(f"{file}: unpacked once, into {kept}")
        packing = GgufConfig(dequantize=True)
        model = read_weights(str(file.parent), gguf_file=file.name, dtype=dtype, quantization_config=packing)
        model.save_pretrained(folder)
        _tokenizer(file).save_pretrained(folder)

    with _reading(file):
        return build_folder_once(kept, unpack)


def read_config(file: Path) -> tuple[PreTrainedConfig, PreTrainedTokenizerBase]:
    """The config and the tokenizer that a GGUF file describes, without its weights."""
    return _read_config(file, file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1)  # a dry run reads them twice, which takes seconds
def _read_config(file: Path, written: int) -> tuple[PreTrainedConfig, PreTrainedTokenizerBase]:
    with _reading(file):
        return AutoConfig.from_pretrained(str(file.parent), gguf_file=file.name), _tokenizer(file)


def read_tokenizer(file: Path) -> PreTrainedTokenizerBase:
    """The tokenizer alone: of a copy that was unpacked, where there is one, for it is read in a tenth of the time."""
    for copy in _kept(file).glob("*/tokenizer.json"):
        return AutoTokenizer.from_pretrained(str(copy.parent))
    return read_config(file)[1]


def _kept(file: Path) -> Path:
    return cache_folder() / "gguf" / sha256_of_file(file)


def _tokenizer(file: Path) -> PreTrainedTokenizerBase:
    tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    metadata, _ = read_gguf_metadata(str(file))
    if metadata.get("tokenizer.ggml.pre") in _DIGITS_APART:
        core, digits = tokenizer.backend_tokenizer, pre_tokenizers.Digits(individual_digits=True)
        core.pre_tokenizer = pre_tokenizers.Sequence([digits, core.pre_tokenizer])
    return tokenizer


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """A LoadError that names the file, for anything: readers of damaged files raise whatever they stumble over."""
    try:
        yield
    except LoadError as error:
        raise LoadError(f"{file}: {error}") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        if not isinstance(error, OSError) and "support" not in reason:
            reason = f"it is damaged or cut short, download it again ({reason})"
        raise LoadError(f"{file}: this GGUF cannot be read: {reason}") from error
