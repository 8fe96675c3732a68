"""Systems of human values: a tree of values, with names and definitions in one or more languages."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any


class ValueSystemError(ValueError):
    """A value system that cannot be read, or a question that it cannot answer."""


@dataclass(frozen=True)
class Value:
    """One node of a value system.

    `names` and `definition` map a language to a text; `definition` may lack a language that the value's level
    does not require. `parents` are the ids of the values above it, `opposites` of those in conflict with it.
    `in_paper` is False for a value of the theory that the paper which the file follows does not list.
    """

    id: str
    level: str
    names: Mapping[str, str] = field(hash=False)
    definition: Mapping[str, str] = field(hash=False)
    parents: tuple[str, ...] = ()
    opposites: tuple[str, ...] = ()
    in_paper: bool = True
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The value as plain JSON types."""
        texts = {"names": dict(self.names), "definition": dict(self.definition)}
        return {**vars(self), **texts, "parents": list(self.parents), "opposites": list(self.opposites)}


@dataclass(frozen=True)
class ValueSystem:
    """A tree of values in levels, the top level first.

    Every method takes ids and gives ids, in the file's order; `system[id]` is the `Value`, and iterating
    yields all of them. `circle` holds the ids of one level in their circular order (the last stands beside
    the first) and is empty where the theory has none. `groupings` are the known ways to put the second
    level under the first; `grouping` names the one in force.
    """

    id: str
    names: Mapping[str, str] = field(hash=False)
    languages: tuple[str, ...]
    levels: tuple[str, ...]
    level_names: Mapping[str, Mapping[str, str]] = field(hash=False)
    values: Mapping[str, Value] = field(hash=False)
    circle: tuple[str, ...] = ()
    grouping: str | None = None
    groupings: Mapping[str, Mapping[str, tuple[str, ...]]] = field(
        hash=False, default_factory=lambda: MappingProxyType({})
    )

    def __getitem__(self, value: str) -> Value:
        if value not in self.values:
            raise ValueSystemError(f"{self.id}: no value {value!r}; {known(value, self.values)}")
        return self.values[value]

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def __iter__(self) -> Iterator[Value]:
        return iter(self.values.values())

    def __len__(self) -> int:
        return len(self.values)

    def at_level(self, level: str) -> tuple[str, ...]:
        """The ids of all values at `level`."""
        if level not in self.levels:
            raise ValueSystemError(f"{self.id}: no level {level!r}; {known(level, self.levels)}")
        return tuple(value.id for value in self if value.level == level)

    def parents(self, value: str) -> tuple[str, ...]:
        """The ids of the values directly above."""
        return self[value].parents

    def children(self, value: str) -> tuple[str, ...]:
        """The ids of the values directly below."""
        above = self[value].id
        return tuple(below.id for below in self if above in below.parents)

    def lowest_below(self, value: str) -> tuple[str, ...]:
        """The ids of the lowest values below a value, through every level; none below a lowest one."""
        below = self.children(value)
        return tuple(dict.fromkeys(leaf for child in below for leaf in self.lowest_below(child) or (child,)))

    def groups(self, value: str) -> tuple[str, ...]:
        """The ids of the top-level values that `value` stands under; a top-level value is its own group."""
        reached = {value}
        for _ in range(self.levels.index(self[value].level)):
            reached = {above for one in reached for above in self[one].parents}
        return tuple(top for top in self.at_level(self.levels[0]) if top in reached)

    def opposites(self, value: str) -> tuple[str, ...]:
        """The ids of the values that the theory sets against `value`."""
        return self[value].opposites

    def distance(self, a: str, b: str) -> int:
        """Steps between two values along the circle, the shorter way round.

        The order in the file is taken as it is, also where a theory puts two values beside each other in one
        wedge (Schwartz's conformity and tradition).
        """
        for value in (a, b):
            if self[value].id not in self.circle:
                where = f"the circle holds {', '.join(self.circle)}" if self.circle else "the system has none"
                raise ValueSystemError(f"{self.id}: {value!r} is not on the circle; {where}")
        steps = abs(self.circle.index(a) - self.circle.index(b))
        return min(steps, len(self.circle) - steps)

    def with_grouping(self, grouping: str) -> ValueSystem:
        """The same system with its second level put under the first by another of its `groupings`."""
        if grouping not in self.groupings:
            raise ValueSystemError(f"{self.id}: no grouping {grouping!r}; {known(grouping, self.groupings)}")
        members = self.groupings[grouping]
        second = self.at_level(self.levels[1])
        values = dict(self.values)
        for value in second:
            above = tuple(group for group in self.at_level(self.levels[0]) if value in members.get(group, ()))
            values[value] = replace(values[value], parents=above)
        return replace(self, values=MappingProxyType(values), grouping=grouping)

    def to_dict(self) -> dict[str, Any]:
        """The whole system as plain JSON types; equal systems give equal dictionaries."""
        return {
            "id": self.id,
            "names": dict(self.names),
            "languages": list(self.languages),
            "levels": {level: dict(self.level_names[level]) for level in self.levels},
            "values": [value.to_dict() for value in self],
            "circle": list(self.circle),
            "grouping": self.grouping,
            "groupings": {
                name: {group: list(ids) for group, ids in members.items()}
                for name, members in self.groupings.items()
            },
        }


def known(name: str, names: Mapping[str, Any] | tuple[str, ...]) -> str:
    """The end of an error message about an unknown name: a near match, or all that is known."""
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(names)}" if names else "there is none"
