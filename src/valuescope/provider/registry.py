"""What Inspect's entry point loads: the provider's name, and nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspect_ai.model import modelapi

if TYPE_CHECKING:
    from inspect_ai.model import ModelAPI


@modelapi(name="valuescope")
def valuescope() -> type[ModelAPI]:
    """The provider's class, imported when a model of it is first asked for."""
    from valuescope.provider.api import ValuescopeAPI

    return ValuescopeAPI
