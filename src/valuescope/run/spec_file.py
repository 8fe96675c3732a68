"""Reads a specification from YAML, with errors that name the place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ValidationError

from valuescope.data.findings import shown
from valuescope.judge.asked_model import is_secret
from valuescope.lab.judge_spec import JUDGE_KINDS
from valuescope.lab.setting import DOSE_KINDS
from valuescope.lab.spec import RunSpec
from valuescope.lab.strict import SpecError
from valuescope.run.extended import read_extended
from valuescope.run.registry import specifications

Part = TypeVar("Part", bound=BaseModel)
_LISTED = 20
KINDS = (*JUDGE_KINDS, *DOSE_KINDS, "[key]")
Origin = str | Callable[[Sequence[Any]], str]
"""The file of a specification, or which of its files says what stands at a place."""


def read_spec(path: Path, /, **overrides: Any) -> RunSpec:
    """Read a YAML specification of any experiment, with what it extends (`read_extended`). `overrides` maps dotted names, such
    as `model.id`, to values.

    Raises:
        SpecError: for unreadable YAML, an unknown key or a bad value, named with its file and place.
    """
    extended = read_extended(Path(path))
    content = extended.content
    for dotted, value in overrides.items():
        *above, last = dotted.split(".")
        place = content
        for name in above:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise SpecError(
                    f"{path}: {dotted}: {name} is {place!r} and has no settings below it; set it whole"
                )
        place[last] = value
    return make_spec(content, extended.origin)


def read_recipe(name: str, /, **overrides: Any) -> RunSpec:
    """One of the specifications that come with the package: demo, quick or instrument."""
    return read_spec(Path(str(files("valuescope.run"))) / "recipes" / f"{name}.yaml", **overrides)


def make_spec(content: Mapping[str, Any], origin: Origin) -> RunSpec:
    """A specification from its content, of the experiment that it names; errors begin with its `origin`.

    Raises:
        SpecError: for an unknown key or a bad value, named with its place.
    """
    name = content.get("experiment", "methods")
    known = specifications()
    if name not in list(known):
        where = origin if isinstance(origin, str) else origin(("experiment",))
        raise SpecError(f"{where}: experiment: {shown(name)} is unknown; known: {', '.join(known)}")
    return make_part(known[name], content, origin)


def make_part(kind: type[Part], content: Mapping[str, Any], origin: Origin) -> Part:
    """`make_spec` for one part of a specification, such as its data."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        texts = dict[str, list[str]]()
        problems = error.errors()
        for problem in problems[:_LISTED]:
            place = tuple(part for part in problem["loc"] if part not in KINDS)
            where = origin if isinstance(origin, str) else origin(place)
            texts.setdefault(where, []).append(_explain(problem, kind))
        more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        told = "; ".join(f"{where}: {'; '.join(lines)}" for where, lines in texts.items())
        raise SpecError(f"{told}{more}") from error


def _explain(error: Any, kind: type[BaseModel]) -> str:
    parts = [str(part)[:80] for part in error["loc"] if part not in KINDS]
    place = ".".join(part if part.isprintable() else repr(part) for part in parts)
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key; remove it or check its spelling (known keys: {_known_keys(error['loc'], kind)})"
    message = error["msg"].removeprefix("Value error, ")
    tells = error["type"] not in ("missing", "value_error") and not any(
        part == "model_args" or is_secret(str(part)) for part in error["loc"]
    )
    given = f" (given: {shown(error['input'])})" if tells else ""
    return f"{place}: {message}{given}" if place else f"{message}{given}"


def _known_keys(location: tuple[Any, ...], holder: type[BaseModel]) -> str:
    """The keys of the model that holds the last part of an error's location, counted from `holder`."""
    named = False  # the part is a name that the user chose, such as a method's
    for part in location[:-1]:
        field = None if named else holder.model_fields.get(part)
        candidates = _models_in(field.annotation) if field else []
        named = field is not None and get_origin(field.annotation) is dict
        if candidates:
            holder = candidates[0]
    return ", ".join(holder.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _models_in(part)]
