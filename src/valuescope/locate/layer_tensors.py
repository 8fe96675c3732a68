"""What was found in the residual stream for one value: tensors per layer, and a file that knows its model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from valuescope.activations.tensor_file import TensorRecord
from valuescope.files import sha256_of
from valuescope.models import ModelIdentity, NeuronModel


class SteeringError(ValueError):
    """Directions of the residual stream are not well formed, or do not belong to the model they meet."""


@dataclass(frozen=True, eq=False)
class LayerTensors(TensorRecord):
    """Numbers of one value at some layers of one model; the layers ascend, each is there at most once.

    `layers` int64 [n], counted from 0: the residual stream after that layer. The tensors that a subclass adds have
    one entry per layer. Given layers may be in any order; all is sorted, converted to float32 and kept on the CPU.
    """

    value: str
    model: ModelIdentity
    method: str
    parameters: Mapping[str, Any]
    data_hash: str
    seed: int
    layers: Tensor

    error: ClassVar[type[ValueError]] = SteeringError
    sealed: ClassVar[bool] = True
    wide: ClassVar[tuple[str, ...]]
    """Tensors [n, hidden]; one that is None is absent."""
    narrow: ClassVar[tuple[str, ...]] = ()
    """Tensors [n]."""

    def __post_init__(self) -> None:
        layers = self.layers.detach().to("cpu", torch.int64)
        outside = layers[(layers < 0) | (layers >= self.model.layers)]
        if layers.dim() != 1 or len(outside) or len(set(layers.tolist())) != len(layers):
            raise SteeringError(
                f"{self.value}: layers are {layers.tolist()}; give each once, "
                f"{self.model.id} has 0..{self.model.layers - 1}"
            )
        order = torch.argsort(layers)
        object.__setattr__(self, "layers", layers[order])
        hidden = getattr(self, self.wide[0]).shape[-1]
        for name, tensor in self._tensors().items():
            if name == "layers":
                continue
            shape = (len(layers), hidden) if name in self.wide else (len(layers),)
            if tuple(tensor.shape) != shape:
                raise SteeringError(
                    f"{self.value}: {name} has shape {tuple(tensor.shape)}, expected {shape}: one entry per layer"
                )
            tensor = tensor.detach().to("cpu", torch.float32)[order].contiguous()
            if not bool(tensor.isfinite().all()):
                raise SteeringError(f"{self.value}: {name} holds a number that is not finite")
            object.__setattr__(self, name, tensor)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.value!r}, layers {self.layers.tolist()} by {self.method}, "
            f"model {self.model.id!r})"
        )

    @property
    def hidden(self) -> int:
        """Width of the residual stream."""
        return int(getattr(self, self.wide[0]).shape[-1])

    @property
    def hash(self) -> str:
        """sha256 of all that is said; of the model the weight fingerprint counts, not the name."""
        digest = hashlib.sha256(sha256_of({"kind": self.kind, **self._facts()}).encode())
        for name, tensor in self._tensors().items():
            digest.update(f"{name}{tuple(tensor.shape)}".encode() + tensor.numpy().tobytes())
        return digest.hexdigest()

    def at(self, layers: Iterable[int]) -> Self:
        """The part at some layers; SteeringError names one that is not there."""
        wanted = sorted(set(layers))
        missing = sorted(set(wanted) - set(self.layers.tolist()))
        if missing:
            raise SteeringError(
                f"{self.value}: nothing at layer {missing[0]}; the layers are {self.layers.tolist()}"
            )
        keep = torch.isin(self.layers, torch.tensor(wanted, dtype=torch.int64))
        parts: dict[str, Any] = {name: tensor[keep] for name, tensor in self._tensors().items()}
        return replace(self, parameters={**self.parameters, "at": wanted}, **parts)

    def require(self, model: NeuronModel, *, force: bool = False) -> None:
        """Raise SteeringError unless this was found in this very model (by fingerprint).

        `force` allows other weights of the same shape, as a fine-tuned checkpoint has; never another shape.
        """
        mine, its = self.model, model.identity
        both = mine.against(its)
        if (mine.layers, self.hidden) != (its.layers, model.hidden):
            raise SteeringError(
                f"{self.value}: this {self.kind} was found in {both}, and the shapes differ: {mine.layers} layers of "
                f"{self.hidden} against {its.layers} of {model.hidden}; find it again here"
            )
        if mine.fingerprint != its.fingerprint and not force:
            raise SteeringError(
                f"{self.value}: this {self.kind} was found in {both}; "
                "load that model, find it again, or pass force=True"
            )

    def _tensors(self) -> dict[str, Tensor]:
        """Those that are there."""
        named = {name: getattr(self, name) for name in ("layers", *self.wide, *self.narrow)}
        return {name: tensor for name, tensor in named.items() if tensor is not None}
