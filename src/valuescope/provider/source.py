"""What a provider answers with: an engine, an edit, and who the two are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from valuescope.edit import Edit, Scope
from valuescope.files import sha256_of
from valuescope.models import NeuronModel
from valuescope.provider.edit_files import find_edit
from valuescope.provider.model_args import ModelArgs
from valuescope.provider.names import PROVIDER, parse_name
from valuescope.provider.sharing import SharedEngine, shared_engine
from valuescope.version import __version__


@dataclass(frozen=True, eq=False)
class Source:
    """An engine with the edit that answers are given under."""

    shared: SharedEngine
    edit: Edit | None = None
    on: Scope = "both"
    force: bool = False

    @property
    def model(self) -> NeuronModel:
        """The engine's model."""
        return self.shared.engine.model

    @property
    def identity(self) -> dict[str, Any]:
        """Everything beside prompt and GenerateConfig that an answer depends on, as JSON."""
        model = self.model
        return {
            "valuescope": __version__,
            "model": model.identity.to_dict(),
            "dtype": str(model.dtype),
            "device": model.device.type,
            "attention": getattr(model.model.config, "_attn_implementation", None),
            "template": model.tokenizer.chat_template,
            "edit": None if self.edit is None else self.edit.hash,
            "on": self.on,
        }

    @property
    def handle(self) -> str:
        """Names the identity. It serves as Inspect's base URL, which is part of its cache key where the model's
        arguments are not; and by it Inspect's copies of a model find their source again within the process."""
        return f"{PROVIDER}:{sha256_of(self.identity)[:32]}"


_LIVE: WeakValueDictionary[str, Source] = WeakValueDictionary()


def open_source(name: str, args: ModelArgs, handle: str | None = None) -> Source:
    """The source of a model name; by its `handle`, where this process has it, without a look at the name.

    The edit is looked for before the model is loaded. Counts as one user of the engine, until `source.shared.release`.
    """
    live = None if handle is None else _LIVE.get(handle)
    if live is not None and live.shared.retain():
        return live
    selection = parse_name(name)
    edit = find_edit(selection, args.edits)
    return source_of(selection.model, edit, args)


def source_of(model: str | NeuronModel, edit: Edit | None, args: ModelArgs) -> Source:
    """The source of a model with an edit; one user more.

    NeuronSetError or SteeringError where the edit belongs to another model.
    """
    shared = shared_engine(model, args.load, args.max_rows)
    try:
        if edit is not None:
            edit.require(shared.engine.model, force=args.force)
        source = Source(shared, edit, args.on, args.force)
        live = _LIVE.get(source.handle)
        if live is None or live.shared is not shared:
            _LIVE[source.handle] = live = source
        return live
    except BaseException:
        shared.release()
        raise
