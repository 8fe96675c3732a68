"""What every locator returns: a score and a sign per value and neuron, a selection, and its origin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from valuescope.activations.tensor_file import load_tensor_file, save_tensor_file
from valuescope.files import sha256_of
from valuescope.locate.evidence import LocateError
from valuescope.locate.neuron_set import NeuronSet
from valuescope.models import ModelIdentity

KIND = "location"
TENSORS = ("scores", "signed", "signs", "selected")


@dataclass(frozen=True, eq=False)
class Location:
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

    @property
    def hash(self) -> str:
        """sha256 of what was found, where and how (not of diagnostics and warnings)."""
        facts = {**self._facts(), "model": self.model.fingerprint}
        digest = hashlib.sha256(sha256_of(facts).encode())
        for name in TENSORS:
            digest.update(getattr(self, name).numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: Path | str) -> Path:
        """Write `<path>.safetensors` and `<path>.json`; returns the path of the JSON manifest."""
        facts = {
            **self._facts(),
            "model": self.model.to_dict(),
            "diagnostics": dict(self.diagnostics),
            "warnings": list(self.warnings),
        }
        return save_tensor_file(path, KIND, {name: getattr(self, name) for name in TENSORS}, facts)

    @classmethod
    def load(cls, path: Path | str) -> Location:
        """Read a saved location."""
        tensors, manifest = load_tensor_file(path, KIND)
        return cls(
            method=manifest["method"],
            site=manifest["site"],
            values=tuple(manifest["values"]),
            parameters=manifest["parameters"],
            model=ModelIdentity.from_dict(manifest["model"]),
            data_hash=manifest["data_hash"],
            seed=manifest["seed"],
            diagnostics=manifest["diagnostics"],
            warnings=tuple(manifest["warnings"]),
            **tensors,
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "site": self.site,
            "values": list(self.values),
            "parameters": dict(self.parameters),
            "data_hash": self.data_hash,
            "seed": self.seed,
        }


def empty_warnings(values: tuple[str, ...], selected: Tensor, reason: str) -> tuple[str, ...]:
    """One warning for each value without a selected neuron."""
    return tuple(
        f"{value}: no neurons selected; {reason}"
        for value, any_ in zip(values, selected, strict=True)
        if not any_.any()
    )
