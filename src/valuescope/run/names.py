"""Names in a specification: what is known, and what an unknown one was probably meant to be."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from typing import Any


def keywords(function: Callable[..., Any]) -> set[str]:
    """The keyword-only parameters of a function."""
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


def require_known(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ValueError, with a near match or all that is known, for a name that is not known."""
    names = sorted(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
            raise ValueError(f"{what} {name!r} is unknown; {hint}")
