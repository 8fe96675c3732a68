"""Neurons found for one value, as a value: immutable, combinable, and a file that knows its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from valuescope.activations.tensor_file import TensorRecord
from valuescope.files import sha256_of
from valuescope.locate.layer_tensors import LayerTensors
from valuescope.models import ModelIdentity, NeuronModel

SITES = ("gate", "product", "mixed")


class NeuronSetError(ValueError):
    """A neuron set is not well formed, or does not belong to the model (or set) it meets."""


@dataclass(frozen=True, eq=False)
class NeuronSet(TensorRecord):
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

    kind: ClassVar[str] = "neuron set"
    error: ClassVar[type[ValueError]] = NeuronSetError
    lacks: ClassVar[str] = "the manifest lacks {names}; save the set again"
    sealed: ClassVar[bool] = True

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

    def _repr_html_(self) -> str:
        """The neurons of largest |score| as a table, for notebooks."""
        top = self.top(20)
        cells = zip(
            top.layers.tolist(), top.indices.tolist(), top.scores.tolist(), top.signs.tolist(), strict=True
        )
        rows = sorted(cells, key=lambda row: -abs(row[2]))
        body = "".join(
            f"<tr><td>{layer}</td><td>{index}</td><td>{score:.4f}</td><td>{sign:+d}</td></tr>"
            for layer, index, score, sign in rows
        )
        more = f"<p>and {len(self) - len(top)} more</p>" if len(self) > len(top) else ""
        titles = "".join(f"<th>{title}</th>" for title in ("layer", "index", "score", "sign"))
        return f"<p>{escape(repr(self))}</p><table><tr>{titles}</tr>{body}</table>{more}"

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with a row per neuron: value, layer, index, score, sign. Needs pandas."""
        import pandas

        columns = {"layer": self.layers, "index": self.indices, "score": self.scores, "sign": self.signs}
        return pandas.DataFrame(
            {"value": self.value, **{name: tensor.numpy() for name, tensor in columns.items()}}
        )

    @property
    def flat(self) -> Tensor:
        """`layer * width + index` of every neuron, ascending, int64 [n]."""
        return self.layers * self.model.width + self.indices

    def __or__(self, other: NeuronSet) -> NeuronSet:
        """Neurons of either set; where both have one, the left's score and sign stay."""
        added = other._part(~torch.isin(other.flat, self.flat))
        joined = {name: torch.cat([tensor, added[name]]) for name, tensor in self._tensors().items()}
        return self._combined("|", other, joined)

    def __and__(self, other: NeuronSet) -> NeuronSet:
        """Neurons of both sets, with the left's score and sign."""
        return self._combined("&", other, self._part(torch.isin(self.flat, other.flat)))

    def __sub__(self, other: NeuronSet) -> NeuronSet:
        """Neurons of the left set that the right one does not have."""
        return self._combined("-", other, self._part(~torch.isin(self.flat, other.flat)))

    def top(self, n: int) -> NeuronSet:
        """The n neurons of largest |score| (all where n is larger); ties go to the lower (layer, index)."""
        if n < 0:
            raise NeuronSetError(f"{self.value}: top({n}); n must not be negative")
        keep = torch.argsort(self.scores.abs(), descending=True, stable=True)[:n]
        return replace(self, parameters={**self.parameters, "top": n}, **self._part(keep))

    def only(self, place: int) -> NeuronSet:
        """The neuron at `place` (from 0, in the set's order) alone."""
        return replace(
            self, parameters={**self.parameters, "only": place}, **self._part(torch.tensor([place]))
        )

    def require(self, model: NeuronModel, *, force: bool = False) -> None:
        """Raise NeuronSetError unless the set was found in this very model (by fingerprint).

        `force` allows other weights of the same shape, as a fine-tuned checkpoint has; never another shape.
        """
        mine, its = self.model, model.identity
        if mine.fingerprint == its.fingerprint:
            return
        both = mine.against(its)
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

    def _part(self, keep: Tensor) -> dict[str, Any]:
        return {name: tensor[keep] for name, tensor in self._tensors().items()}

    def _combined(
        self, sign: Literal["|", "&", "-"], other: NeuronSet, tensors: Mapping[str, Any]
    ) -> NeuronSet:
        if self.model.fingerprint != other.model.fingerprint:
            raise NeuronSetError(
                f"{self.value} {sign} {other.value}: the sets come from different models, "
                f"{self.model.named} and {other.model.named}; combine sets of one model"
            )
        site = self.site if self.site == other.site else "mixed"
        return replace(self, site=site, **combined_origin(self, sign, other), **tensors)


def combined_origin(
    left: NeuronSet | LayerTensors, sign: str, right: NeuronSet | LayerTensors
) -> dict[str, Any]:
    """Value, method, parameters and data hash of two combined sets (or vectors); what both have alike stays."""

    def joined(mine: str, its: str) -> str:
        return mine if mine == its else f"{mine} {sign} {its}"

    hashes = [left.data_hash, right.data_hash]
    return {
        "value": joined(left.value, right.value),
        "method": joined(left.method, right.method),
        "parameters": {"operation": sign, "left": left.hash, "right": right.hash},
        "data_hash": left.data_hash if len(set(hashes)) == 1 else sha256_of(hashes),
    }
