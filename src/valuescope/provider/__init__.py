"""Inspect AI provider: base and edited models as `valuescope/<model>` and `valuescope/<model>@<edit hash>`.

Needs the extra `inspect`. Inspect finds the provider by its entry point, so `inspect eval` takes these names as they
are; the names below are for Python. See docs/inspect.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from valuescope.provider.api import cache_policy, inspect_model
    from valuescope.provider.model_names import ProviderError, model_name
    from valuescope.provider.source import unload

# Imported when asked for: this file is read in every run of Inspect, whatever its model, and by those without Inspect.
_HOMES = {
    "ProviderError": "model_names",
    "cache_policy": "api",
    "inspect_model": "api",
    "model_name": "model_names",
    "unload": "source",
}

__all__ = ["ProviderError", "cache_policy", "inspect_model", "model_name", "unload"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "inspect_ai":
            raise
        raise RuntimeError(
            f'{name} needs Inspect AI, which is not installed: pip install "valuescope[inspect]"'
        ) from error
    globals()[name] = value
    return value
