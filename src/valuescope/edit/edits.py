"""All edits under their names, and the way back from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from valuescope.edit.edit import FILE_VERSION, Edit
from valuescope.edit.layer_tables import EditError
from valuescope.edit.neuron_edits import Amplify, Deactivate, Modulate
from valuescope.edit.profile import Profile
from valuescope.edit.stream_edits import AddVector, ProbeShift
from valuescope.input_files import read_json, told_as

# Each is called with what it acts with (its `subject_type`), and with its parameters by name.
EDITS: Mapping[str, type[Any]] = {
    edit.kind: edit for edit in (Deactivate, Amplify, Modulate, Profile, AddVector, ProbeShift)
}


def edit_parameters(kind: str) -> dict[str, Any]:
    """The parameters of a kind of edit with their defaults; EditError names the known kinds."""
    if kind not in EDITS:
        raise EditError(f"there is no edit {kind!r}; known are {', '.join(EDITS)}")
    defaults: dict[str, Any] = EDITS[kind].parameter_defaults()
    return defaults


def load_edit(path: Path | str) -> Edit:
    """Read an edit and what it acts with as `save` wrote them.

    Raises EditError naming the file and the field for anything unknown or missing, and where the neuron set,
    vectors or probes beside the edit are not those it was saved with.
    """
    path = Path(path)
    with told_as(EditError):
        content = read_json(path)
    if not isinstance(content, dict) or content.get("version") != FILE_VERSION:
        raise EditError(f"{path}: field 'version' must be {FILE_VERSION}: save the edit with this valuescope")
    kind = str(content.get("edit"))
    if kind not in EDITS:
        raise EditError(f"{path}: field 'edit' is {kind[:80]!r}; known are {', '.join(EDITS)}")
    make = EDITS[kind]
    parameters, known = content.get("parameters"), set(edit_parameters(kind)) - make.unsaid
    if not isinstance(parameters, dict) or set(parameters) - make.unsaid != known:
        raise EditError(
            f"{path}: field 'parameters' of {kind} must hold {sorted(known)}, it is {parameters!r}"
        )
    if not isinstance(content.get("file"), str):
        raise EditError(f"{path}: field 'file' must name the {make.subject_field} beside this file")
    if content["file"] in ("", ".", "..") or set("/\\\0") & set(content["file"]):
        raise EditError(
            f"{path}: field 'file' is {content['file']!r}, and what an edit acts with lies beside it; give a plain name, "
            "or save the edit again"
        )
    subject = make.subject_type.load(path.parent / content["file"])
    try:
        edit: Edit = make(subject, **parameters)
    except (ValueError, TypeError) as error:
        raise EditError(f"{path}: field 'parameters': {error}; save the edit again") from error
    if edit.hash != content.get("hash"):
        raise EditError(
            f"{path}: field 'hash' is {content.get('hash')!r}, but this edit of {content['file']!r} has "
            f"{edit.hash!r}: a file was changed or exchanged; save the edit again"
        )
    return edit
