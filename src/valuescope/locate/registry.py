"""All locators under their names, and the one way to call them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.location import Location
from valuescope.locate.neva import neva
from valuescope.locate.random_control import random
from valuescope.locate.random_matched import random_matched
from valuescope.locate.valuelocate import valuelocate
from valuescope.locate.vape import vape
from valuescope.models import NeuronModel

# Called with a model, evidence and `seed`; its other keyword arguments are its parameters.
Locator = Callable[..., Location]

LOCATORS: dict[str, Locator] = {
    "vape": vape,
    "valuelocate": valuelocate,
    "neva": neva,
    "random": random,
    "random-matched": random_matched,
}


def locator_parameters(method: str) -> dict[str, Any]:
    """The parameters of a locator with their defaults; LocateError names the known locators."""
    if method not in LOCATORS:
        raise LocateError(f"there is no locator {method!r}; the locators are {', '.join(LOCATORS)}")
    signature = inspect.signature(LOCATORS[method])
    return {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "seed"
    }


def locate(
    method: str, model: NeuronModel, evidence: Evidence, *, seed: int = 0, **parameters: Any
) -> Location:
    """Run a locator. Errors: an unknown method or parameter, evidence from another model."""
    known = locator_parameters(method)
    for name in parameters:
        if name not in known:
            raise LocateError(f"{method} has no parameter {name!r}; its parameters are {', '.join(known)}")
    counters = evidence.activations.counters
    if counters.model.fingerprint != model.identity.fingerprint:
        raise LocateError(
            f"the activations were collected in {counters.model.id} (fingerprint "
            f"{counters.model.fingerprint}), not in {model.identity.id} (fingerprint "
            f"{model.identity.fingerprint}); collect them in this model"
        )
    return LOCATORS[method](model, evidence, seed=seed, **parameters)
