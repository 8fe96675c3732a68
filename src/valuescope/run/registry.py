"""The parts that there are: every `Part` in a file of `valuescope.parts`."""

from __future__ import annotations

import inspect
import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

from pydantic import create_model, model_validator

import valuescope.parts
from valuescope.lab.exploration import ExplorationSpec
from valuescope.lab.part import Part
from valuescope.lab.spec import ComparisonSpec, RunSpec

AnyPart = type[Part[Any]]


@cache
def all_parts() -> tuple[AnyPart, ...]:
    """Every part, in the order of the page."""
    files = [
        import_module(f"{valuescope.parts.__name__}.{module.name}")
        for module in pkgutil.iter_modules(valuescope.parts.__path__)
    ]
    parts = {
        part
        for file in files
        for _, part in inspect.getmembers(file, inspect.isclass)
        if issubclass(part, Part) and part.__module__ == file.__name__
    }
    return tuple(sorted(parts, key=lambda part: (part.order, part.__module__)))


def parts_of(experiment: str) -> tuple[AnyPart, ...]:
    """The parts that an experiment can have."""
    return tuple(part for part in all_parts() if part.experiment == experiment)


def asked_parts(spec: RunSpec) -> list[Part[Any]]:
    """The parts that a specification asks for, in the order in which they are measured."""
    parts = [part for kind in parts_of(spec.experiment) if (part := kind.of(spec)) is not None]
    return sorted(parts, key=lambda part: part.stage)


def _whole(base: type[RunSpec]) -> type[RunSpec]:
    """A base specification with one key more for every part that has one, checked with all parts."""
    parts = [part for part in parts_of(base.model_fields["experiment"].default) if part.key]

    def fits(self: RunSpec) -> RunSpec:
        for part in parts:
            if (own := getattr(self, part.key)) is not None:
                part.check(own, self)
        return self

    fields: dict[str, Any] = {
        part.key: (part.Spec | None, part.default) for part in parts if part.key not in base.model_fields
    }
    checks: dict[str, Any] = {"_parts_fit": model_validator(mode="after")(fits)}
    return create_model(base.__name__, __base__=base, __doc__=base.__doc__, __validators__=checks, **fields)


@cache
def specifications() -> dict[str, type[RunSpec]]:
    """Every experiment's whole specification, under the name that `experiment` gives."""
    return {
        base.model_fields["experiment"].default: _whole(base) for base in (ComparisonSpec, ExplorationSpec)
    }


Spec: type[Any] = specifications()["methods"]
"""The whole specification of a comparison of methods."""
