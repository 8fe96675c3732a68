"""A trained adapter on disk, and the block in which a model answers with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from valuescope.files import sha256_of_file
from valuescope.input_files import read_json
from valuescope.models import ModelIdentity, NeuronModel

_Row = TypeVar("_Row")
FACTS = "adapter.json"
WEIGHTS = "adapter_model.safetensors"
FILE_VERSION = 1


class TuneError(RuntimeError):
    """An adapter that cannot be trained, read or used."""


@dataclass(frozen=True)
class Adapter:
    """One value's adapter: a folder as `peft` writes it, with facts of ours beside it.

    `strength` scales what the adapter adds: 1 as trained, 0 the model as it was. `losses`: mean loss per token of every
    epoch, in nats. `hash`: sha256 of the weights' file.
    """

    value: str
    folder: Path
    model: ModelIdentity
    training: dict[str, Any]
    losses: tuple[float, ...]
    hash: str
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength) and self.strength >= 0):
            raise TuneError(f"strength of the adapter for {self.value} is {self.strength}; give 0 or more")

    @classmethod
    def load(cls, folder: Path | str) -> Adapter:
        """Read an adapter that `train_adapter` saved; TuneError names the file and what is wrong with it."""
        folder = Path(folder)
        path = folder / FACTS
        try:
            content = read_json(path)
            if content["version"] != FILE_VERSION:
                raise TuneError(f"{path}: field 'version' must be {FILE_VERSION}: train the adapter again")
            model, losses = ModelIdentity.from_dict(content["model"]), tuple(content["losses"])
            adapter = cls(content["value"], folder, model, content["training"], losses, content["hash"])
            if sha256_of_file(folder / WEIGHTS) != adapter.hash:
                raise TuneError(f"{folder / WEIGHTS}: not the weights that {FACTS} names; train them again")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TuneError(f"{path}: no adapter of ours can be read ({error}); train it again") from error
        return adapter

    def with_strength(self, strength: float) -> Adapter:
        """The same adapter at another strength."""
        return replace(self, strength=strength)


@contextmanager
def applied(model: NeuronModel, adapter: Adapter | None) -> Iterator[None]:
    """The model with an adapter inside the block (None: as it is); afterwards every module is the one that it was.

    Other threads' hooked passes wait until the block ends. The base weights are never written, so nothing has to be
    restored but the places of the modules.

    Raises:
        TuneError: for an adapter of another model, or without `peft`.
    """
    if adapter is None:
        yield
        return
    peft = require_peft()
    if adapter.model.fingerprint != model.identity.fingerprint:
        raise TuneError(
            f"{adapter.folder}: this adapter was trained in {adapter.model.against(model.identity)}; "
            "load that model, or train an adapter for this one"
        )
    with model.lock, as_it_was(model), torch.random.fork_rng():
        tuned = peft.PeftModel.from_pretrained(
            model.model, str(adapter.folder), torch_device=str(model.device)
        )
        try:
            tuned.eval()
            for module in tuned.modules():
                if isinstance(module, peft.tuners.lora.LoraLayer):
                    module.scale_layer(adapter.strength)
            yield
        finally:
            tuned.unload()


def by_adapter(
    model: NeuronModel, adapters: Sequence[Adapter | None], ask: Callable[[Sequence[int]], Sequence[_Row]]
) -> list[_Row]:
    """What `ask` gives for rows, in their order: those of one adapter together, with the adapter on the model."""
    rows = dict[tuple[str, float] | None, list[int]]()
    for row, adapter in enumerate(adapters):
        rows.setdefault(None if adapter is None else (adapter.hash, adapter.strength), []).append(row)
    answers = dict[int, _Row]()
    for places in rows.values():
        with applied(model, adapters[places[0]]):
            answers |= dict(zip(places, ask(places), strict=True))
    return [answers[row] for row in range(len(adapters))]


@contextmanager
def as_it_was(model: NeuronModel) -> Iterator[None]:
    """Give back what `peft` changes on a model beside its modules: marks of gradients, the mode, its own notes."""
    names = set(vars(model.model))
    marked = {name: parameter.requires_grad for name, parameter in model.model.named_parameters()}
    training = model.model.training
    try:
        yield
    finally:
        for name in set(vars(model.model)) - names:
            delattr(model.model, name)
        for name, parameter in model.model.named_parameters():
            parameter.requires_grad_(marked[name])
        model.model.train(training)


def require_peft() -> Any:
    """The module `peft`; TuneError says how to install it."""
    try:
        import peft
    except ImportError as error:
        raise TuneError(
            'fine-tuning with adapters needs peft: pip install "valuescope[sft]", or leave the method out'
        ) from error
    return peft
