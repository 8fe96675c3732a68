"""What a provider answers with: an engine, shared by all that ask one loaded model, and an edit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

from valuescope.edit import Edit, Scope
from valuescope.files import sha256_of
from valuescope.generate import Engine
from valuescope.models import Chat, NeuronModel, load_model
from valuescope.provider.edit_files import find_edit
from valuescope.provider.model_args import LoadSettings, ModelArgs
from valuescope.provider.model_names import PROVIDER, ProviderError, parse_name
from valuescope.version import __version__

_LOCK = Lock()
_ENGINES: dict[Hashable, SharedEngine] = {}


@dataclass(eq=False)
class SharedEngine:
    """An engine and the number of those who use it."""

    key: Hashable
    engine: Engine
    users: int = 0

    @property
    def connections(self) -> int:
        """How many may ask at once: twice the rows, so that a finished row is followed by one that waits. With as many
        as there are rows the batch runs half empty, for Inspect takes longer to go on than the engine."""
        return 2 * self.engine.max_rows

    def retain(self) -> bool:
        """One user more; False where the engine has ended."""
        with _LOCK:
            if _ENGINES.get(self.key) is not self:
                return False
            self.users += 1
            return True

    def release(self) -> None:
        """One user less; with the last one the engine ends, after what it has begun."""
        with _LOCK:
            self.users -= 1
            if self.users > 0 or _ENGINES.get(self.key) is not self:
                return
            del _ENGINES[self.key]
        self.engine.close()


def shared_engine(
    model: str | NeuronModel, load: LoadSettings | None = None, max_rows: int | None = None
) -> SharedEngine:
    """The engine of a model in memory, or of an id or folder as `load` says, loaded at the first call.

    Counts as one user until `release`. ProviderError where the model already runs with another `max_rows`.
    """
    if isinstance(model, NeuronModel):
        return _shared(model, lambda: model, max_rows)
    load = load or LoadSettings()
    path = Path(model).expanduser()
    name = str(path.resolve()) if path.exists() else model
    return _shared((name, load), lambda: load_model(name, **asdict(load)), max_rows)


def unload() -> None:
    """End all engines and let go of their models; answers that are being written fail.

    Inspect keeps the models that it has made: those do not answer any more, so make new ones.
    """
    with _LOCK:
        engines = list(_ENGINES.values())
        _ENGINES.clear()
    for shared in engines:
        shared.engine.close(drain=False)


def _shared(key: Hashable, model: Callable[[], NeuronModel], max_rows: int | None) -> SharedEngine:
    with _LOCK:
        shared = _ENGINES.get(key)
        if shared is None:
            engine = Engine(model(), **({} if max_rows is None else {"max_rows": max_rows}))
            shared = _ENGINES[key] = SharedEngine(key, engine)
        elif max_rows not in (None, shared.engine.max_rows):
            raise ProviderError(
                f"max_rows is {max_rows}, but {shared.engine.model.identity.id} already runs with {shared.engine.max_rows} "
                "rows in this process: give the same number everywhere, or call valuescope.provider.unload() first"
            )
        shared.users += 1
        return shared


@dataclass(frozen=True, eq=False)
class Source:
    """An engine with the edit that answers are given under, and how conversations are put to its model."""

    shared: SharedEngine
    edit: Edit | None = None
    on: Scope = "both"
    force: bool = False
    chat: Chat = field(default_factory=Chat)

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
            "chat": asdict(self.chat),
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
        spoken_to = shared.engine.model if args.chat is None else shared.engine.model.with_chat(args.chat)
        source = Source(shared, edit, args.on, args.force, spoken_to.prompts.fixed())
        live = _LIVE.get(source.handle)
        if live is None or live.shared is not shared:
            _LIVE[source.handle] = live = source
        return live
    except BaseException:
        shared.release()
        raise
