"""The ground of specifications and results: strict, frozen, and read back from JSON as they were written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    PlainSerializer,
    RootModel,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from valuescope.files import file_name
from valuescope.metrics import Estimate
from valuescope.ranges import MOST, Range, shown, wanted


class SpecError(ValueError):
    """A specification that cannot be run; the message names file, field, value and the fix."""


Name = Annotated[str, AfterValidator(file_name)]
"""A name that the user chose and that becomes part of a path."""


_PLAIN = {
    "int": {"strict": True},
    "bool": {"strict": True},
    "float": {"strict": True, "allow_inf_nan": False},
}


def _with_strict_numbers(schema: Any, holder: type[BaseModel]) -> Any:
    """pydantic's schema of a model with every number checked: by itself it would read true, "3" and 3.0 as whole numbers.

    The models inside have seen to theirs.
    """
    if isinstance(schema, list | tuple):
        return type(schema)(_with_strict_numbers(part, holder) for part in schema)
    kind = schema.get("type") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or (kind == "model" and schema["cls"] is not holder):
        return schema
    if kind == "function-before" and schema["schema"].get("strict"):
        return schema  # checked already
    if kind == "union":  # one of its kinds has to fit, and none says what it wants
        return {
            **schema,
            "choices": [{**choice, **_PLAIN.get(choice["type"], {})} for choice in schema["choices"]],
        }
    if kind == "bool":
        return {**schema, "strict": True}
    if kind in ("int", "float"):
        return no_info_before_validator_function(_number_check(schema), {**schema, "strict": True})
    return {name: _with_strict_numbers(part, holder) for name, part in schema.items()}


def _number_check(schema: Mapping[str, Any]) -> Callable[[Any], Any]:
    """The check of a field's number, from the limits of pydantic's schema."""
    low, high = schema.get("gt", schema.get("ge")), schema.get("lt", schema.get("le"))
    most = (MOST if schema["type"] == "int" else math.inf) if high is None else high
    limits = Range(-most if low is None else low, most, "gt" in schema, "lt" in schema)
    hint: Any = Annotated[int, limits] if schema["type"] == "int" else Annotated[float, limits]

    def check(number: Any) -> Any:
        if words := wanted(hint, number):
            raise ValueError(f"give {words} (given: {shown(number)})")
        return number

    return check


class Strict(BaseModel):
    """A part of a specification: unknown keys are errors, numbers are numbers, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: CoreSchema = _with_strict_numbers(handler(source), cls)
        return schema


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
