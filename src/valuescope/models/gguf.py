"""GGUF files: unpacked once into a folder as transformers saves it, and kept in a cache."""

from __future__ import annotations

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer, GgufConfig, PreTrainedTokenizerBase
from transformers.integrations.gguf import read_gguf_metadata
from transformers.utils.hub import cached_file

from valuescope.files import sha256_of_file
from valuescope.models.checkpoint import Checkpoint, LoadError, read_weights, warn_once

CACHE_VARIABLE = "VALUESCOPE_CACHE"
"""The environment variable that moves the cache."""
_DIGITS_APART = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")
"""Pre-tokenizers that llama.cpp makes split every digit off, and transformers takes for GPT-2's."""


def cache_folder() -> Path:
    """Where unpacked models are kept: `$VALUESCOPE_CACHE`, or `valuescope` in the user's cache."""
    if moved := os.environ.get(CACHE_VARIABLE):
        return Path(moved).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "valuescope"


def local_gguf(checkpoint: Checkpoint, revision: str | None = None) -> Path:
    """The GGUF file of a checkpoint, downloaded where it is on the hub; LoadError where it cannot be unpacked."""
    file = Path(cached_file(checkpoint.source, checkpoint.gguf, revision=revision))
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
    """The folder with a GGUF file's weights in `dtype`, its config and its tokenizer; written if it is not there.

    It is named by the file's content, written aside and renamed, so it is whole wherever it is.
    """
    folder = cache_folder() / "gguf" / sha256_of_file(file) / str(dtype).removeprefix("torch.")
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():  # another process may have written it while this one waited
            warn_once(f"{file}: unpacked once, into {folder}")
            _unpack(file, dtype, folder)
    return folder


def gguf_tokenizer(file: Path) -> PreTrainedTokenizerBase:
    """The tokenizer that a GGUF file describes."""
    tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    if _metadata(file).get("tokenizer.ggml.pre") in _DIGITS_APART:
        core = tokenizer.backend_tokenizer
        digits = pre_tokenizers.Digits(individual_digits=True)
        core.pre_tokenizer = pre_tokenizers.Sequence([digits, core.pre_tokenizer])
    return tokenizer


def _unpack(file: Path, dtype: torch.dtype, folder: Path) -> None:
    aside = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)  # what a killed process left
    try:
        packing = GgufConfig(dequantize=True)
        model = read_weights(str(file.parent), gguf_file=file.name, dtype=dtype, quantization_config=packing)
        model.save_pretrained(aside)
        gguf_tokenizer(file).save_pretrained(aside)
        aside.rename(folder)
    except LoadError as error:
        raise LoadError(f"{file}: {error}") from error
    except Exception as error:  # readers of damaged files raise anything
        shutil.rmtree(aside, ignore_errors=True)
        raise LoadError(f"{file}: this GGUF could not be unpacked. {_reason(error)}") from error


def _metadata(file: Path) -> dict[str, Any]:
    try:
        metadata: dict[str, Any] = read_gguf_metadata(str(file))[0]
    except Exception as error:  # struct.error, UnicodeDecodeError, MemoryError ...
        raise LoadError(f"{file}: this GGUF cannot be read. {_reason(error)}") from error
    return metadata


def _reason(error: Exception) -> str:
    told = f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) or "support" in told:
        return told
    return f"It is damaged or cut short ({told}); download it again"
