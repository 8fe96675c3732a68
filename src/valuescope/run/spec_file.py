"""Reading a specification from YAML, with errors that name the place."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from valuescope.run.spec import Spec, SpecError


def read_spec(path: Path, **overrides: Any) -> Spec:
    """Read a YAML specification. `overrides` maps dotted names, such as `model.id`, to values (None: keep).

    Raises:
        SpecError: for unreadable YAML, an unknown key or a bad value, named with its place.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise SpecError(
            f"{path}: a specification is a mapping of names to settings, found {type(content).__name__}"
        )
    for dotted, value in overrides.items():
        if value is not None:
            *above, last = dotted.split(".")
            place = content
            for name in above:
                place = place.setdefault(name, {})
            place[last] = value
    try:
        return Spec.model_validate(content)
    except ValidationError as error:
        raise SpecError(f"{path}: " + "; ".join(_explain(one) for one in error.errors())) from error


def _explain(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "the specification"
    if error["type"] == "extra_forbidden":
        return (
            f"{place}: unknown key; remove it or check its spelling (known keys: {_known_keys(error['loc'])})"
        )
    message = error["msg"].removeprefix("Value error, ")
    given = "" if error["type"] in ("missing", "value_error") else f" (given: {error['input']!r})"
    return f"{place}: {message}{given}"


def _known_keys(location: tuple[Any, ...]) -> str:
    """The keys of the model that holds the last part of an error's location."""
    holder: Any = Spec
    for part in location[:-1]:
        field = holder.model_fields.get(part) if hasattr(holder, "model_fields") else None
        candidates = _models_in(field.annotation) if field else []
        if candidates:
            holder = candidates[0]
    return ", ".join(holder.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _models_in(part)]
