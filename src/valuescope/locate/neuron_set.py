"""Neurons found for one value, as a value: immutable, combinable, and a file that knows its model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from valuescope.activations.tensor_file import load_tensor_file, save_tensor_file
from valuescope.files import sha256_of
from valuescope.models import ModelIdentity, NeuronModel

KIND = "neuron set"
SITES = ("gate", "product", "mixed")


class NeuronSetError(ValueError):
    """A neuron set is not well formed, or does not belong to the model (or set) it meets."""


@dataclass(frozen=True, eq=False)
class NeuronSet:
    """Neurons of one model related to one value, sorted by (layer, index), each at most once.

    `site` says where the statistic was taken ("gate", "product", or "mixed" for a combination of both).
    `scores` [n] float32 is the method's own number (ValueLocate: delta as a fraction; NeVA: cosine; VAPE:
    ln V - H in nats; a random control: what its partner has). `signs` [n] int8 is the role: +1 aligned
    with the value, -1 opposed. `layers` and `indices` [n] are int64. Tensors are kept on the CPU.
    Given tensors may be in any order and of any integer or float type; they are sorted and converted.
    """

    value: str
    model: ModelIdentity
    site: str
    method: str
    parameters: Mapping[str, Any]
    data_hash: str
    seed: int
    layers: Tensor
    indices: Tensor
    scores: Tensor
    signs: Tensor

    def __post_init__(self) -> None:
        if self.site not in SITES:
            raise NeuronSetError(f"{self.value}: site is {self.site!r}; it is one of {', '.join(SITES)}")
        tensors = {
            "layers": self.layers.detach().to("cpu", torch.int64),
            "indices": self.indices.detach().to("cpu", torch.int64),
            "scores": self.scores.detach().to("cpu", torch.float32),
            "signs": self.signs.detach().to("cpu", torch.int8),
        }
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if len(set(shapes.values())) != 1 or tensors["layers"].dim() != 1:
            raise NeuronSetError(f"{self.value}: tensors must be 1-D and of one length; they are {shapes}")
        for name, limit in (("layers", self.model.layers), ("indices", self.model.width)):
            outside = tensors[name][(tensors[name] < 0) | (tensors[name] >= limit)]
            if len(outside):
                raise NeuronSetError(
                    f"{self.value}: {name} holds {int(outside[0])}; {self.model.id} has 0..{limit - 1}"
                )
        if not bool(torch.isfinite(tensors["scores"]).all()):
            raise NeuronSetError(f"{self.value}: scores hold a number that is not finite")
        if not bool((tensors["signs"].abs() == 1).all()):
            raise NeuronSetError(f"{self.value}: signs must be +1 or -1")
        flat = tensors["layers"] * self.model.width + tensors["indices"]
        order = torch.argsort(flat, stable=True)
        twice = (torch.diff(flat[order]) == 0).nonzero()
        if len(twice):
            layer, index = divmod(int(flat[order][twice[0]]), self.model.width)
            raise NeuronSetError(f"{self.value}: neuron (layer {layer}, index {index}) is there twice")
        for name, tensor in tensors.items():
            object.__setattr__(self, name, tensor[order].contiguous())

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return f"NeuronSet({self.value!r}, {len(self)} neurons by {self.method}, model {self.model.id!r})"

    @property
    def flat(self) -> Tensor:
        """`layer * width + index` of every neuron, ascending, int64 [n]."""
        return self.layers * self.model.width + self.indices

    @property
    def hash(self) -> str:
        """sha256 of all that the set says; of its model the weight fingerprint counts, not the name."""
        digest = hashlib.sha256(sha256_of(self._facts()).encode())
        for tensor in (self.layers, self.indices, self.scores, self.signs):
            digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()

    def __or__(self, other: NeuronSet) -> NeuronSet:
        """Neurons of either set; where both have one, the left's score and sign stay."""
        added = other._part(~torch.isin(other.flat, self.flat))
        return self._combined(
            "|", other, *(torch.cat(pair) for pair in zip(self._tensors(), added, strict=True))
        )

    def __and__(self, other: NeuronSet) -> NeuronSet:
        """Neurons of both sets, with the left's score and sign."""
        return self._combined("&", other, *self._part(torch.isin(self.flat, other.flat)))

    def __sub__(self, other: NeuronSet) -> NeuronSet:
        """Neurons of the left set that the right one does not have."""
        return self._combined("-", other, *self._part(~torch.isin(self.flat, other.flat)))

    def top(self, n: int) -> NeuronSet:
        """The n neurons of largest |score| (all where n is larger); ties go to the lower (layer, index)."""
        if n < 0:
            raise NeuronSetError(f"{self.value}: top({n}); n must not be negative")
        keep = torch.argsort(self.scores.abs(), descending=True, stable=True)[:n]
        layers, indices, scores, signs = self._part(keep)
        parameters = {**self.parameters, "top": n}
        return replace(
            self, parameters=parameters, layers=layers, indices=indices, scores=scores, signs=signs
        )

    def require(self, model: NeuronModel, *, force: bool = False) -> None:
        """Raise NeuronSetError unless the set was found in this very model (by weight fingerprint).

        `force` allows other weights of the same shape, as a fine-tuned checkpoint has; never another shape.
        """
        mine, its = self.model, model.identity
        if mine.fingerprint == its.fingerprint:
            return
        both = f"{mine.id} (fingerprint {mine.fingerprint}), not in {its.id} (fingerprint {its.fingerprint})"
        if (mine.layers, mine.width) != (its.layers, its.width):
            raise NeuronSetError(
                f"{self.value}: these neurons were found in {both}, and the shapes differ: "
                f"{mine.layers} x {mine.width} against {its.layers} x {its.width}; locate them again here"
            )
        if not force:
            raise NeuronSetError(
                f"{self.value}: these neurons were found in {both}; "
                "load that model, locate them again, or pass force=True"
            )

    def save(self, path: Path | str) -> Path:
        """Write `<path>.safetensors` and `<path>.json`; returns the path of the JSON manifest."""
        names = ("layers", "indices", "scores", "signs")
        tensors = dict(zip(names, self._tensors(), strict=True))
        facts = {**self._facts(), "model": self.model.to_dict(), "size": len(self), "hash": self.hash}
        return save_tensor_file(path, KIND, tensors, facts)

    @classmethod
    def load(cls, path: Path | str) -> NeuronSet:
        """Read a saved set; checks that tensors and manifest belong together."""
        tensors, manifest = load_tensor_file(path, KIND)
        names = ("value", "site", "method", "parameters", "data_hash", "seed")
        missing = [name for name in (*names, "model") if name not in manifest]
        if missing:
            raise NeuronSetError(f"{path}: the manifest lacks {', '.join(missing)}; save the set again")
        facts = {name: manifest[name] for name in names}
        loaded = cls(
            **facts,
            model=ModelIdentity.from_dict(manifest["model"]),
            layers=tensors["layers"],
            indices=tensors["indices"],
            scores=tensors["scores"],
            signs=tensors["signs"],
        )
        if loaded.hash != manifest.get("hash"):
            raise NeuronSetError(
                f"{path}: the manifest was changed after it was written; its hash does not fit"
            )
        return loaded

    def _facts(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "model": self.model.fingerprint,
            "site": self.site,
            "method": self.method,
            "parameters": dict(self.parameters),
            "data_hash": self.data_hash,
            "seed": self.seed,
        }

    def _tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.layers, self.indices, self.scores, self.signs

    def _part(self, keep: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.layers[keep], self.indices[keep], self.scores[keep], self.signs[keep]

    def _combined(
        self,
        sign: Literal["|", "&", "-"],
        other: NeuronSet,
        layers: Tensor,
        indices: Tensor,
        scores: Tensor,
        signs: Tensor,
    ) -> NeuronSet:
        if self.model.fingerprint != other.model.fingerprint:
            raise NeuronSetError(
                f"{self.value} {sign} {other.value}: the sets come from different models, "
                f"{self.model.id} (fingerprint {self.model.fingerprint}) and {other.model.id} "
                f"(fingerprint {other.model.fingerprint}); combine sets of one model"
            )

        def joined(left: str, right: str) -> str:
            return left if left == right else f"{left} {sign} {right}"

        return NeuronSet(
            value=joined(self.value, other.value),
            model=self.model,
            site=self.site if self.site == other.site else "mixed",
            method=joined(self.method, other.method),
            parameters={"operation": sign, "left": self.hash, "right": other.hash},
            data_hash=self.data_hash
            if self.data_hash == other.data_hash
            else sha256_of([self.data_hash, other.data_hash]),
            seed=self.seed,
            layers=layers,
            indices=indices,
            scores=scores,
            signs=signs,
        )
