"""An edit out of its file, be it the JSON that `Edit.save` wrote or a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from valuescope.edit.bundle import Bundle, is_bundle, read_bundle
from valuescope.edit.edit import Edit, Subject
from valuescope.edit.edits import edit_from_dict
from valuescope.edit.layer_tables import EditError
from valuescope.input_files import DOCUMENT_BYTES, read_json, told_as


def load_edit(path: Path | str) -> Edit:
    """Read an edit and what it acts with from a JSON as `Edit.save` wrote it, or from a bundle.

    Raises EditError naming the file and the field for anything unknown or missing, and where the neuron set,
    vectors or probes are not those it was saved with.
    """
    return load_bundle(path).edit


def load_bundle(path: Path | str) -> Bundle:
    """`load_edit` with the evidence and the licence of a bundle; beside a JSON stand none."""
    path = Path(path)
    if is_bundle(path):
        return Bundle.load(path)
    content = read_description(path)

    def beside(kind: type[Edit]) -> Subject:
        name = content.get("file")
        if not isinstance(name, str):
            raise EditError(f"{path}: field 'file' must name the {kind.subject_field} beside this file")
        if name in ("", ".", "..") or set("/\\\0") & set(name):
            raise EditError(
                f"{path}: field 'file' is {name!r}, and what an edit acts with lies beside it; give a plain name, "
                "or save the edit again"
            )
        subject: Subject = kind.subject_type.load(path.parent / name)
        return subject

    return Bundle(edit_from_dict(path, content, beside))


def read_description(path: Path, limit: int = DOCUMENT_BYTES) -> Any:
    """What the file of an edit says of it, none of it checked: a JSON of `limit` bytes at most, or the header of a bundle.

    EditError where it cannot be read.
    """
    if is_bundle(path):
        return read_bundle(path)[1]
    with told_as(EditError):
        return read_json(path, limit)
