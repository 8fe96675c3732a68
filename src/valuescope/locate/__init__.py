"""Find the neurons and directions related to a value: locators, random controls and what they give."""

from valuescope.locate.decode import decode_direction
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.firing_profile import FiringProfile, firing_profile
from valuescope.locate.layer_tensors import LayerTensors, SteeringError
from valuescope.locate.location import Location
from valuescope.locate.neuron_set import NeuronSet, NeuronSetError
from valuescope.locate.probe_set import ProbeSet, probe_sets, random_probes_like
from valuescope.locate.probes import Probes, train_probes
from valuescope.locate.random_control import random_like
from valuescope.locate.registry import (
    DIRECTIONS,
    LOCATORS,
    DirectionFinder,
    Locator,
    direction_parameters,
    find_directions,
    locate,
    locator_parameters,
)
from valuescope.locate.steering_vectors import SteeringVectors, mean_difference, random_vectors_like

__all__ = [
    "DIRECTIONS",
    "LOCATORS",
    "DirectionFinder",
    "Evidence",
    "FiringProfile",
    "LayerTensors",
    "LocateError",
    "Location",
    "Locator",
    "NeuronSet",
    "NeuronSetError",
    "ProbeSet",
    "Probes",
    "SteeringError",
    "SteeringVectors",
    "decode_direction",
    "direction_parameters",
    "find_directions",
    "firing_profile",
    "locate",
    "locator_parameters",
    "mean_difference",
    "probe_sets",
    "random_like",
    "random_probes_like",
    "random_vectors_like",
    "train_probes",
]
