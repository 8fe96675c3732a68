"""Edits of neurons and of the residual stream: values that can be saved, and applied to a model for a while."""

from valuescope.edit.blend import Blend
from valuescope.edit.bundle import Bundle
from valuescope.edit.edit import Direction, Edit
from valuescope.edit.edit_file import load_bundle, load_edit
from valuescope.edit.edits import EDITS, edit_parameters
from valuescope.edit.evidence import Evidence, Measurement
from valuescope.edit.layer_tables import EditError, Slopes
from valuescope.edit.neuron_edits import Amplify, Deactivate, Modulate, NeuronEdit
from valuescope.edit.profile import Profile, profile
from valuescope.edit.prompt_gaps import PromptGaps
from valuescope.edit.session import EditBank, EditSession, Scope, edited, require_scope
from valuescope.edit.stream_edits import AddVector, ProbeShift, StreamEdit
from valuescope.edit.weights import export_edited, weights_edited

__all__ = [
    "EDITS",
    "AddVector",
    "Amplify",
    "Blend",
    "Bundle",
    "Deactivate",
    "Direction",
    "Edit",
    "EditBank",
    "EditError",
    "EditSession",
    "Evidence",
    "Measurement",
    "Modulate",
    "NeuronEdit",
    "ProbeShift",
    "Profile",
    "PromptGaps",
    "Scope",
    "Slopes",
    "StreamEdit",
    "edit_parameters",
    "edited",
    "export_edited",
    "load_bundle",
    "load_edit",
    "profile",
    "require_scope",
    "weights_edited",
]
