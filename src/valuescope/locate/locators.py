"""All locators, and all ways to find directions, under their names, and the one way to call them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from valuescope.locate.cgvst import cgvst
from valuescope.locate.controls import random, random_matched
from valuescope.locate.directions import mean_difference, probe_sets
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.layer_tensors import LayerTensors
from valuescope.locate.location import Located, Location
from valuescope.locate.lpip import lpip
from valuescope.locate.neva import neva, neva_exclusive
from valuescope.locate.qrnca import qrnca
from valuescope.locate.specificity import specificity, two_proportion
from valuescope.locate.valuelocate import valuelocate
from valuescope.locate.vape import vape, vape_layer_bar
from valuescope.models import NeuronModel

# Called with a model, evidence and `seed`; its other keyword arguments are its parameters. It gives a Located, of
# which `locate` makes the Location, or a whole Location.
Locator = Callable[..., Located | Location]
DirectionFinder = Callable[..., Mapping[str, LayerTensors]]

LOCATORS: dict[str, Locator] = {
    "vape": vape,
    "vape-layer-bar": vape_layer_bar,
    "specificity": specificity,
    "two-proportion": two_proportion,
    "valuelocate": valuelocate,
    "neva": neva,
    "neva-exclusive": neva_exclusive,
    "lpip": lpip,
    "qrnca": qrnca,
    "cgvst": cgvst,
    "random": random,
    "random-matched": random_matched,
}

DIRECTIONS: dict[str, DirectionFinder] = {"mean-difference": mean_difference, "probes": probe_sets}
"""What edits of the residual stream need, for every value: SteeringVectors or ProbeSets."""


def locator_parameters(method: str) -> dict[str, Any]:
    """The parameters of a locator with their defaults; LocateError names the known locators."""
    if method not in LOCATORS:
        raise LocateError(f"there is no locator {method!r}; the locators are {', '.join(LOCATORS)}")
    return _parameters(LOCATORS[method])


def direction_parameters(method: str) -> dict[str, Any]:
    """The parameters of a way to find directions, with their defaults; LocateError names the known ways."""
    if method not in DIRECTIONS:
        raise LocateError(f"directions cannot be found by {method!r}; the ways are {', '.join(DIRECTIONS)}")
    return _parameters(DIRECTIONS[method])


def locate(
    method: str, model: NeuronModel, evidence: Evidence, *, seed: int = 0, **parameters: Any
) -> Location:
    """Run a locator; the location records all parameters. Errors: an unknown method or parameter, evidence from
    another model."""
    defaults = locator_parameters(method)
    _require(method, model, evidence, defaults, parameters)
    located = LOCATORS[method](model, evidence, seed=seed, **parameters)
    if isinstance(located, Location):
        return located
    return located.location(method, model, evidence, seed, {**defaults, **parameters})


def find_directions(
    method: str, model: NeuronModel, evidence: Evidence, *, seed: int = 0, **parameters: Any
) -> Mapping[str, LayerTensors]:
    """For every value its directions in the residual stream. Errors as `locate`."""
    _require(method, model, evidence, direction_parameters(method), parameters)
    return DIRECTIONS[method](model, evidence, seed=seed, **parameters)


def _parameters(function: Callable[..., Any]) -> dict[str, Any]:
    signature = inspect.signature(function)
    return {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "seed"
    }


def _require(
    method: str, model: NeuronModel, evidence: Evidence, known: Iterable[str], parameters: Iterable[str]
) -> None:
    for name in parameters:
        if name not in known:
            raise LocateError(f"{method} has no parameter {name!r}; its parameters are {', '.join(known)}")
    counters = evidence.activations.counters
    if counters.model.fingerprint != model.identity.fingerprint:
        raise LocateError(
            f"the activations were collected in {counters.model.against(model.identity)}; "
            "collect them in this model"
        )
