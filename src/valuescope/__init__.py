"""Find, steer and measure the human values inside language models, neuron by neuron.

The flow, folder by folder: values -> data -> activations -> locate -> edit -> generate -> judge -> metrics -> report;
`run` walks it from a specification. The names below are what most scripts need.
"""

from valuescope.activations import Activations, collect
from valuescope.data import LabelledText
from valuescope.edit import Amplify, Deactivate, Edit, Modulate, edited, load_edit
from valuescope.generate import Sampling, generate, log_likelihood
from valuescope.locate import Evidence, Location, NeuronSet, locate
from valuescope.models import NeuronModel, load_model, wrap_model
from valuescope.run import read_spec, run
from valuescope.values import ValueSystem, load_value_system
from valuescope.version import __version__

__all__ = [
    "Activations",
    "Amplify",
    "Deactivate",
    "Edit",
    "Evidence",
    "LabelledText",
    "Location",
    "Modulate",
    "NeuronModel",
    "NeuronSet",
    "Sampling",
    "ValueSystem",
    "__version__",
    "collect",
    "edited",
    "generate",
    "load_edit",
    "load_model",
    "load_value_system",
    "locate",
    "log_likelihood",
    "read_spec",
    "run",
    "wrap_model",
]
