"""Find, steer and measure the human values inside language models, neuron by neuron.

The flow, folder by folder: values -> data -> activations -> locate -> edit -> generate -> judge -> metrics -> report;
`run` walks it from a specification. The names below are what most scripts need; the functions that are called like
their folder stay there: `valuescope.locate.locate`, `valuescope.generate.generate`, `valuescope.run.run`.
"""

from valuescope.activations import Activations, collect
from valuescope.data import LabelledText
from valuescope.edit import (
    AddVector,
    Amplify,
    Deactivate,
    Edit,
    Modulate,
    ProbeShift,
    edited,
    load_edit,
    profile,
)
from valuescope.generate import Answer, Sampling
from valuescope.locate import Evidence, Location, NeuronSet, SteeringVectors
from valuescope.models import NeuronModel, load_model, wrap_model
from valuescope.run import Spec, read_spec
from valuescope.values import ValueSystem, load_value_system
from valuescope.version import __version__

__all__ = [
    "Activations",
    "AddVector",
    "Amplify",
    "Answer",
    "Deactivate",
    "Edit",
    "Evidence",
    "LabelledText",
    "Location",
    "Modulate",
    "NeuronModel",
    "NeuronSet",
    "ProbeShift",
    "Sampling",
    "Spec",
    "SteeringVectors",
    "ValueSystem",
    "__version__",
    "collect",
    "edited",
    "load_edit",
    "load_model",
    "load_value_system",
    "profile",
    "read_spec",
    "wrap_model",
]
