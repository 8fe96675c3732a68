"""Whether a reply declines to answer."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files

OPENING = 1000
"""Characters within which a refusal stands; what comes later is about something else."""

_QUOTATION = re.compile(r'"[^"\n]*"')


def is_refusal(text: str) -> bool:
    """Whether the opening of a reply, in the form of `reply_text`, says in the first person that it declines."""
    return _refusal().search(_QUOTATION.sub(" ", text[:OPENING])) is not None


@lru_cache(maxsize=1)
def _refusal() -> re.Pattern[str]:
    phrases = tomllib.loads(files("valuescope.judge.reply").joinpath("refusals.toml").read_text("utf-8"))
    return re.compile("|".join(phrase for language in phrases.values() for phrase in language), re.IGNORECASE)
