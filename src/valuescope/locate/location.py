"""What locators find: a score and a sign per value and neuron, a selection, and its origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from valuescope.activations.tensor_file import TensorRecord
from valuescope.locate.evidence import Evidence, LocateError
from valuescope.locate.neuron_set import NeuronSet
from valuescope.models import ModelIdentity, NeuronModel

TENSORS = ("scores", "signed", "signs", "selected")


@dataclass(frozen=True, eq=False)
class Location(TensorRecord):
    """The outcome of one locator for all values, comparable across locators.

    V values, all tensors [V, layers, width] on the CPU: `scores` float32: the ranking number, never
    negative, higher = more related to the value. `signed` float32: the method's own number, saved in neuron
    sets (see NeuronSet.scores). `signs` int8: +1 aligned, -1 opposed. `selected` bool: the neurons that the
    method takes. `parameters`: everything that was set, defaults included. `diagnostics`: what the method
    measured on its way (bars, accuracies, counts), for reports. `warnings`: what a reader must know before
    trusting it.
    """

    method: str
    site: str
    values: tuple[str, ...]
    scores: Tensor
    signed: Tensor
    signs: Tensor
    selected: Tensor
    parameters: Mapping[str, Any]
    model: ModelIdentity
    data_hash: str
    seed: int
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    kind: ClassVar[str] = "location"
    unhashed: ClassVar[tuple[str, ...]] = ("diagnostics", "warnings")

    def __post_init__(self) -> None:
        shape = (len(self.values), self.model.layers, self.model.width)
        dtypes = (torch.float32, torch.float32, torch.int8, torch.bool)
        for name, dtype in zip(TENSORS, dtypes, strict=True):
            tensor: Tensor = getattr(self, name)
            if tuple(tensor.shape) != shape:
                raise LocateError(f"{self.method}: {name} has shape {tuple(tensor.shape)}, expected {shape}")
            object.__setattr__(self, name, tensor.detach().to("cpu", dtype).contiguous())

    def index(self, value: str) -> int:
        """The position of a value; LocateError names the known ones."""
        if value not in self.values:
            raise LocateError(
                f"{self.method} located nothing for {value!r}; its values are {', '.join(self.values)}"
            )
        return self.values.index(value)

    def neuron_set(self, value: str) -> NeuronSet:
        """The selected neurons of one value; empty where the method found none."""
        row = self.index(value)
        layers, indices = self.selected[row].nonzero(as_tuple=True)
        return NeuronSet(
            value=value,
            model=self.model,
            site=self.site,
            method=self.method,
            parameters=self.parameters,
            data_hash=self.data_hash,
            seed=self.seed,
            layers=layers,
            indices=indices,
            scores=self.signed[row, layers, indices],
            signs=self.signs[row, layers, indices],
        )

    def sizes(self) -> dict[str, int]:
        """Selected neurons per value."""
        return dict(zip(self.values, self.selected.sum(dim=(1, 2)).tolist(), strict=True))


def by_value(parts: Mapping[str, Location]) -> Location:
    """One location of many by the same method: each value's row, with its own numbers, is that of the part under its name.

    What differs between the parts, of parameters and of diagnostics that are not by value, stands there by value.
    """
    first = next(iter(parts.values()))
    values = tuple(parts)
    rows = [(part, part.index(value)) for value, part in parts.items()]
    shared = {
        name: given
        for name, given in first.parameters.items()
        if all(part.parameters.get(name) == given for part in parts.values())
    }
    own = {
        value: {name: given for name, given in part.parameters.items() if name not in shared}
        for value, part in parts.items()
    }
    tensors: dict[str, Any] = {
        name: torch.stack([getattr(part, name)[row] for part, row in rows]) for name in TENSORS
    }
    return replace(
        first,
        values=values,
        **tensors,
        parameters={**shared, "by_value": own},
        diagnostics={name: _diagnostic(name, parts) for name in first.diagnostics},
        warnings=tuple(
            dict.fromkeys(
                warning
                for value, part in parts.items()
                for warning in part.warnings
                if not any(warning.startswith(f"{other}: ") for other in parts if other != value)
            )
        ),
    )


def _diagnostic(name: str, parts: Mapping[str, Location]) -> Any:
    found = {value: part.diagnostics[name] for value, part in parts.items()}
    if all(isinstance(entry, Mapping) and value in entry for value, entry in found.items()):
        return {value: entry[value] for value, entry in found.items()}
    first = next(iter(found.values()))
    return first if all(entry == first for entry in found.values()) else found


@dataclass(frozen=True, eq=False)
class Located:
    """What a locator gives back, by the names of Location; `locate` adds where it comes from.

    `scores` None: the size of `signed`. `signs` None: those of `signed`. `values` None: those of the evidence.
    `parameters`: those that differ from what was asked for, such as a band that was resolved. `empty`: why a value may
    have no neurons; where one has none, a warning says it.
    """

    site: str
    signed: Tensor
    selected: Tensor
    scores: Tensor | None = None
    signs: Tensor | None = None
    values: tuple[str, ...] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    empty: str | None = None
    warnings: Sequence[str] = ()

    def location(
        self, method: str, model: NeuronModel, evidence: Evidence, seed: int, parameters: Mapping[str, Any]
    ) -> Location:
        """The location by a method that was asked for with some parameters."""
        values = self.values or evidence.values
        chosen = zip(values, self.selected, strict=True)
        bare = [value for value, neurons in chosen if self.empty is not None and not neurons.any()]
        return Location(
            method=method,
            site=self.site,
            values=values,
            scores=self.signed.abs() if self.scores is None else self.scores,
            signed=self.signed,
            signs=torch.where(self.signed < 0, -1, 1) if self.signs is None else self.signs,
            selected=self.selected,
            parameters={**parameters, **self.parameters},
            model=model.identity,
            data_hash=evidence.data_hash,
            seed=seed,
            diagnostics=self.diagnostics,
            warnings=(*(f"{value}: no neurons selected; {self.empty}" for value in bare), *self.warnings),
        )


def largest(numbers: Tensor, count: int) -> Tensor:
    """The `count` largest along the last dimension, bool like `numbers`; ties go to the lower index."""
    order = numbers.argsort(dim=-1, descending=True, stable=True)[..., :count]
    return torch.zeros_like(numbers, dtype=torch.bool).scatter_(-1, order, True)
