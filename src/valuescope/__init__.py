"""Find, steer and measure the human values inside language models, neuron by neuron.

The flow, folder by folder: values -> data -> activations -> locate -> edit -> generate -> judge -> metrics -> report;
`run` walks it from a specification. The names below are what most scripts need; the functions that are called like
their folder stay there: `valuescope.locate.locate`, `valuescope.generate.generate`, `valuescope.run.run`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from valuescope.version import __version__

if TYPE_CHECKING:
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

# Imported when asked for: torch and transformers take seconds, and `valuescope --help` needs neither.
_FOLDERS = {
    "activations": ("Activations", "collect"),
    "data": ("LabelledText",),
    "edit": (
        *("AddVector", "Amplify", "Deactivate", "Edit", "Modulate", "ProbeShift"),
        *("edited", "load_edit", "profile"),
    ),
    "generate": ("Answer", "Sampling"),
    "locate": ("Evidence", "Location", "NeuronSet", "SteeringVectors"),
    "models": ("NeuronModel", "load_model", "wrap_model"),
    "run": ("Spec", "read_spec"),
    "values": ("ValueSystem", "load_value_system"),
}
_FOLDER_OF = {name: folder for folder, names in _FOLDERS.items() for name in names}

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


def __getattr__(name: str) -> Any:
    if name in _FOLDERS or name in ("judge", "metrics", "report"):
        return import_module(f"{__name__}.{name}")
    if name not in _FOLDER_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_FOLDER_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
