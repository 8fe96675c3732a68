"""Find the neurons related to a value: locators, random controls and the neuron sets they give."""

from valuescope.locate.decode import decode_direction
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Location
from valuescope.locate.neuron_set import NeuronSet, NeuronSetError
from valuescope.locate.probes import Probes, train_probes
from valuescope.locate.random_control import random_like
from valuescope.locate.registry import LOCATORS, Locator, locate, locator_parameters

__all__ = [
    "LOCATORS",
    "Evidence",
    "LocateError",
    "Location",
    "Locator",
    "NeuronSet",
    "NeuronSetError",
    "Probes",
    "decode_direction",
    "locate",
    "locator_parameters",
    "random_like",
    "train_probes",
]
