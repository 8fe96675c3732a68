"""Find the neurons and directions related to a value: locators, random controls and what they give."""

from valuescope.locate.controls import random_like
from valuescope.locate.directions import (
    ProbeSet,
    SteeringVectors,
    decode_direction,
    mean_difference,
    probe_sets,
    random_probes_like,
    random_vectors_like,
)
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.firing_profile import FiringProfile, firing_profile
from valuescope.locate.layer_tensors import LayerTensors, SteeringError
from valuescope.locate.location import Located, Location, by_value, largest
from valuescope.locate.locators import (
    DIRECTIONS,
    LOCATORS,
    DirectionFinder,
    Locator,
    direction_parameters,
    find_directions,
    locate,
    locator_parameters,
)
from valuescope.locate.neuron_set import NeuronSet, NeuronSetError
from valuescope.locate.parameters import band_of
from valuescope.locate.probes import TrainedProbes, train_probes

__all__ = [
    "DIRECTIONS",
    "LOCATORS",
    "DirectionFinder",
    "Evidence",
    "FiringProfile",
    "LayerTensors",
    "LocateError",
    "Located",
    "Location",
    "Locator",
    "NeuronSet",
    "NeuronSetError",
    "ProbeSet",
    "SteeringError",
    "SteeringVectors",
    "TrainedProbes",
    "band_of",
    "by_value",
    "decode_direction",
    "direction_parameters",
    "find_directions",
    "firing_profile",
    "largest",
    "locate",
    "locator_parameters",
    "mean_difference",
    "probe_sets",
    "random_like",
    "random_probes_like",
    "random_vectors_like",
    "train_probes",
]
