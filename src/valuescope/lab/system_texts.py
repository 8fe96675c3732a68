"""The system messages of the system-prompt baseline: what a value's holder is told to be."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from valuescope.data import Material
from valuescope.data.dilemma_set import DilemmaSet
from valuescope.lab.strict import SpecError
from valuescope.organism import grammar
from valuescope.organism.grammar import lexicon
from valuescope.values import ValueSystem

_PAIRS = ((0, 1), (1, 2), (2, 0))
"""Which two of the organism's sentences about a value make each wording."""


def system_texts(
    system: ValueSystem,
    material: Material | DilemmaSet,
    *,
    wording: int = 0,
    language: str = "en",
    stance: Literal["for", "against"] = "for",
) -> dict[str, str]:
    """A system message for every value of the material: what somebody is told to be who holds it, or rejects it.

    On the organism's own questions the message is the description that its grammar knows; elsewhere our words for
    Schwartz's ten values, and a sentence made of name and definition for any other value.

    Raises:
        SpecError: a wording that there is none of, or a language without wordings.
    """
    if material.source == "organism":
        _require(wording, len(_PAIRS))
        return {value: _organism_text(value, stance, wording) for value in material.values}
    known = _file()
    if language not in known:
        raise SpecError(f"system-prompt: no wordings in {language!r}; there are {', '.join(known)}")
    words = known[language]
    _require(wording, len(words["wordings"]))
    texts = words.get("values" if stance == "for" else "against_values", {}).get(system.id, {})
    general = words["general" if stance == "for" else "against"]
    return {
        value: words["wordings"][wording].format(
            text=texts.get(value) or _general(general, system, value, language)
        )
        for value in material.values
    }


def _organism_text(value: str, stance: Literal["for", "against"], wording: int) -> str:
    words = lexicon().values[value]
    traits = words.devoted if stance == "for" else words.averse
    return grammar.description(value, stance, *(place % len(traits) for place in _PAIRS[wording]))


def texts_of_others(texts: Mapping[str, str], seed: int, draw: int) -> dict[str, str]:
    """The control: for every value the message of another one, drawn; empty where there is one value only."""
    if len(texts) < 2:
        return {}
    return {
        value: texts[
            random.Random(f"system-prompt-{seed}-{draw}-{value}").choice(
                [other for other in texts if other != value]
            )
        ]
        for value in texts
    }


def _general(sentence: str, system: ValueSystem, value: str, language: str) -> str:
    names, definition = system[value].names, system[value].definition
    return sentence.format(
        name=names.get(language) or names["en"],
        definition=definition.get(language) or definition.get("en", ""),
    ).strip()


def _require(wording: int, count: int) -> None:
    if not 0 <= wording < count:
        raise SpecError(f"system-prompt: wording is {wording}; there are {count}, counted from 0")


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(files("valuescope.lab").joinpath("system_texts.toml").read_text(encoding="utf-8"))
