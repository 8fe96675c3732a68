"""The shape of a value system's TOML file, and error messages that say where a file departs from it."""

from __future__ import annotations

import reprlib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from valuescope.input_files import parse_toml, told_as
from valuescope.values.system import ValueSystemError, known

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LevelTable(_Table):
    """A `[[levels]]` entry, the top level first."""

    id: Id
    names: dict[str, Text]
    definitions: list[Text] | None = None
    """The languages in which every value of the level must be defined; all declared ones if absent."""


class ValueTable(_Table):
    """A `[[values]]` entry."""

    id: Id
    level: Text
    names: dict[str, Text]
    definition: dict[str, Text] = Field(default_factory=dict)
    parents: list[Text] = Field(default_factory=list)
    opposites: list[Text] = Field(default_factory=list)
    in_paper: bool = True
    note: str = ""


class CircleTable(_Table):
    """The `[circle]` table: the values of one level in circular order."""

    level: Text
    order: list[Text]


class SystemTable(_Table):
    """The whole file."""

    id: Id
    names: dict[str, Text]
    languages: Annotated[list[Text], Field(min_length=1)]
    levels: Annotated[list[LevelTable], Field(min_length=1)]
    values: Annotated[list[ValueTable], Field(min_length=1)]
    circle: CircleTable | None = None
    grouping: Id | None = None
    groupings: dict[Id, dict[str, list[Text]]] = Field(default_factory=dict)


_LISTED = 50
FIXES = {
    "missing": "is missing; add it",
    "string_type": 'must be a text in quotes, such as "power"',
    "string_too_short": "is empty; write a text",
    "string_pattern_mismatch": "must be lower-case letters, digits and single hyphens, such as 'my-value'",
    "bool_type": "must be true or false, without quotes",
    "list_type": 'must be a list in brackets, such as ["en", "zh"] (for levels and values: [[...]] tables)',
    "dict_type": 'must be a table, such as { en = "Power", zh = "权力" }',
    "model_type": "must be a table",
    "too_short": "is empty; name at least one",
}


def parse_table(content: bytes, *, file: str) -> SystemTable:
    """The file's content in its declared shape, ids and languages not checked against each other yet.

    Raises:
        ValueSystemError: not UTF-8, not TOML (with the line), or another shape; every departure is listed.
    """
    with told_as(ValueSystemError):
        table = parse_toml(content, file)
    try:
        return SystemTable.model_validate(table)
    except ValidationError as invalid:
        raise problems_error(file, [_problem(error, table) for error in invalid.errors()]) from None


def problem(field: str, text: str, *, value: str = "") -> str:
    """One line of an error message: the value (if it is about one), the field, what is wrong and the fix."""
    return f"value {value!r}, field {field!r}: {text}" if value else f"field {field!r}: {text}"


def problems_error(file: str, problems: list[str]) -> ValueSystemError:
    """One error for all problems of a file, each on a line of its own."""
    head = f"{file} has {len(problems)} problems:\n" if len(problems) > 1 else ""
    lines = [f"{file}: {line}" for line in problems[:_LISTED]]
    if len(problems) > _LISTED:
        lines.append(f"... and {len(problems) - _LISTED} more")
    return ValueSystemError(head + "\n".join(lines))


def _problem(error: ErrorDetails, table: dict[str, Any]) -> str:
    """pydantic's error in the file's own terms: the value's id in place of its number."""
    path = list(error["loc"])
    value = ""
    if path[0] == "values" and len(path) > 1 and isinstance(path[1], int):
        entry = table["values"][path[1]]
        value = str(entry.get("id", "")) if isinstance(entry, dict) else ""
        value = value or f"number {path[1] + 1}"
        path = path[2:] or ["values"]
    field = ".".join(str(part) for part in path if part != "[key]")
    if error["type"] == "extra_forbidden":
        fields = _fields(list(error["loc"]))
        return problem(field, f"unknown key; {known(str(path[-1]), fields)}", value=value)
    text = FIXES.get(error["type"], f"{error['msg']}; correct it")
    if error["type"] != "missing":
        text = f"{text} (it is {reprlib.repr(error['input'])})"
    return problem(field, text, value=value)


def _fields(path: list[int | str]) -> tuple[str, ...]:
    """The keys that the table at `path` may hold."""
    tables: dict[int | str, type[_Table]] = {
        "levels": LevelTable,
        "values": ValueTable,
        "circle": CircleTable,
    }
    table = tables[path[0]] if len(path) > 1 else SystemTable
    return tuple(table.model_fields)
