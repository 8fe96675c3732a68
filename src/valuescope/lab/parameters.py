"""Names and kinds of parameters in a specification, checked before any work is done."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

REQUIRED = inspect.Parameter.empty
"""Stands for the default of a parameter that has none."""
KINDS: tuple[
    tuple[type, tuple[type, ...], str], ...
] = (  # of a default, what it accepts, in words; bool before int
    (bool, (bool,), "true or false"),
    (int, (int,), "a whole number"),
    (float, (int, float), "a number"),
    (str, (str,), "a word"),
)


def keywords(function: Callable[..., Any]) -> dict[str, Any]:
    """The keyword-only parameters of a function with their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}


def require_parameters(what: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raise ValueError for a parameter that is unknown, missing, or of another kind than its default.

    A parameter whose default is None, or which has none, takes anything.
    """
    require_known(f"parameter of {what}", given, defaults)
    for name, default in defaults.items():
        if default is REQUIRED and name not in given:
            raise ValueError(f"{what} needs the parameter {name!r}")
    for name, value in given.items():
        for kind, accepted, wanted in KINDS:
            if isinstance(defaults[name], kind):
                if type(value) not in accepted:
                    raise ValueError(f"parameter {name!r} of {what} must be {wanted}, it is {value!r}")
                break


def require_known(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ValueError, with a near match or all that is known, for a name that is not known."""
    names = sorted(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
            raise ValueError(f"{what} {name!r} is unknown; {hint}")
