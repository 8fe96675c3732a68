"""All edits under their names, and an edit out of what its file says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from valuescope.edit.edit import FILE_VERSION, Edit, Subject
from valuescope.edit.layer_tables import EditError
from valuescope.edit.neuron_edits import Amplify, Deactivate, Modulate
from valuescope.edit.profile import Profile
from valuescope.edit.stream_edits import AddVector, ProbeShift

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


def edit_from_dict(path: Path, content: Any, read_subject: Callable[[type[Edit]], Subject]) -> Edit:
    """The edit that `content`, read from `path`, describes as `Edit.to_dict` does, with the version of the file.

    `read_subject` gives what an edit of a kind acts with. EditError names the file and the field for anything unknown or
    missing, and where the hash is not that of the edit.
    """
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
    subject = read_subject(EDITS[kind])
    try:
        edit: Edit = EDITS[kind](subject, **parameters)
    except (ValueError, TypeError) as error:
        raise EditError(f"{path}: field 'parameters': {error}; save the edit again") from error
    if edit.hash != content.get("hash"):
        raise EditError(
            f"{path}: field 'hash' is {content.get('hash')!r}, but this edit of {edit.value!r} has "
            f"{edit.hash!r}: a file was changed or exchanged; save the edit again"
        )
    return edit
