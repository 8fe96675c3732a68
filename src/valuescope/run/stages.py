"""The stages before any answer: material, activations, locations and their controls. Each is kept on disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from valuescope.activations import Activations, Counters, Residuals, collect
from valuescope.data import SOURCES, LabelledText, Material, label
from valuescope.edit import EDITS, Edit
from valuescope.files import sha256_of
from valuescope.locate import Evidence, Location, NeuronSet, locate
from valuescope.models import NeuronModel
from valuescope.run.arms import Progress
from valuescope.run.folder import RunFolder
from valuescope.run.spec import MethodSpec, Setting, Spec, SpecError
from valuescope.values import ValueSystem, load_value_system


@contextmanager
def timed(folder: RunFolder, stage: str) -> Iterator[None]:
    """Add the time spent in the block to the stage's seconds."""
    start = time.monotonic()
    try:
        yield
    finally:
        folder.add_seconds(stage, time.monotonic() - start)


def chosen_values(spec: Spec) -> tuple[ValueSystem, tuple[str, ...]]:
    """The value system of a specification and the values it asks for.

    Raises:
        SpecError: for a value that is not at the level asked for.
    """
    system = load_value_system(spec.values.system)
    known = system.at_level(spec.values.level)
    values = known if spec.values.only is None else spec.values.only
    for value in values:
        if value not in known:
            raise SpecError(
                f"values.only: {value!r} is not among the values at level {spec.values.level!r}: {', '.join(known)}"
            )
    if system.circle and set(values) <= set(system.circle):
        values = tuple(value for value in system.circle if value in values)
    return system, values


def read_material(spec: Spec, folder: RunFolder, values: tuple[str, ...]) -> Material:
    """Draw or read the data, once per run."""
    content = folder.read_json("data/material.json")
    if content is not None:
        return Material.from_dict(content)
    with timed(folder, "data"):
        try:
            material = SOURCES[spec.data.source](values, seed=spec.seed, **spec.data.parameters)
        except TypeError as error:
            raise SpecError(f"data.parameters: {error}") from error
        folder.write_json("data/material.json", material.to_dict())
    return material


def read_activations(
    spec: Spec, folder: RunFolder, model: NeuronModel, material: Material, progress: Progress
) -> Activations:
    """Counters and residuals of all texts, in parts that survive a kill; parts are added in order."""
    parts: list[Activations] = []
    with timed(folder, "activations"):
        for number, start in enumerate(range(0, len(material.texts), spec.activations.part)):
            texts = material.texts[start : start + spec.activations.part]
            parts.append(_part(spec, folder, model, texts, number))
            progress(
                "activations", min(start + spec.activations.part, len(material.texts)), len(material.texts)
            )
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _part(
    spec: Spec, folder: RunFolder, model: NeuronModel, texts: tuple[LabelledText, ...], number: int
) -> Activations:
    counters_path = folder.path / "activations" / f"counters-{number:04d}"
    residuals_path = folder.path / "activations" / f"residuals-{number:04d}"
    if counters_path.with_suffix(".json").is_file() and residuals_path.with_suffix(".json").is_file():
        return Activations(Counters.load(counters_path), Residuals.load(residuals_path))
    part = collect(model, texts, batch_size=spec.activations.batch_size, scope=spec.activations.scope)
    part.counters.save(counters_path)
    assert part.residuals is not None
    part.residuals.save(residuals_path)
    return part


class Locations:
    """The locations of all methods and settings, computed when first asked for and kept on disk."""

    def __init__(
        self, spec: Spec, folder: RunFolder, model: NeuronModel, material: Material, activations: Activations
    ):
        self.spec, self.folder, self.model = spec, folder, model
        self.material, self.activations = material, activations
        self._known: dict[str, Location] = {}

    def evidence(self, method: MethodSpec) -> Evidence:
        """What a method's locator reads."""
        positive, negative = method.read_roles
        return Evidence(
            activations=self.activations,
            values=self.material.values,
            positive={value: label(value, positive) for value in self.material.values},
            negative={value: label(value, negative) for value in self.material.values},
            texts=self.material.texts,
        )

    def of(self, method: MethodSpec, setting: Setting) -> Location:
        """The location of one method under one setting."""
        digest = sha256_of([method.locator, method.read_roles, setting.locator])[:12]
        name = f"{method.locator}-{digest}"
        if name in self._known:
            return self._known[name]
        path = self.folder.path / "locate" / name
        if path.with_suffix(".json").is_file():
            location = Location.load(path)
        else:
            with timed(self.folder, f"locate {method.locator}"):
                location = locate(
                    method.locator, self.model, self.evidence(method), seed=self.spec.seed, **setting.locator
                )
                location.save(path)
        self._known[name] = location
        return location

    def control(self, kind: str, method: MethodSpec, setting: Setting, draw: int) -> Location:
        """One draw of a random control for a setting, of equal size and strength per value."""
        like = self.of(method, setting)
        return locate(kind, self.model, self.evidence(method), seed=self.spec.seed, like=like, draw=draw)


def neuron_sets(location: Location, setting: Setting) -> dict[str, NeuronSet]:
    """The neurons per value that a setting takes from a location."""
    sets = {value: location.neuron_set(value) for value in location.values}
    return sets if setting.top is None else {value: found.top(setting.top) for value, found in sets.items()}


def edits(method: MethodSpec, setting: Setting, location: Location) -> dict[str, Edit | None]:
    """The edit per value; None where the locator found no neuron."""
    make = EDITS[method.edit]
    sets = neuron_sets(location, setting)
    return {value: make(found, **setting.edit) if len(found) else None for value, found in sets.items()}
