"""Loading a Hugging Face causal language model as a NeuronModel."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.hub import resolve_revision

from valuescope.models.chat import Chat
from valuescope.models.checkpoint import (
    BUNDLED,
    INSTALL_SMOLLM2,
    SMOLLM2,
    LoadError,
    find_checkpoint,
    read_weights,
    warn_once,
)
from valuescope.models.gguf import local_gguf, read_config, read_tokenizer, unpacked
from valuescope.models.identity import ModelIdentity, fingerprint_of
from valuescope.models.neuron_model import NeuronModel
from valuescope.models.prompts import Prompts
from valuescope.models.proof import prove_sites
from valuescope.models.sampling_defaults import SamplingDefaults
from valuescope.models.sites import SiteError, resolve_sites


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
    """Load by folder, GGUF file, hub id or name (see `find_checkpoint`), in eval mode, its weights frozen.

    dtype: "auto" (see `settled_dtype`; of a GGUF float32) or a torch type or its name. device: where the whole model
    goes (None: a GPU if there is one); device_map: passed through (needs accelerate), not together with device. No
    remote code runs unless `trust_remote_code`. check: prove the neuron sites (`prove_sites`). LoadError where there is
    no such model or it is not complete, SiteError where its sites cannot be found or fail their proof.
    """
    if device is not None and device_map is not None:
        raise ValueError(
            f"device={device!r} and device_map={device_map!r} exclude each other: give one of them"
        )
    chosen = _dtype(dtype)
    source, gguf = find_checkpoint(id_or_path)
    # resolved once, so that weights and tokenizer are of one state of the hub
    revision = resolve_revision(source, revision)
    shared: dict[str, Any] = {"revision": revision or "main", "trust_remote_code": trust_remote_code}
    if gguf:
        chosen = torch.float32 if isinstance(chosen, str) else chosen
        source, shared = str(unpacked(local_gguf(source, gguf, revision), chosen)), {}
    try:
        if isinstance(chosen, str):
            chosen = settled_dtype(AutoConfig.from_pretrained(source, **shared).dtype, device, id_or_path)
        model = read_weights(
            source, dtype=chosen, device_map=device_map, attn_implementation=attn_implementation, **shared
        )
        tokenizer = AutoTokenizer.from_pretrained(source, **shared)
    except LoadError as error:
        raise LoadError(f"{id_or_path}: {error}") from error
    except Exception as error:  # a config may name a function, a kernel or a package that is not there
        raise LoadError(
            f"{id_or_path}: this model could not be loaded. {reason_of(error)}{_hint(id_or_path)}"
        ) from error
    if device_map is None:
        target = device or default_device()
        try:
            model.to(target)
        except (AssertionError, RuntimeError) as error:  # torch asserts that it was built for the device
            raise LoadError(f"{id_or_path}: cannot be put on device {target}. {error}") from error
    model.requires_grad_(False)
    commit = getattr(revision, "resolved", revision)
    try:
        return _assemble(model, tokenizer, id=id_or_path, revision=commit, check=check)
    except SiteError as error:
        raise SiteError(f"{id_or_path}: {error}") from error


def read_manners(
    id_or_path: str, chat: Chat, *, revision: str | None = None, trust_remote_code: bool = False
) -> tuple[Prompts, SamplingDefaults]:
    """How a model is spoken to and sampled, of its tokenizer and generation_config alone: no weights are read.

    LoadError where it has no tokenizer that could be read.
    """
    source, gguf = find_checkpoint(id_or_path)
    if gguf:
        tokenizer = read_tokenizer(local_gguf(source, gguf, revision))
        return Prompts(tokenizer, id_or_path, chat), SamplingDefaults()
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source, revision=revision or "main", trust_remote_code=trust_remote_code
        )
    except Exception as error:  # tokenizers raise whatever they stumble over in a damaged file
        raise LoadError(
            f"{id_or_path}: its tokenizer could not be loaded. {reason_of(error)}{_hint(id_or_path)}"
        ) from error
    try:
        config = GenerationConfig.from_pretrained(source, revision=revision or "main")
    except OSError:  # there is none
        config = None
    return Prompts(tokenizer, id_or_path, chat), SamplingDefaults.of(config)


def reason_of(error: Exception) -> str:
    """What an error says; a KeyError and its like say no more than a name, so their kind is named too."""
    told = isinstance(error, (OSError, ValueError, RuntimeError, SafetensorError)) and str(error)
    return str(error) if told else f"{type(error).__name__}: {error}; check its config.json"


def layer_count(id_or_path: str, *, revision: str | None = None, trust_remote_code: bool = False) -> int:
    """How many decoder layers a model has, of its configuration alone. LoadError where that cannot be read."""
    source, gguf = find_checkpoint(id_or_path)
    try:
        config = (
            read_config(local_gguf(source, gguf, revision))[0]
            if gguf
            else AutoConfig.from_pretrained(
                source, revision=revision or "main", trust_remote_code=trust_remote_code
            )
        )
    except (OSError, ValueError) as error:
        raise LoadError(f"{id_or_path}: its configuration could not be read. {error}") from error
    layers: int = config.get_text_config().num_hidden_layers
    return layers


def _hint(id_or_path: str) -> str:
    return f" {INSTALL_SMOLLM2}." if id_or_path == SMOLLM2 else ""


def default_device() -> torch.device:
    """The first GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def settled_dtype(saved: torch.dtype | None, device: Any, id_or_path: str) -> torch.dtype | str:
    """What "auto" means: as saved, but float32 on a CPU that has no bfloat16 of its own, said once on stderr.

    The bundled models stay as saved: what is recorded about them is compared by number.
    """
    kept = id_or_path in BUNDLED or saved in (torch.float32, torch.float64)
    if kept or keeps_number_type(device or default_device()):
        return "auto" if saved is None else saved
    warn_once(f"{id_or_path}: this CPU has no bfloat16, so dtype auto is float32, not {saved}")
    return torch.float32


def keeps_number_type(device: Any) -> bool:
    """Whether "auto" leaves a checkpoint as it was saved on this device."""
    return not str(device).startswith("cpu") or native_bfloat16()


def native_bfloat16() -> bool:
    """Whether this CPU computes in bfloat16; where it does not, every product is a slow conversion."""
    try:
        features = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:  # not Linux
        known = getattr(torch.cpu, "get_capabilities", dict[str, bool])()
        features = [name for name in known if known[name] is True]
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(features)


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
    identity = ModelIdentity(id, revision, fingerprint_of(model, tokenizer), len(sites), sites[0].width)
    wrapped = NeuronModel(model, tokenizer, identity, sites)
    return dataclasses.replace(wrapped, proof=prove_sites(wrapped)) if check else wrapped


def _dtype(dtype: str | torch.dtype) -> str | torch.dtype:
    if isinstance(dtype, torch.dtype) or dtype == "auto":
        return dtype
    named = getattr(torch, dtype, None)
    if not isinstance(named, torch.dtype):
        raise ValueError(f"dtype={dtype!r}: unknown; give auto, float32, bfloat16 or float16")
    return named
