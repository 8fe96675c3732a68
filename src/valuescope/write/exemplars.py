"""Baseline descriptions of the atomic values, written for this project: what generated descriptions are shown as a model."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def exemplars() -> Mapping[tuple[str, str], str]:
    """(atomic value, stance "for" or "against") -> its description in English (ValueLocate, section 3: curated baselines)."""
    text = files("valuescope.write").joinpath("prompts", "exemplars.toml").read_text(encoding="utf-8")
    return {
        (atomic, stance): description
        for atomic, by_stance in tomllib.loads(text).items()
        for stance, description in by_stance.items()
    }
