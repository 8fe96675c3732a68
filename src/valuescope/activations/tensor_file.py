"""A result on disk: `<path>.safetensors` with the tensors, `<path>.json` with what describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as parse_tensors

from valuescope.files import save_tensors_atomic, sha256_of_file, write_json_atomic
from valuescope.version import __version__

FORMAT = 1
SUFFIXES = (".safetensors", ".json")


class TensorFileError(ValueError):
    """A saved result is absent, damaged, of another kind or of a newer format."""


def stem(path: Path | str) -> Path:
    """The path without `.safetensors` or `.json`, so that either file of a pair names the pair."""
    path = Path(path)
    return path.with_suffix("") if path.suffix in SUFFIXES else path


def save_tensor_file(
    path: Path | str, kind: str, tensors: Mapping[str, torch.Tensor], manifest: Mapping[str, Any]
) -> Path:
    """Write both files; returns the path of the manifest, which is written last.

    The old manifest goes first: a write that is cut short leaves no manifest, never one that lies.
    """
    base = stem(path)
    tensor_path, manifest_path = (
        base.with_name(base.name + ".safetensors"),
        base.with_name(base.name + ".json"),
    )
    manifest_path.unlink(missing_ok=True)
    digest = save_tensors_atomic(tensor_path, tensors)
    header = {"kind": kind, "format": FORMAT, "version": __version__, "sha256": digest}
    return write_json_atomic(manifest_path, {**manifest, **header})


def load_tensor_file(path: Path | str, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read both files back, on the CPU; checks kind, format and the checksum of the tensors."""
    base = stem(path)
    tensor_path, manifest_path = (
        base.with_name(base.name + ".safetensors"),
        base.with_name(base.name + ".json"),
    )
    for file in (manifest_path, tensor_path):
        if not file.is_file():
            raise TensorFileError(
                f"{file}: no such file; a saved {kind} is two files, {base}.safetensors and .json"
            )
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise TensorFileError(f"{manifest_path}: not JSON ({error}); save it again") from error
    if not isinstance(manifest, dict) or manifest.get("kind") != kind:
        found = manifest.get("kind") if isinstance(manifest, dict) else type(manifest).__name__
        raise TensorFileError(
            f"{manifest_path}: kind is {found!r}, expected {kind!r}; give the path of a {kind}"
        )
    if manifest.get("format") != FORMAT:
        raise TensorFileError(
            f"{manifest_path}: format is {manifest.get('format')!r} and this version reads {FORMAT}; "
            f"use the version that wrote it ({manifest.get('version')})"
        )
    if sha256_of_file(tensor_path) != manifest.get("sha256"):
        raise TensorFileError(
            f"{tensor_path}: its sha256 is not that in {manifest_path.name}; the two do not belong together"
        )
    return parse_tensors(tensor_path.read_bytes()), manifest
