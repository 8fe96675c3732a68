"""A neutral text of our own, to measure perplexity on: everyday facts and instructions that no value speaks for."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from valuescope.ability.error import AbilityError


def neutral_texts(language: str = "en") -> tuple[str, ...]:
    """Short paragraphs in English ("en", about 600 words) or Chinese ("zh", about 600 characters).

    Raises:
        AbilityError: another language.
    """
    texts = _texts()
    if language not in texts:
        raise AbilityError(f"no neutral text in {language!r}; there are {', '.join(texts)}")
    return texts[language]


@cache
def _texts() -> dict[str, tuple[str, ...]]:
    content = files("valuescope.ability").joinpath("neutral_text.json").read_text(encoding="utf-8")
    return {language: tuple(texts) for language, texts in json.loads(content).items()}
