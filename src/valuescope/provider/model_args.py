"""The provider's own settings: `-M name=value` on the command line, keywords of `get_model` in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from valuescope.edit import Scope
from valuescope.models import Chat
from valuescope.provider.model_names import ProviderError


@dataclass(frozen=True)
class LoadSettings:
    """How a model is loaded; equal settings share one model."""

    dtype: str = "auto"
    device: str | None = None
    device_map: str | None = None
    attn_implementation: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True)
class ModelArgs:
    """All settings. `max_rows` None leaves the engine's size to the engine, or to who loaded it first. `chat`: how
    conversations are put to the model (None: as the model has it)."""

    load: LoadSettings = field(default_factory=LoadSettings)
    edits: tuple[Path, ...] = ()
    max_rows: int | None = None
    on: Scope = "both"
    force: bool = False
    chat: Chat | None = None


_LOAD = tuple(setting.name for setting in fields(LoadSettings))
KNOWN = (*_LOAD, *(setting.name for setting in fields(ModelArgs) if setting.name != "load"))


def read_model_args(given: Mapping[str, Any]) -> ModelArgs:
    """The settings of a mapping; ProviderError names one that is unknown or of the wrong kind."""
    unknown = [name for name in given if name not in KNOWN]
    if unknown:
        raise ProviderError(
            f"unknown model argument {', '.join(map(repr, unknown))}; a valuescope model takes {', '.join(KNOWN)}"
        )
    for name, value in given.items():
        if name in ("trust_remote_code", "force"):
            _require(name, value, isinstance(value, bool), "true or false")
        elif name == "max_rows":
            number = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            _require(name, value, number, "a whole number of at least 1")
        elif name == "on":
            _require(name, value, value in get_args(Scope), f"one of {', '.join(get_args(Scope))}")
        elif name not in ("edits", "chat"):
            # 0 and 1234567 are numbers on a command line, where a device or a commit is meant.
            _require(name, value, value is None or isinstance(value, str), f'text, such as {name}="..."')
    rest = {name: value for name, value in given.items() if name not in (*_LOAD, "edits", "chat")}
    load = LoadSettings(**{name: given[name] for name in _LOAD if name in given})
    return ModelArgs(load=load, edits=_paths(given.get("edits", ())), chat=_chat(given.get("chat")), **rest)


def _chat(value: Any) -> Chat | None:
    """Of `-M chat="{system: none}"`."""
    if value is None or isinstance(value, Chat):
        return value
    known = tuple(setting.name for setting in fields(Chat))
    if not isinstance(value, Mapping) or set(value) - set(known):
        raise ProviderError(f"model argument chat is {value!r}, it must be a mapping of {', '.join(known)}")
    day = value.get("date")
    return Chat(**{**value, **({} if day is None else {"date": str(day)})})


def _paths(value: Any) -> tuple[Path, ...]:
    parts = value.split(",") if isinstance(value, str) else [value] if isinstance(value, Path) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, (str, Path)) for part in parts):
        raise ProviderError(f"model argument edits is {value!r}, it must be one path or several")
    return tuple(Path(part).expanduser() for part in parts if str(part))


def _require(name: str, value: Any, good: bool, rule: str) -> None:
    if not good:
        raise ProviderError(f"model argument {name} is {value!r}, it must be {rule}")
