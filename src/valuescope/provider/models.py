"""Inspect models from Python, also of models and edits that are no files."""

from __future__ import annotations

from typing import Any

from inspect_ai.model import CachePolicy, GenerateConfig, Model, get_model

from valuescope.edit import Edit, Scope
from valuescope.models import NeuronModel
from valuescope.provider.api import ValuescopeAPI
from valuescope.provider.model_args import read_model_args
from valuescope.provider.names import ProviderError, model_name
from valuescope.provider.source import source_of


def inspect_model(
    model: str | NeuronModel,
    edit: Edit | None = None,
    *,
    on: Scope = "both",
    force: bool = False,
    max_rows: int | None = None,
    **config: Any,
) -> Model:
    """A model for Inspect's `eval`, `get_model` and graders: an id, a folder or a loaded model, with an edit or without.

    All models of one id, folder or loaded model share one engine, so evaluate base and edited ones together and their
    samples share batches. `config` are fields of Inspect's GenerateConfig (temperature=0, seed=1, ...);
    `max_connections` is twice the engine's `max_rows` unless given. `on` and `force` are those of `generate`.
    """
    # Inspect writes the arguments into its logs, so only those that say something.
    args: dict[str, Any] = {} if max_rows is None else {"max_rows": max_rows}
    args |= {} if on == "both" else {"on": on}
    args |= {"force": True} if force else {}
    source = source_of(model, edit, read_model_args(args))
    try:
        return get_model(
            model_name(model, edit),
            config=GenerateConfig(**{"max_connections": source.shared.connections, **config}),
            base_url=source.handle,
            memoize=False,
            **args,
        )
    finally:
        source.shared.release()  # the model that was made has taken its own share


def cache_policy(model: Model, *, expiry: str | None = None, per_epoch: bool = True) -> CachePolicy:
    """Inspect's cache for answers of a valuescope model: without an end, and kept apart by everything that they depend
    on (weights, edit, version, ...), which the name alone does not say."""
    if not isinstance(model.api, ValuescopeAPI):
        raise ProviderError(f"{model} is no valuescope model: use Inspect's own CachePolicy(...)")
    return CachePolicy(
        expiry=expiry,
        per_epoch=per_epoch,
        scopes={name: str(value) for name, value in model.api.identity.items()},
    )
