"""A result on disk: `<path>.safetensors` with the tensors, `<path>.json` with what describes them."""

from __future__ import annotations

import hashlib
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors

from valuescope.files import save_tensors_atomic, sha256_of, sha256_of_file, write_json_atomic
from valuescope.input_files import FILE_BYTES, read_json, require_regular, told_as
from valuescope.models import ModelIdentity
from valuescope.version import __version__

FORMAT = 1
_DAMAGE = (ValueError, TypeError, AttributeError, LookupError, RuntimeError, ArithmeticError)
SUFFIXES = (".safetensors", ".json")


class TensorFileError(ValueError):
    """A saved result is absent, damaged, of another kind or of a newer format."""


class TensorRecord:
    """A frozen dataclass that is saved as such a pair: its tensors in one file, all other fields in the manifest.

    `kind` is what the manifest calls it. `error` is raised where a saved one does not fit, and `lacks` says that fields
    are absent. `sealed`: the manifest holds the hash, and `load` checks it. `unhashed`: fields that the hash leaves out.
    """

    kind: ClassVar[str]
    error: ClassVar[type[ValueError]] = TensorFileError
    lacks: ClassVar[str] = "the manifest lacks {names}; save it again"
    sealed: ClassVar[bool] = False
    unhashed: ClassVar[tuple[str, ...]] = ()
    model: ModelIdentity

    @property
    def hash(self) -> str:
        """sha256 of all that is said; of the model the weight fingerprint counts, not the name."""
        facts = {name: content for name, content in self._facts().items() if name not in self.unhashed}
        digest = hashlib.sha256(sha256_of(facts).encode())
        for tensor in self._tensors().values():
            digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: Path | str) -> Path:
        """Write `<path>.safetensors` and `<path>.json`; returns the path of the JSON manifest."""
        return save_tensor_file(path, self.kind, *self.saved())

    def saved(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """What `from_saved` takes: the tensors, and the manifest that describes them."""
        tensors, facts = self._tensors(), {**self._facts(), "model": self.model.to_dict()}
        if self.sealed:
            facts |= {"size": len(next(iter(tensors.values()))), "hash": self.hash}
        return tensors, facts

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote; checks that tensors and manifest belong together and that no field is absent."""
        return cls.from_saved(path, *load_tensor_file(path, cls.kind))

    @classmethod
    def from_saved(
        cls, path: Path | str, tensors: Mapping[str, torch.Tensor], manifest: Mapping[str, Any]
    ) -> Self:
        """The inverse of `saved`; `path` is where both were read, for messages."""
        saved, missing = dict[str, Any](), list[str]()
        for field in fields(cls):  # type: ignore[arg-type]
            content = tensors.get(field.name, manifest.get(field.name))
            if content is not None:
                saved[field.name] = tuple(content) if isinstance(content, list) else content
            elif field.default is MISSING and field.default_factory is MISSING:
                missing.append(field.name)
        if missing:
            lacks = cls.lacks.format(names=", ".join(missing), version=manifest.get("version"))
            raise cls.error(f"{path}: {lacks}")
        try:
            loaded = cls(**{**saved, "model": ModelIdentity.from_dict(saved["model"])})
            fits = not cls.sealed or loaded.hash == manifest.get("hash")
        except (
            _DAMAGE
        ) as error:  # tensors that are lists, of other shapes or of other names, fields of other types
            raise cls.error(f"{path}: not a {cls.kind} as it is saved ({error}); save it again") from error
        if not fits:
            raise cls.error(f"{path}: the manifest was changed after it was written; its hash does not fit")
        return loaded

    def _facts(self) -> dict[str, Any]:
        """All fields but tensors, as JSON; the model by its fingerprint."""
        return {
            name: dict(content) if isinstance(content, Mapping) else content
            for name, content in self._contents().items()
            if not isinstance(content, torch.Tensor)
        } | {"model": self.model.fingerprint}

    def _tensors(self) -> dict[str, torch.Tensor]:
        """The tensors that are there, in the order of their fields."""
        contents = self._contents().items()
        return {name: content for name, content in contents if isinstance(content, torch.Tensor)}

    def _contents(self) -> dict[str, Any]:
        names = (field.name for field in fields(self))  # type: ignore[arg-type]
        return {name: content for name in names if (content := getattr(self, name)) is not None}


def save_tensor_file(
    path: Path | str, kind: str, tensors: Mapping[str, torch.Tensor], manifest: Mapping[str, Any]
) -> Path:
    """Write both files; returns the path of the manifest, which is written last.

    The old manifest goes first: a write that is cut short leaves no manifest, never one that lies.
    """
    tensor_path, manifest_path = _pair(path)
    manifest_path.unlink(missing_ok=True)
    digest = save_tensors_atomic(tensor_path, tensors)
    header = {"kind": kind, "format": FORMAT, "version": __version__, "sha256": digest}
    return write_json_atomic(manifest_path, {**manifest, **header})


def load_tensor_file(path: Path | str, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read both files back, on the CPU; checks kind, format and the checksum of the tensors."""
    tensor_path, manifest_path = _pair(path)
    for file in (manifest_path, tensor_path):
        if not file.exists():
            raise TensorFileError(
                f"{file}: no such file; a saved {kind} is two files, {tensor_path} and .json"
            )
    with told_as(TensorFileError):
        require_regular(tensor_path)
        manifest = read_json(manifest_path, FILE_BYTES)
    if not isinstance(manifest, dict) or manifest.get("kind") != kind:
        found = (
            reprlib.repr(manifest.get("kind"))
            if isinstance(manifest, dict)
            else f"{type(manifest).__name__!r}"
        )
        raise TensorFileError(
            f"{manifest_path}: kind is {found}, expected {kind!r}; give the path of a {kind}"
        )
    if manifest.get("format") != FORMAT:
        raise TensorFileError(
            f"{manifest_path}: format is {manifest.get('format')!r} and this version reads {FORMAT}; "
            f"use the version that wrote it ({manifest.get('version')})"
        )
    if sha256_of_file(tensor_path) != manifest.get("sha256"):
        raise TensorFileError(
            f"{tensor_path}: its sha256 is not that in {manifest_path.name}; it is cut off, or the two do not "
            "belong together; delete both and make them again"
        )
    try:
        return parse_tensors(tensor_path.read_bytes()), manifest
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise TensorFileError(
            f"{tensor_path}: no tensors can be read ({error}); save the {kind} again"
        ) from error


def _pair(path: Path | str) -> tuple[Path, Path]:
    """The files of tensors and of the manifest; either of them, or the path without a suffix, names the pair."""
    path = Path(path)
    base = path.with_suffix("") if path.suffix in SUFFIXES else path
    return base.with_name(base.name + SUFFIXES[0]), base.with_name(base.name + SUFFIXES[1])
