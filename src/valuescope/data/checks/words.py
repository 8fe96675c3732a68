"""Words: how texts are counted, which words give a value away, and finding those in a text."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from valuescope.values import ValueSystem

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ebef"
_IS_HAN = re.compile(f"[{_HAN}]")
_CHARACTER = re.compile(f"[{_HAN}]|[0-9]+|[A-Za-z]+")
# For scripts written without spaces (kana, Han) single characters.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> list[str]:
    """The lower-cased words of a text, without punctuation; a Chinese or Japanese character is a word."""
    return _WORD.findall(text.lower())


def size(text: str, language: str) -> int:
    """Length of a text: English words, or Chinese characters.

    English: what whitespace separates, as far as it holds a letter or a digit. Chinese ("zh"): every Han character,
    every run of Latin letters and every run of digits counts one.
    """
    if language == "zh":
        return len(_CHARACTER.findall(text))
    return sum(any(map(str.isalnum, word)) for word in text.split())


def han_share(text: str) -> float:
    """Share of the letters that are Han characters; 0 for a text without letters."""
    letters = [character for character in text if character.isalpha()]
    return sum(bool(_IS_HAN.match(character)) for character in letters) / len(letters) if letters else 0.0


def language_of(text: str) -> str:
    """ "zh" where Han characters are at least a fifth of the letters, else "en" for any other script.

    Chinese texts quote Latin names, and a Latin letter is far less text than a character, hence the fifth.
    """
    return "zh" if han_share(text) >= 0.2 else "en"


def opening(text: str, language: str, length: int = 3) -> str:
    """The first `length` words of a text, lower-cased and without punctuation (Chinese: one character more)."""
    if language == "zh":
        return "".join(_CHARACTER.findall(text)[: length + 1])
    kept = ["".join(filter(str.isalnum, word)) for word in text.lower().split()]
    return " ".join([word for word in kept if word][:length])


def even(text: str) -> str:
    """A text for comparison: NFKC, so that full and half width are one, and single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def name_words(system: ValueSystem, value: str, language: str) -> tuple[str, ...]:
    """Words that are the value's own name, as patterns (see keywords.toml).

    A value that keywords.toml does not list is known by its name in the value system.
    """
    listed = _read("keywords.toml").get(system.id, {}).get(value)
    if listed is not None:
        return tuple(listed["name"].get(language, ()))
    return tuple(name.lower() for name in (system[value].names.get(language),) if name)


def key_words(system: ValueSystem, value: str, language: str) -> tuple[str, ...]:
    """The value's name and key words, as patterns, with those of all listed values below it."""
    listed = _read("keywords.toml").get(system.id, {})
    patterns = [*name_words(system, value, language), *listed.get(value, {}).get("key", {}).get(language, ())]
    for below in system.children(value):
        if below in listed:
            patterns += key_words(system, below, language)
    return tuple(dict.fromkeys(patterns))


def telltale_words() -> tuple[str, ...]:
    """Words that mark one side of a contrast pair, as patterns (see telltale.toml)."""
    return tuple(_read("telltale.toml")["telltale"])


def judging_words() -> tuple[str, ...]:
    """Qualifiers that say which way is right, as patterns (see telltale.toml)."""
    return tuple(_read("telltale.toml")["judging"])


def function_words() -> frozenset[str]:
    """English words of the closed classes, as `words` cuts them (see telltale.toml)."""
    return frozenset(_read("telltale.toml")["function"])


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
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("valuescope.data.checks").joinpath(name).read_text(encoding="utf-8"))
