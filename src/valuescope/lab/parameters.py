"""Names and kinds of parameters in a specification, checked before any work is done."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from valuescope.ranges import shown, wanted

REQUIRED = inspect.Parameter.empty
"""Stands for the default of a parameter that has none."""


def keywords(function: Callable[..., Any]) -> dict[str, Any]:
    """The keyword-only parameters of a function with their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}


def require_parameters(
    what: str, given: Mapping[str, Any], defaults: Mapping[str, Any], hints: Mapping[str, Any]
) -> None:
    """Raise ValueError for a parameter that is unknown, missing, or none of what its annotation wants.

    `hints`: the annotations by name, with their ranges (`hints_of`). Of another parameter the kind of its default counts.
    """
    require_known(f"parameter of {what}", given, defaults)
    for name, default in defaults.items():
        if default is REQUIRED and name not in given:
            raise ValueError(f"{what} needs the parameter {name!r}")
    for name, value in given.items():
        if words := wanted(hints.get(name, type(defaults[name])), value):
            raise ValueError(f"parameter {name!r} of {what} must be {words}, it is {shown(value)}")


def require_known(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ValueError, with a near match or all that is known, for a name that is not known."""
    names = sorted(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
            raise ValueError(f"{what} {name!r} is unknown; {hint}")
