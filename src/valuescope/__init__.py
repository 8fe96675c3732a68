"""Find, steer and measure the human values inside language models, neuron by neuron.

The flow, folder by folder: values -> data -> activations -> locate -> edit -> generate -> judge -> metrics -> report;
`run` walks it from a specification. The names below are what most scripts need; the functions that are called like
their folder stay there: `valuescope.locate.locate`, `valuescope.generate.generate`, `valuescope.run.run`.
"""

from valuescope.activations import Activations, collect
from valuescope.data import LabelledText
from valuescope.edit import Amplify, Deactivate, Edit, Modulate, edited, load_edit
from valuescope.generate import Answer, Sampling
from valuescope.locate import Evidence, Location, NeuronSet
from valuescope.models import NeuronModel, load_model, wrap_model
from valuescope.run import Spec, read_spec
from valuescope.values import ValueSystem, load_value_system
from valuescope.version import __version__

__all__ = [
    "Activations",
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
    "Sampling",
    "Spec",
    "ValueSystem",
    "__version__",
    "collect",
    "edited",
    "load_edit",
    "load_model",
    "load_value_system",
    "read_spec",
    "wrap_model",
]
