"""The phrases by which a reply speaks of words that are not its own verdict (`reported.toml`)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

_BEGINS = {
    "en": r"""(?:(?<![A-Za-z])(?=[A-Za-z])|(?=["'), -]))""",
    "zh": r"""(?=["\u4e00-\u9fff, ])""",
}
"""Where a phrase of a language can begin; most places are passed over by it."""


@dataclass(frozen=True)
class Phrases:
    """The patterns of `reported.toml`, all languages in one."""

    reported: re.Pattern[str]
    pointing_back: re.Pattern[str]
    of_the_last: re.Pattern[str]
    own_again: re.Pattern[str]
    question: re.Pattern[str]
    reasons: re.Pattern[str]


@lru_cache(maxsize=1)
def phrases() -> Phrases:
    """The patterns, read once."""
    languages = tomllib.loads(files("valuescope.judge.reply").joinpath("reported.toml").read_text("utf-8"))
    patterns = dict[str, re.Pattern[str]]()
    for name in Phrases.__dataclass_fields__:
        alternatives = []
        for language, words in languages.items():
            entries = [words[name]] if isinstance(words[name], str) else words[name]
            alternatives.append(rf"{_BEGINS[language]}(?:{'|'.join(entries)})")
        patterns[name] = re.compile("|".join(alternatives), re.IGNORECASE)
    return Phrases(**patterns)
