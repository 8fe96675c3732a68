"""Model names: `<model>`, `<model>@<edit hash>` and `<model>@<edit hash>:<strength>`.

Inspect keeps cached answers by name, so the name says which edit is meant, and how strongly.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from valuescope.edit import Edit
from valuescope.models import NeuronModel

PROVIDER = "valuescope"
SHORTEST_HASH = 8
_WRITTEN_HASH = 12


class ProviderError(ValueError):
    """A model name, an edit or a setting that the provider cannot serve."""


@dataclass(frozen=True)
class Selection:
    """What a name asks for: a model, the beginning of an edit's hash, and a strength where the name gives one."""

    model: str
    edit: str | None = None
    strength: float | None = None


def model_name(model: str | NeuronModel, edit: Edit | None = None) -> str:
    """The name under which Inspect finds a model (an id, a folder or a loaded one) with an edit, as `inspect eval
    --model` takes it.

    The hash is that of the edit at strength 1; any other strength follows it.
    """
    given = model.identity.id if isinstance(model, NeuronModel) else model
    path = Path(given).expanduser()
    name = f"{PROVIDER}/{path.resolve() if path.exists() else given}"
    if edit is None:
        return name
    strength = "" if edit.strength == 1 else f":{edit.strength:g}"
    if strength and float(strength[1:]) != edit.strength:  # more digits than %g writes
        strength = f":{edit.strength!r}"
    return f"{name}@{edit.scaled(1.0).hash[:_WRITTEN_HASH]}{strength}"


def parse_name(name: str) -> Selection:
    """Read a name (without `valuescope/`); ProviderError where what follows the `@` is no edit."""
    model, at, tail = name.rpartition("@")
    if not at or "/" in tail or Path(name).expanduser().exists():  # the @ belongs to a path
        return Selection(name)
    edit, colon, strength = tail.partition(":")
    if not model or not re.fullmatch(rf"[0-9a-f]{{{SHORTEST_HASH},64}}", edit):
        raise ProviderError(
            f"model name {name!r}: after @ comes the hash of an edit, at least {SHORTEST_HASH} of its hexadecimal "
            f"digits in lower case, not {edit!r}; valuescope.provider.model_name writes such names"
        )
    return Selection(model, edit, _strength(name, strength) if colon else None)


def _strength(name: str, text: str) -> float:
    try:
        strength = float(text)
    except ValueError:
        strength = math.nan
    if not math.isfinite(strength) or strength < 0:
        raise ProviderError(
            f"model name {name!r}: after the edit's hash and : comes its strength, a number of at least 0, not {text!r}"
        )
    return strength
