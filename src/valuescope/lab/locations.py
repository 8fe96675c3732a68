"""The locations of a run: which neurons and directions its methods find, and random ones of equal size."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from valuescope.activations import Activations
from valuescope.data import LabelledText, Material, label
from valuescope.edit import EDITS, Edit
from valuescope.files import sha256_of
from valuescope.lab.counted_texts import counted_texts, needs_residuals
from valuescope.lab.folder import RunFolder, peak_memory
from valuescope.lab.material import timed
from valuescope.lab.method import READING, MethodSpec, Roles
from valuescope.lab.null import NullReadings, null_dealings
from valuescope.lab.setting import Setting
from valuescope.lab.spec import ComparisonSpec
from valuescope.locate import (
    Evidence,
    LayerTensors,
    Location,
    NeuronSet,
    ProbeSet,
    SteeringVectors,
    by_value,
    find_directions,
    locate,
)
from valuescope.models import NeuronModel
from valuescope.progress import Progress
from valuescope.tune import Adapter


class Locations:
    """The locations of all methods and settings, computed when first asked for and kept on disk."""

    def __init__(
        self,
        spec: ComparisonSpec,
        folder: RunFolder,
        model: NeuronModel,
        material: Material,
        activations: Activations | None,
        *,
        tag: str = "",
        progress: Progress = lambda *_: None,
    ):
        self.tag = tag  # tells files apart that other activations of the same texts gave
        self.spec, self.folder, self.model = spec, folder, model
        self.material, self.activations = material, activations
        self.progress = progress
        self.adapters: dict[str, dict[str, Adapter]] = {}  # by the hash of what they were trained with
        self._known: dict[str, Location] = {}
        self._directions: dict[str, Mapping[str, LayerTensors]] = {}
        self._evidence: dict[Roles, Evidence] = {}

    @cached_property
    def texts(self) -> tuple[LabelledText, ...]:
        """The texts that were counted, with their answers where described persons gave some."""
        return counted_texts(self.spec, self.folder, self.model, self.material).texts

    def evidence(self, method: MethodSpec) -> Evidence:
        """What a method's locator reads; made once per roles, since it checks every text against the residuals."""
        assert self.activations is not None, "no method reads texts"
        roles = positive, negative = method.read_roles
        if roles not in self._evidence:
            self._evidence[roles] = Evidence(
                activations=self.activations,
                values=self.material.values,
                positive={value: label(value, positive) for value in self.material.values},
                negative={value: label(value, negative) for value in self.material.values},
                texts=self.texts if self._needs_texts() else (),
            )
        return self._evidence[roles]

    def of(self, method: MethodSpec, setting: Setting) -> Location:
        """The location of one method under one setting."""
        name = self.name(method, setting)
        if name in self._known:
            return self._known[name]
        path = self.folder.path / "locate" / name
        if not path.with_suffix(".json").is_file():
            evidence = self.evidence(method)
            start, before = time.monotonic(), peak_memory()
            with timed(self.folder, f"locate {method.locator}"):
                location = located(method, setting, self.model, evidence, seed=self.spec.seed)
                cost = {"seconds": time.monotonic() - start, "peak_growth": peak_memory() - before}
                self.folder.write_json(f"locate/{name}.cost.json", cost)
                location.save(path)
        location = Location.load(path)
        if method.numbers == "delta":
            location = self._with_delta(method, location)
        self._known[name] = location
        return location

    def null_readings(self) -> NullReadings:
        """The texts of the run under every dealing of its null, and what was counted of them."""
        assert self.activations is not None  # the part is refused where no method has a locator
        dealings = null_dealings(self.spec, self.material.values, self.texts)
        return NullReadings(self.texts, self.activations, dealings)

    def directions(self, kind: str, method: MethodSpec, setting: Setting) -> Mapping[str, LayerTensors]:
        """The directions in the residual stream per value, kept on disk: their bits name the answers that they give."""
        what = [kind, method.read_roles, *_parameters(method, setting, self.material.values)]
        name = f"{kind}-{sha256_of(what)[:12]}{self.tag}"
        if name not in self._directions:
            place, record = (
                self.folder.path / "locate" / name,
                ProbeSet if kind == "probes" else SteeringVectors,
            )
            if all((place / f"{value}.json").is_file() for value in self.material.values):
                self._directions[name] = {value: record.load(place / value) for value in self.material.values}
                return self._directions[name]
            with timed(self.folder, f"directions {kind}"):
                evidence, directions = self.evidence(method), dict[str, LayerTensors]()
                for parameters, values in setting.located_alike(evidence.values, method.located):
                    found = find_directions(kind, self.model, evidence, seed=self.spec.seed, **parameters)
                    directions |= {value: found[value] for value in values}
            for value, vectors in directions.items():
                vectors.save(place / value)
            self._directions[name] = directions
        return self._directions[name]

    def name(self, method: MethodSpec, setting: Setting) -> str:
        """The name of a location in files. The same neurons with other numbers are another location."""
        what = [method.locator, method.read_roles, *_parameters(method, setting, self.material.values)]
        return (
            f"{method.locator}-{sha256_of(what + ([method.numbers] if method.numbers != 'own' else []))[:12]}"
            f"{self.tag}"
        )

    def cost(self, method: MethodSpec, setting: Setting) -> dict[str, float | None]:
        """Seconds that locating took, and by how many bytes it raised the largest memory of the process so far."""
        found = self.folder.read_json(f"locate/{self.name(method, setting)}.cost.json") or {}
        return {"seconds": found.get("seconds"), "peak_growth": found.get("peak_growth")}

    def _with_delta(self, method: MethodSpec, location: Location) -> Location:
        """The same neurons in the same order of rank, with delta as their number and its sign as their role."""
        counted = method.model_copy(update={"locator": "valuelocate", "roles": ("for", "against")})
        delta = locate("valuelocate", self.model, self.evidence(counted), seed=self.spec.seed)
        return replace(
            location,
            site=delta.site,
            signed=delta.signed,
            signs=delta.signs,
            parameters={**location.parameters, "numbers": "delta"},
        )

    def _needs_texts(self) -> bool:
        """Texts are checked against what was counted, so they are given only where a locator reads them."""
        reading = any(method.locator in READING for method in self.spec.methods.values())
        return reading or needs_residuals(self.spec)

    def control(self, kind: str, method: MethodSpec, setting: Setting, draw: int) -> Location:
        """One draw of a random control for a setting, of equal size and strength per value.

        Drawn for the neurons that are edited. Drawing for all that are located and cutting both to `top` would
        break ties of the borrowed scores by layer, and crowd the control into the first layers.
        """
        like = cut(self.of(method, setting), setting.top)
        return locate(kind, self.model, self.evidence(method), seed=self.spec.seed, like=like, draw=draw)


def _parameters(method: MethodSpec, setting: Setting, values: Sequence[str]) -> list[Any]:
    """What a location is named by: the parameters of all values, and those that some have of their own."""
    alike = setting.located_alike(values, method.located)
    own = [[parameters, members] for parameters, members in alike if parameters != setting.locator]
    return [setting.locator, *([own] if own else [])]


def located(
    method: MethodSpec, setting: Setting, model: NeuronModel, evidence: Evidence, *, seed: int
) -> Location:
    """What a method's locator finds in the evidence under a setting; once for each choice of parameters that some values
    have, of which each value keeps its own."""
    parts = dict[str, Location]()
    for parameters, values in setting.located_alike(evidence.values, method.located):
        location = locate(method.locator, model, evidence, seed=seed, **parameters)
        if len(values) == len(evidence.values):
            return location
        parts |= dict.fromkeys(values, location)
    return by_value({value: parts[value] for value in evidence.values})


def cut(location: Location, top: int | None) -> Location:
    """The location with at most `top` selected neurons per value (None: all)."""
    if top is None:
        return location
    selected = torch.zeros_like(location.selected)
    for row, value in enumerate(location.values):
        if location.parameters.get("numbers") == "delta":
            selected[row] = _highest(location, row, top)
        else:
            kept = location.neuron_set(value).top(top)
            selected[row, kept.layers, kept.indices] = True
    return replace(location, selected=selected)


def _highest(location: Location, row: int, top: int) -> Tensor:
    """The `top` selected neurons of highest score, bool [layers, width]: by rank, whatever number they carry."""
    ranked = torch.where(location.selected[row], location.scores[row], -1.0).flatten()
    first = torch.zeros_like(ranked, dtype=torch.bool)
    first[ranked.argsort(descending=True, stable=True)[:top]] = True
    return first.view_as(location.selected[row]) & location.selected[row]


def neuron_sets(location: Location, setting: Setting) -> dict[str, NeuronSet]:
    """The neurons per value that a setting takes from a location."""
    if location.parameters.get("numbers") == "delta":
        location, setting = cut(location, setting.top), setting.model_copy(update={"top": None})
    sets = {value: location.neuron_set(value) for value in location.values}
    return sets if setting.top is None else {value: found.top(setting.top) for value, found in sets.items()}


def edits(method: MethodSpec, setting: Setting, location: Location) -> dict[str, Edit | None]:
    """The edit per value; None where the locator found no neuron."""
    make = EDITS[method.edit]
    if "direction" not in setting.edit:
        setting = method.turned(setting, method.direction)
    sets = neuron_sets(location, setting)
    if method.numbers == "delta":
        sets = {value: _with_role(found) for value, found in sets.items()}
    return {
        value: make(found, **setting.edit_of(value, method.located)) if len(found) else None
        for value, found in sets.items()
    }


def _with_role(neurons: NeuronSet) -> NeuronSet:
    """The neurons that delta gives a role: one of 0 is neither positive nor negative, and eq. 6 leaves it as it is."""
    kept = neurons.scores != 0
    return replace(
        neurons,
        layers=neurons.layers[kept],
        indices=neurons.indices[kept],
        scores=neurons.scores[kept],
        signs=neurons.signs[kept],
    )
