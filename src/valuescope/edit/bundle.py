"""An edit as one file to share: a safetensors file whose header says all that the three files of an edit say, and more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors

from valuescope.edit.edit import FILE_VERSION, Edit, Subject
from valuescope.edit.edits import EDITS, edit_from_dict
from valuescope.edit.evidence import Evidence, require_line
from valuescope.edit.layer_tables import EditError
from valuescope.files import dump_json, save_tensors_atomic, sha256_of
from valuescope.input_files import read_bytes, told_as
from valuescope.json_values import parse_json
from valuescope.version import __version__

SUFFIX = ".vsedit"
ENTRY = "valuescope.edit"
"""The entry of the header's metadata that holds the description, a JSON text."""
_COUNT = 8
"""Bytes in front of the header of a safetensors file: its length, the lowest byte first."""


@dataclass(frozen=True)
class Bundle:
    """An edit, what was measured of it, and the licence it is shared under (an SPDX name or a line of your own)."""

    edit: Edit
    evidence: Evidence | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        if self.licence is not None:
            require_line(self.licence, "licence")

    def save(self, path: Path | str) -> Path:
        """Write all of it to `path` (a .vsedit); returns `path`. Equal bundles give equal bytes.

        No path of this machine is written: of a model that was loaded from a folder the folder's own name stays.
        """
        path = Path(path)
        if path.suffix != SUFFIX:
            raise EditError(f"{path}: a bundle is one file: give a path that ends in {SUFFIX}")
        if self.edit.kind not in EDITS:
            raise EditError(f"{path}: a {self.edit.kind} is not saved; save its parts")
        subject = self.edit.subject
        shared = replace(subject, model=subject.model.without_path())
        acting: dict[str, Any] = {self.edit.subject_field: shared}
        edit = replace(self.edit, **acting)
        tensors, manifest = shared.saved()
        content: dict[str, Any] = {"version": FILE_VERSION, "valuescope": __version__, **edit.to_dict()}
        content[edit.subject_field] |= manifest
        if self.evidence is not None:
            content["evidence"] = self.evidence.to_dict()
        if self.licence is not None:
            content["licence"] = self.licence
        content["sha256"] = sha256_of(content)
        save_tensors_atomic(path, tensors, {ENTRY: dump_json(content)})
        return path

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote.

        Raises EditError (or the subject's own error) naming the file and the field for anything unknown, missing or changed.
        """
        path = Path(path)
        tensors, content = read_bundle(path)

        def inside(kind: type[Edit]) -> Subject:
            manifest = content.get(kind.subject_field)
            if not isinstance(manifest, Mapping):
                raise EditError(f"{path}: field {kind.subject_field!r} must describe what the edit acts with")
            subject: Subject = kind.subject_type.from_saved(path, tensors, manifest)
            return subject

        edit = edit_from_dict(path, content, inside)
        if content.get("sha256") != sha256_of({name: content[name] for name in content.keys() - {"sha256"}}):
            raise EditError(f"{path}: the description was changed after it was written; save the edit again")
        try:
            evidence = Evidence.from_dict(content["evidence"]) if "evidence" in content else None
            return cls(edit, evidence, content.get("licence"))
        except EditError as error:
            raise EditError(f"{path}: {error}") from error


def is_bundle(path: Path) -> bool:
    """Whether a file is a bundle by its suffix or, whatever it is called, a safetensors file by its first bytes."""
    if path.suffix == SUFFIX:
        return True
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(_COUNT + 1)
    except (OSError, ValueError):  # whoever reads the file says what is wrong with it
        return False
    return head[_COUNT - 1 :] == b"\0{"


def read_bundle(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors of a bundle and its description, an object of which nothing is checked; EditError where there is none."""
    with told_as(EditError):
        data = read_bytes(path)
    try:
        tensors = parse_tensors(data)
        header = json.loads(data[_COUNT : _COUNT + int.from_bytes(data[:_COUNT], "little")])
    except (SafetensorError, ValueError, RuntimeError, LookupError, RecursionError) as error:
        raise EditError(
            f"{path}: no bundle can be read ({error}); it is cut off or no {SUFFIX}: get it again"
        ) from error
    description = header.get("__metadata__", {}).get(ENTRY)
    if description is None:
        raise EditError(
            f"{path}: holds tensors and no edit (no {ENTRY!r} in its header); give a {SUFFIX}, or the .json of an edit"
        )
    try:
        content = parse_json(description)
    except ValueError as error:
        raise EditError(
            f"{path}: the description in its header is not JSON ({error}); get the file again"
        ) from error
    if not isinstance(content, dict):
        raise EditError(f"{path}: the description in its header is no object; get the file again")
    return tensors, content
