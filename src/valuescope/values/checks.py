"""What a value system's file must satisfy beyond its shape: ids, languages, tree, circle, opposites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from valuescope.values.schema import SystemTable, ValueTable, problem
from valuescope.values.system import known


def problems_in(table: SystemTable) -> list[str]:
    """All problems of a file of the right shape, in the order of the file.

    Duplicates come alone, since every other check would speak about the wrong one of the two.
    """
    duplicates = list(_duplicates(table))
    if duplicates:
        return duplicates
    return [*_texts(table), *_tree(table), *_circle(table), *_opposites(table), *_groupings(table)]


def _duplicates(table: SystemTable) -> Iterator[str]:
    for language in _repeated(table.languages):
        yield problem("languages", f"names {language!r} more than once; name it once")
    for level in _repeated(level.id for level in table.levels):
        yield problem("levels", f"two levels have the id {level!r}; rename one")
    for value in _repeated(value.id for value in table.values):
        yield problem("id", "more than one value has this id; rename or remove the others", value=value)
    for entry in table.values:
        for field in ("parents", "opposites"):
            for name in _repeated(getattr(entry, field)):
                yield problem(field, f"names {name!r} more than once; name it once", value=entry.id)


def _texts(table: SystemTable) -> Iterator[str]:
    """Names in every language; definitions in every language that the level requires."""
    languages = table.languages
    required = {}
    yield from _languages("names", table.names, languages, languages)
    for level in table.levels:
        yield from _languages(f"levels.{level.id}.names", level.names, languages, languages)
        required[level.id] = languages if level.definitions is None else level.definitions
        for language in required[level.id]:
            if language not in languages:
                yield problem(f"levels.{level.id}.definitions", _undeclared(language, languages))
    for value in table.values:
        needed = required.get(value.level, ())
        yield from _languages("names", value.names, languages, languages, value.id)
        yield from _languages("definition", value.definition, needed, languages, value.id)


def _languages(
    field: str, texts: Mapping[str, str], needed: Iterable[str], declared: list[str], value: str = ""
) -> Iterator[str]:
    for language in needed:
        if language not in texts and language in declared:
            yield problem(f"{field}.{language}", "is missing; write the text in this language", value=value)
    for language in texts:
        if language not in declared:
            yield problem(f"{field}.{language}", _undeclared(language, declared), value=value)


def _undeclared(language: str, declared: list[str]) -> str:
    return (
        f"language {language!r} is not among the file's languages {declared}; add it there or remove it here"
    )


def _tree(table: SystemTable) -> Iterator[str]:
    """Every value has a known level; its parents exist, are of the level above, and lead to no cycle."""
    levels = [level.id for level in table.levels]
    values = {value.id: value for value in table.values}
    used = {value.level for value in table.values}
    for level in levels:
        if level not in used:
            yield problem("levels", f"no value is of level {level!r}; add one or remove the level")
    for value in table.values:
        if value.level not in levels:
            yield problem(
                "level", f"unknown level {value.level!r}; {known(value.level, tuple(levels))}", value=value.id
            )
            continue
        depth = levels.index(value.level)
        if depth == 0 and value.parents:
            yield problem("parents", f"{value.level!r} is the top level; remove the parents", value=value.id)
            continue
        if depth > 0 and not value.parents:
            text = f"is missing; name at least one value of level {levels[depth - 1]!r}"
            yield problem("parents", text, value=value.id)
        for parent in value.parents:
            if parent not in values:
                yield problem("parents", f"no value {parent!r}; {known(parent, values)}", value=value.id)
            elif _leads_to(parent, value.id, values):
                text = f"{parent!r} leads back to {value.id!r}; remove one of the links of this cycle"
                yield problem("parents", text, value=value.id)
            elif values[parent].level != levels[depth - 1]:
                text = (
                    f"{parent!r} is of level {values[parent].level!r}; "
                    f"name a value of level {levels[depth - 1]!r}, the one above {value.level!r}"
                )
                yield problem("parents", text, value=value.id)


def _leads_to(start: str, goal: str, values: Mapping[str, ValueTable]) -> bool:
    """Whether going from value to parent reaches `goal` from `start`."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        value = ahead.pop()
        if value == goal:
            return True
        if value in values and value not in seen:
            seen.add(value)
            ahead += values[value].parents
    return False


def _circle(table: SystemTable) -> Iterator[str]:
    """The circle holds every value of its level exactly once."""
    if table.circle is None:
        return
    levels = tuple(level.id for level in table.levels)
    level, order = table.circle.level, table.circle.order
    if level not in levels:
        yield problem("circle.level", f"unknown level {level!r}; {known(level, levels)}")
        return
    members = tuple(value.id for value in table.values if value.level == level)
    for value in _repeated(order):
        yield problem("circle.order", "stands on the circle more than once; name it once", value=value)
    for value in order:
        if value not in members:
            yield problem(
                "circle.order", f"is not a value of level {level!r}; {known(value, members)}", value=value
            )
    for value in members:
        if value not in order:
            yield problem("circle.order", "is missing from the circle; add it at its place", value=value)


def _opposites(table: SystemTable) -> Iterator[str]:
    """Opposites exist, are of the same level, are not the value itself, and name each other."""
    values = {value.id: value for value in table.values}
    for value in table.values:
        for opposite in value.opposites:
            if opposite not in values:
                text = f"no value {opposite!r}; {known(opposite, values)}"
            elif opposite == value.id:
                text = "names the value itself; remove it"
            elif values[opposite].level != value.level:
                text = f"{opposite!r} is of level {values[opposite].level!r}, not {value.level!r}; remove it"
            elif value.id not in values[opposite].opposites:
                text = (
                    f"{opposite!r} does not name it back; add {value.id!r} to the opposites of {opposite!r}"
                )
            else:
                continue
            yield problem("opposites", text, value=value.id)


def _groupings(table: SystemTable) -> Iterator[str]:
    """A further grouping puts every value of the second level under values of the first."""
    if not table.groupings:
        return
    if table.grouping is None:
        yield problem("grouping", "is missing; name the grouping that the values' parents follow")
    if table.grouping in table.groupings:
        yield problem(
            f"groupings.{table.grouping}", "is the one in the values' parents; remove it here or rename one"
        )
    if len(table.levels) < 2:
        yield problem(
            "groupings", "needs two levels, groups above values; add a level or remove the groupings"
        )
        return
    groups, members = (
        tuple(value.id for value in table.values if value.level == level.id) for level in table.levels[:2]
    )
    for name, grouping in table.groupings.items():
        field = f"groupings.{name}"
        for group, ids in grouping.items():
            if group not in groups:
                text = f"{group!r} is not of level {table.levels[0].id!r}; {known(group, groups)}"
                yield problem(field, text)
            for value in ids:
                if value not in members:
                    text = f"is not of level {table.levels[1].id!r}; {known(value, members)}"
                    yield problem(f"{field}.{group}", text, value=value)
        for value in members:
            if not any(value in ids for ids in grouping.values()):
                yield problem(field, "stands in no group; add it to one", value=value)


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
