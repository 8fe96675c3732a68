"""The ground of specifications and results: strict, frozen, and read back from JSON as they were written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, RootModel

from valuescope.files import file_name
from valuescope.metrics import Estimate


class SpecError(ValueError):
    """A specification that cannot be run; the message names file, field, value and the fix."""


Name = Annotated[str, AfterValidator(file_name)]
"""A name that the user chose and that becomes part of a path."""


class Strict(BaseModel):
    """A part of a specification: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Found(BaseModel):
    """What a part of a run found. A number that is missing is None; nothing is 0 unless 0 was measured."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, protected_namespaces=(), arbitrary_types_allowed=True
    )


RootT = TypeVar("RootT")


class FoundRoot(RootModel[RootT], Found, Generic[RootT]):
    """What a part found where that is a list, or blocks under names that the user chose; `root` holds it."""

    model_config = ConfigDict(extra=None)


def _estimate(content: Any) -> Any:
    """An estimate from `{"mean", "ci", "n", "missing", "interval"}`; None and an estimate stay as they are."""
    if content is None or isinstance(content, Estimate):
        return content
    given = content if isinstance(content, Mapping) else {}
    mean, ci = given.get("mean"), given.get("ci")
    numbers = [mean, *(ci if isinstance(ci, list | tuple) else () if ci is None else ("",))]
    if not given or len(numbers) not in (1, 3) or not all(isinstance(n, int | float | None) for n in numbers):
        raise ValueError("an estimate has a mean and a ci of [low, high]")
    low, high = ci or (None, None)
    rest = {name: content[name] for name in ("n", "missing", "interval") if content.get(name) is not None}
    return Estimate(mean, low, high, **{"n": 0, **rest})


Measured = Annotated[
    Estimate,
    BeforeValidator(_estimate),
    PlainSerializer(lambda estimate: estimate.to_dict(), return_type=dict),
]
"""An estimate as a field of what was found; in JSON `{"mean", "ci", "n", "missing", "interval"}`."""
Rows = tuple[tuple[float | None, ...] | None, ...]
"""A matrix of numbers; None is missing, for a whole row too."""
