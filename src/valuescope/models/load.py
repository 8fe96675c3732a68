"""Loading a Hugging Face causal language model as a NeuronModel."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.hub import resolve_revision

from valuescope.models.identity import ModelIdentity, fingerprint_of
from valuescope.models.neuron_model import NeuronModel
from valuescope.models.proof import prove_sites
from valuescope.models.sites import resolve_sites

BUNDLED = ("organism", "organism-social")
"""The ids of the models that ship with the package."""


class LoadError(RuntimeError):
    """A model or tokenizer that could not be loaded."""


def load_model(
    id_or_path: str,
    *,
    dtype: str | torch.dtype = "auto",
    device: str | torch.device | None = None,
    device_map: str | dict[str, Any] | None = None,
    attn_implementation: str | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    check: bool = True,
) -> NeuronModel:
    """Load by folder, hub id or bundled id (`organism`, `organism-social`), in eval mode, its weights frozen.

    dtype: "auto" (as saved) or a torch type or its name. device: where the whole model goes (None: a GPU if
    there is one); device_map: passed through (needs accelerate), not together with device. No remote code runs unless
    `trust_remote_code`. check: prove the neuron sites (`prove_sites`). LoadError where there is no such
    model, SiteError where its sites cannot be found or fail their proof.
    """
    if device is not None and device_map is not None:
        raise ValueError(
            f"device={device!r} and device_map={device_map!r} exclude each other: give one of them"
        )
    chosen = _dtype(dtype)
    path = resolve_path(id_or_path)
    # resolved once, so that weights and tokenizer are of one state of the hub
    revision = resolve_revision(path, revision)
    shared: dict[str, Any] = {"revision": revision or "main", "trust_remote_code": trust_remote_code}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype=chosen, device_map=device_map, attn_implementation=attn_implementation, **shared
        )
        tokenizer = AutoTokenizer.from_pretrained(path, **shared)
    except (OSError, ValueError) as error:
        raise LoadError(f"{id_or_path}: this model could not be loaded. {error}") from error
    if device_map is None:
        target = device or default_device()
        try:
            model.to(target)
        except (AssertionError, RuntimeError) as error:  # torch asserts that it was built for the device
            raise LoadError(f"{id_or_path}: cannot be put on device {target}. {error}") from error
    model.requires_grad_(False)
    commit = getattr(revision, "resolved", revision)
    return _assemble(model, tokenizer, id=id_or_path, revision=commit, check=check)


def default_device() -> torch.device:
    """The first GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_path(id_or_path: str) -> str:
    """The folder or hub id that transformers loads: LoadError where it can be neither."""
    if id_or_path in BUNDLED:
        from valuescope.organism import weights_path  # imported here: the organism stands on this module

        return str(weights_path(id_or_path))
    path = Path(id_or_path).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise LoadError(
                f"{id_or_path}: the folder has no config.json; give the folder of a saved Hugging Face model"
            )
        return str(path)
    if id_or_path.startswith((".", "/", "~")) or path.exists() or id_or_path.count("/") > 1:
        raise LoadError(
            f"{id_or_path}: no such folder; give the folder of a saved model, a hub id or {' or '.join(map(repr, BUNDLED))}"
        )
    return id_or_path


def wrap_model(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, id: str = "in-memory", check: bool = True
) -> NeuronModel:
    """A NeuronModel around a model that is already in memory, not copied.

    Puts the model in eval mode, and the tokenizer in left padding with a pad token.
    """
    return _assemble(model, tokenizer, id=id, revision=None, check=check)


def _assemble(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, id: str, revision: str | None, check: bool
) -> NeuronModel:
    model.eval()
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        if tokenizer.pad_token is None:
            raise ValueError(
                f"{id}: the tokenizer has no pad, eos or unk token; set tokenizer.pad_token first"
            )
    sites = resolve_sites(model)
    identity = ModelIdentity(id, revision, fingerprint_of(model, sites), len(sites), sites[0].width)
    wrapped = NeuronModel(model, tokenizer, identity, sites)
    return dataclasses.replace(wrapped, proof=prove_sites(wrapped)) if check else wrapped


def _dtype(dtype: str | torch.dtype) -> str | torch.dtype:
    if isinstance(dtype, torch.dtype) or dtype == "auto":
        return dtype
    named = getattr(torch, dtype, None)
    if not isinstance(named, torch.dtype):
        raise ValueError(f"dtype={dtype!r}: unknown; give auto, float32, bfloat16 or float16")
    return named
