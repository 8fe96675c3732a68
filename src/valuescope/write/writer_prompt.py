"""The prompts of the writers, with a version and a hash each, and the scenes that keep texts apart."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from valuescope.files import sha256_of


class WriteError(RuntimeError):
    """A set that cannot be written as asked; the message names the parameter, its value and the fix."""


@dataclass(frozen=True)
class WriterPrompt:
    """One prompt. Its fields are `{field}`; `version` goes up whenever the wording changes."""

    name: str
    version: int
    purpose: str
    system: str
    template: str

    @property
    def hash(self) -> str:
        """sha256 over all that the prompt holds."""
        return sha256_of(asdict(self))

    @property
    def id(self) -> str:
        """Name, version and the start of the hash: "stories v1 3f9a2c81"."""
        return f"{self.name} v{self.version} {self.hash[:8]}"

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields."""
        return frozenset(field for _, field, _, _ in string.Formatter().parse(self.template) if field)

    def render(self, values: Mapping[str, str]) -> str:
        """The template with its fields filled in; further values are left unused.

        Raises:
            WriteError: a field has no value.
        """
        if missing := sorted(self.fields - set(values)):
            raise WriteError(f"prompt {self.name!r}: field {missing[0]!r} is absent; give it")
        return self.template.format_map(values)


@cache
def writer_prompts() -> Mapping[str, WriterPrompt]:
    """name -> prompt, of all files of prompts."""
    found = dict[str, WriterPrompt]()
    for file in ("c-voice", "valueinsight", "contrast", "questions", "repair"):
        for name, table in _read(f"{file}.toml").items():
            found[name] = WriterPrompt(
                name,
                table["version"],
                table["purpose"],
                system=table["system"].strip(),
                template=table["template"].strip(),
            )
    return found


@cache
def scene_lists() -> Mapping[str, tuple[str, ...]]:
    """`people` and `places`, equally many, and the `topics` of situational questions."""
    return {name: tuple(entries) for name, entries in _read("scenes.toml").items()}


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("valuescope.write").joinpath("prompts", name).read_text(encoding="utf-8"))
