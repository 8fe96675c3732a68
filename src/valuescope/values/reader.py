"""Value systems by name or path: the built-in ones and a user's own, read and checked by the same code."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from valuescope.input_files import TOML_BYTES, read_bytes, told_as
from valuescope.values.checks import problems_in
from valuescope.values.schema import SystemTable, parse_table, problems_error
from valuescope.values.system import Value, ValueSystem, ValueSystemError


def available_value_systems() -> tuple[str, ...]:
    """The names of the built-in value systems."""
    names = (entry.name for entry in files("valuescope.values").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def load_value_system(name_or_path: str | Path) -> ValueSystem:
    """A built-in value system by its name, or a user's own by the path of its TOML file.

    A built-in name wins over a file of that name in the working directory; write `./name` for the file.

    Raises:
        ValueSystemError: the name is unknown, the file is absent, or its content is not a value system; the
            message lists every problem found with its file, value, field and fix.
    """
    if name_or_path in available_value_systems():
        entry = files("valuescope.values").joinpath(f"{name_or_path}.toml")
        return _parse(entry.read_bytes(), file=entry.name)
    path = Path(name_or_path)
    if not path.exists():
        raise ValueSystemError(
            f"no value system {str(name_or_path)!r}: it is neither built in nor a file; give one of "
            f"{', '.join(available_value_systems())} or the path of a .toml file"
        )
    with told_as(ValueSystemError):
        content = read_bytes(path, TOML_BYTES)
    return _parse(content, file=str(path))


def _parse(content: bytes, *, file: str) -> ValueSystem:
    table = parse_table(content, file=file)
    problems = problems_in(table)
    if problems:
        raise problems_error(file, problems)
    return _build(table)


def _build(table: SystemTable) -> ValueSystem:
    values = {
        value.id: Value(
            id=value.id,
            level=value.level,
            names=MappingProxyType(value.names),
            definition=MappingProxyType(value.definition),
            parents=tuple(value.parents),
            opposites=tuple(value.opposites),
            in_paper=value.in_paper,
            note=value.note,
        )
        for value in table.values
    }
    return ValueSystem(
        id=table.id,
        names=MappingProxyType(table.names),
        languages=tuple(table.languages),
        levels=tuple(level.id for level in table.levels),
        level_names=MappingProxyType({level.id: MappingProxyType(level.names) for level in table.levels}),
        values=MappingProxyType(values),
        circle=tuple(table.circle.order) if table.circle else (),
        grouping=table.grouping,
        groupings=MappingProxyType(_groupings(table)),
    )


def _groupings(table: SystemTable) -> dict[str, Mapping[str, tuple[str, ...]]]:
    """All groupings by name, the one written in the values' parents first."""
    if table.grouping is None:
        return {}
    written = {
        group.id: tuple(value.id for value in table.values if group.id in value.parents)
        for group in table.values
        if group.level == table.levels[0].id
    }
    others = {
        name: MappingProxyType({group: tuple(ids) for group, ids in members.items()})
        for name, members in table.groupings.items()
    }
    return {table.grouping: MappingProxyType(written), **others}
