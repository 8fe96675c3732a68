"""Edits of neurons: values that can be saved, applied to a model for a while, or written into its weights."""

from valuescope.edit.edits import EDITS, Amplify, Deactivate, Direction, Edit, Modulate, load_edit
from valuescope.edit.session import EditBank, EditSession, Scope, edited, require_scope
from valuescope.edit.slopes import EditError, Slopes
from valuescope.edit.weights import export_edited, weights_edited

__all__ = [
    "EDITS",
    "Amplify",
    "Deactivate",
    "Direction",
    "Edit",
    "EditBank",
    "EditError",
    "EditSession",
    "Modulate",
    "Scope",
    "Slopes",
    "edited",
    "export_edited",
    "load_edit",
    "require_scope",
    "weights_edited",
]
