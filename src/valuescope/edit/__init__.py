"""Edits of neurons: values that can be saved, applied to a model for a while, or written into its weights."""

from valuescope.edit.edits import EDITS, Amplify, Deactivate, Direction, Edit, Modulate, load_edit
from valuescope.edit.session import EditSession, Scope, edited
from valuescope.edit.slopes import EditError, Slopes
from valuescope.edit.weights import export_edited, weights_edited

__all__ = [
    "EDITS",
    "Amplify",
    "Deactivate",
    "Direction",
    "Edit",
    "EditError",
    "EditSession",
    "Modulate",
    "Scope",
    "Slopes",
    "edited",
    "export_edited",
    "load_edit",
    "weights_edited",
]
