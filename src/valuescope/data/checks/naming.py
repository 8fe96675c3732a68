"""Words that give a value away, and telltale words: finding them in texts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from valuescope.data.checks.words import language_of
from valuescope.values import ValueSystem


def name_words(system: ValueSystem, value: str, language: str) -> tuple[str, ...]:
    """Words that are the value's own name, as patterns (see keywords.toml).

    A value that keywords.toml does not list is known by its name in the value system.
    """
    listed = _keywords().get(system.id, {}).get(value)
    if listed is not None:
        return tuple(listed["name"].get(language, ()))
    return tuple(name.lower() for name in (system[value].names.get(language),) if name)


def key_words(system: ValueSystem, value: str, language: str) -> tuple[str, ...]:
    """The value's name and key words, as patterns, with those of all listed values below it."""
    listed = _keywords().get(system.id, {})
    found = [*name_words(system, value, language), *listed.get(value, {}).get("key", {}).get(language, ())]
    for below in system.children(value):
        if below in listed:
            found += key_words(system, below, language)
    return tuple(dict.fromkeys(found))


def telltale_words() -> tuple[str, ...]:
    """Words that mark one side of a contrast pair, as patterns (see telltale.toml)."""
    return tuple(_word_list("telltale"))


def judging_words() -> tuple[str, ...]:
    """Qualifiers that say which way is right, as patterns (see telltale.toml)."""
    return tuple(_word_list("judging"))


def held_words(text: str, patterns: Sequence[str], language: str | None = None) -> list[str]:
    """The words of `text` that match a pattern, as they stand in the text, in its order and each once.

    `language` is that of the patterns; by default that of the text.
    """
    if not patterns:
        return []
    expression = _expression(tuple(patterns), language or language_of(text))
    return list(dict.fromkeys(match.group() for match in expression.finditer(text)))


@cache
def _expression(patterns: tuple[str, ...], language: str) -> re.Pattern[str]:
    if language == "zh":
        return re.compile("|".join(map(re.escape, patterns)))
    return re.compile(rf"(?<!\w)(?:{'|'.join(_alternatives(patterns))})(?!\w)", re.IGNORECASE)


def _alternatives(patterns: Iterable[str]) -> Iterable[str]:
    """The longest first, so that the whole of what matches is shown."""
    for pattern in sorted(patterns, key=len, reverse=True):
        if pattern == "n't":
            yield r"\w+n['’]t"
            continue
        stem = r"[\s-]+".join(map(re.escape, pattern.removesuffix("*").split()))
        yield stem + (r"[\w-]*" if pattern.endswith("*") else r"(?:s|['’]s)?")


@cache
def _keywords() -> dict[str, dict[str, dict[str, dict[str, list[str]]]]]:
    """System, value, `name` or `key`, language: the words."""
    return _read("keywords.toml")


@cache
def _word_list(name: str) -> list[str]:
    found: list[str] = _read("telltale.toml")[name]
    return found


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("valuescope.data.checks").joinpath(name).read_text(encoding="utf-8"))
