"""One engine per loaded model and process, whatever number of providers asks it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock

from valuescope.generate import Engine
from valuescope.models import NeuronModel, load_model
from valuescope.provider.model_args import LoadSettings
from valuescope.provider.names import ProviderError

_LOCK = Lock()
_ENGINES: dict[Hashable, SharedEngine] = {}


class SharedEngine:
    """An engine and the number of those who use it."""

    def __init__(self, key: Hashable, engine: Engine, max_rows: int) -> None:
        self.key = key
        self.engine = engine
        self.max_rows = max_rows
        self.users = 0

    @property
    def connections(self) -> int:
        """How many may ask at once: twice the rows, so that a finished row is followed by one that waits. With as many
        as there are rows the batch runs half empty, for Inspect takes longer to go on than the engine."""
        return 2 * self.max_rows

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
    folder = Path(model).expanduser()
    name = str(folder.resolve()) if folder.is_dir() else model

    def loaded() -> NeuronModel:
        return load_model(
            name,
            dtype=load.dtype,
            device=load.device,
            device_map=load.device_map,
            attn_implementation=load.attn_implementation,
            revision=load.revision,
            trust_remote_code=load.trust_remote_code,
        )

    return _shared((name, load), loaded, max_rows)


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
            rows = {} if max_rows is None else {"max_rows": max_rows}
            engine = Engine(model(), **rows)
            shared = _ENGINES[key] = SharedEngine(key, engine, engine.max_rows)
        elif max_rows not in (None, shared.max_rows):
            raise ProviderError(
                f"max_rows is {max_rows}, but {shared.engine.model.identity.id} already runs with {shared.max_rows} "
                "rows in this process: give the same number everywhere, or call valuescope.provider.unload() first"
            )
        shared.users += 1
        return shared
