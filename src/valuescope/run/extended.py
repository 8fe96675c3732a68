"""Specification files that extend another one: `base` names it, and what both say is settled by the file that extends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from valuescope.input_files import YAML_BYTES, read_text, told_as
from valuescope.lab.strict import SpecError
from valuescope.run.yaml_text import read_yaml

BASE = "base"
OF_OWN_NAMES = ("methods", "selections")
"""Keys whose entries the user names: one that is null there leaves out what the base has under that name."""


@dataclass(frozen=True)
class Extended:
    """A specification with all that it extends, put together: `content` holds no `base`. `files`: what each file says by
    itself, the one that was asked for first."""

    content: dict[str, Any]
    files: tuple[tuple[Path, Mapping[str, Any]], ...]

    def origin(self, place: Sequence[Any]) -> str:
        """The file that says what stands at a place such as ("methods", "neva", "edit"): of those that say most of the
        way there the first."""
        return str(max(self.files, key=lambda file: _depth(file[1], place))[0])


def read_extended(path: Path) -> Extended:
    """Read a specification and, one after the other, what it extends.

    `base` is relative to the file that names it. Mappings are put together key by key; a list or a single setting stands in
    place of the base's. No base lies outside of the folder above the one of `path`.

    Raises:
        SpecError: names the file that cannot be read, is no YAML or no mapping, names a base that is none or lies
            outside, or extends itself.
    """
    files, known = list[tuple[Path, Mapping[str, Any]]](), set[Path]()
    root, here = path.resolve().parent.parent, path
    while True:
        content = _read(here)
        known.add(here.resolve())
        base = content.pop(BASE, None)
        files.append((here, content))
        if base is None:
            return Extended(_together([content for _, content in files]), tuple(files))
        if not isinstance(base, str) or not base or Path(base).is_absolute():
            raise SpecError(
                f"{here}: base: give the path of a specification, relative to this file (given: {base!r})"
            )
        there = here.parent / base
        if not there.resolve().is_relative_to(root):
            raise SpecError(f"{here}: base: {base!r} lies outside of {root}; put it there, or beside {path}")
        if there.resolve() in known:
            raise SpecError(f"{here}: base: {base!r} extends this file in turn; take one of the two out")
        if not there.is_file():
            raise SpecError(f"{here}: base: {base!r} is no file ({there})")
        here = there


def _read(path: Path) -> dict[str, Any]:
    with told_as(SpecError):
        text = read_text(path, YAML_BYTES)
    try:
        content = read_yaml(text)
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not YAML: {error}; correct it there") from error
    if not isinstance(content, dict):
        raise SpecError(
            f"{path}: a specification is a mapping of names to settings, found {type(content).__name__}; "
            "write keys such as model, values, data and methods"
        )
    return content


def _together(contents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Contents put together, the first of them over all others."""
    whole = dict[str, Any]()
    for content in reversed(contents):
        whole = _over(whole, content)
        for key in OF_OWN_NAMES:
            if isinstance(whole.get(key), dict):
                whole[key] = {name: entry for name, entry in whole[key].items() if entry is not None}
    return whole


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _over(below[key], given)
        for key, given in above.items()
        if isinstance(given, Mapping) and isinstance(below.get(key), Mapping)
    }
    return {**below, **above, **both}


def _depth(content: Any, place: Sequence[Any]) -> int:
    """How many steps of a place a content goes along."""
    for step, key in enumerate(place):
        known: Any = range(len(content)) if isinstance(content, list) else content
        if not isinstance(content, Mapping | list) or key not in known:
            return step
        content = content[key]
    return len(place)
