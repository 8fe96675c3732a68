"""The stages before any answer: material, activations, locations and their controls. Each is kept on disk."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from valuescope.activations import Activations
from valuescope.data import SOURCES, LabelledText, Material, label
from valuescope.edit import EDITS, Edit
from valuescope.files import sha256_of
from valuescope.locate import Evidence, LayerTensors, Location, NeuronSet, find_directions, locate
from valuescope.models import NeuronModel
from valuescope.progress import Progress
from valuescope.run.counting import count_texts
from valuescope.run.folder import RunFolder
from valuescope.run.memory import peak_memory
from valuescope.run.spec import DataSpec, MethodSpec, Roles, Setting, Spec
from valuescope.run.spec_parts import RunSpec, SpecError
from valuescope.tune import Adapter
from valuescope.values import ValueSystem, load_value_system

PROBING = ("neva", "neva-exclusive")
"""The locators that read residuals."""
READING = ("lpip", "qrnca", "cgvst")
"""The locators that run the texts through the model themselves."""


@contextmanager
def timed(folder: RunFolder, stage: str) -> Iterator[None]:
    """Add the time spent in the block to the stage's seconds."""
    start = time.monotonic()
    try:
        yield
    finally:
        folder.add_seconds(stage, time.monotonic() - start)


def chosen_values(spec: RunSpec) -> tuple[ValueSystem, tuple[str, ...]]:
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
        material = draw_material(spec.data, values, spec.seed)
        require_texts(spec, material)
        folder.write_json("data/material.json", material.to_dict())
    return material


def draw_material(data: DataSpec, values: tuple[str, ...], seed: int) -> Material:
    """The material of a source; SpecError for a parameter of the wrong type."""
    try:
        return SOURCES[data.source](values, seed=seed, **data.parameters)
    except TypeError as error:
        raise SpecError(f"data.parameters: {error}") from error


def require_texts(spec: Spec, material: Material) -> None:
    """Raise SpecError where the material has no texts in a role that a method reads."""
    labels = {text.label for text in material.texts}
    for name, method in spec.methods.items():
        if not method.reads_texts:
            continue
        roles = {*method.read_roles, *(("for", "against") if method.numbers == "delta" else ())}
        wanted = {label(value, role) for value in material.values for role in roles}
        if wanted - labels:
            raise SpecError(
                f"methods.{name}: source {material.source} yields no texts {', '.join(sorted(wanted - labels))}; "
                "ask it for more, or give the method other roles"
            )


def require_questions(spec: Spec, material: Material) -> None:
    """Raise SpecError where the material has nothing that a method asks."""
    asked = {question.setting for question in material.questions} | ({"pairs"} if material.pairs else set())
    tuning = {question.setting for question in material.tuning}
    for name, method in spec.methods.items():
        if method.asked not in asked:
            found = ", ".join(sorted(asked)) or "nothing"
            raise SpecError(
                f"methods.{name}.asked: source {material.source} yields {found}, not {method.asked}"
            )
        if method.search and method.asked not in tuning:
            raise SpecError(
                f"methods.{name}.search: source {material.source} yields no tuning questions asked as "
                f"{method.asked}; drop search"
            )


def read_activations(
    spec: Spec, folder: RunFolder, model: NeuronModel, material: Material, progress: Progress
) -> Activations:
    """Counters of all texts that the methods read, and residuals where one trains probes."""
    how = spec.activations
    with timed(folder, "activations"):
        return count_texts(
            folder.path / "activations",
            model,
            read_texts(spec, material),
            batch_size=how.batch_size,
            part=how.part,
            scope=how.scope,
            residuals=needs_residuals(spec),
            progress=lambda done, total: progress("activations", done, total),
        )


def read_texts(spec: Spec, material: Material) -> tuple[LabelledText, ...]:
    """The texts in the roles that the methods read; the pass leaves out all others."""
    reading = [method for method in spec.methods.values() if method.reads_texts]
    roles = {role for method in reading for role in method.read_roles}
    if any(method.numbers == "delta" for method in spec.methods.values()):
        roles |= {"for", "against"}
    wanted = {label(value, role) for role in roles for value in material.values}
    return tuple(text for text in material.texts if text.label in wanted)


def needs_residuals(spec: Spec) -> bool:
    """Whether any method trains probes. Residuals grow with the number of texts, counters do not."""
    return any(
        method.locator in PROBING or (method.intervention is not None and method.reads_texts)
        for method in spec.methods.values()
    )


class Locations:
    """The locations of all methods and settings, computed when first asked for and kept on disk."""

    def __init__(
        self,
        spec: Spec,
        folder: RunFolder,
        model: NeuronModel,
        material: Material,
        activations: Activations,
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

    def evidence(self, method: MethodSpec) -> Evidence:
        """What a method's locator reads; made once per roles, since it checks every text against the residuals."""
        roles = positive, negative = method.read_roles
        if roles not in self._evidence:
            self._evidence[roles] = Evidence(
                activations=self.activations,
                values=self.material.values,
                positive={value: label(value, positive) for value in self.material.values},
                negative={value: label(value, negative) for value in self.material.values},
                texts=read_texts(self.spec, self.material) if self._needs_texts() else (),
            )
        return self._evidence[roles]

    def of(self, method: MethodSpec, setting: Setting) -> Location:
        """The location of one method under one setting."""
        name = self.name(method, setting)
        if name in self._known:
            return self._known[name]
        path = self.folder.path / "locate" / name
        if path.with_suffix(".json").is_file():
            location = Location.load(path)
        else:
            evidence = self.evidence(method)
            start, before = time.monotonic(), peak_memory()
            with timed(self.folder, f"locate {method.locator}"):
                location = locate(
                    method.locator, self.model, evidence, seed=self.spec.seed, **setting.locator
                )
                cost = {"seconds": time.monotonic() - start, "peak_growth": peak_memory() - before}
                self.folder.write_json(f"locate/{name}.cost.json", cost)
                location.save(path)
        if method.numbers == "delta":
            location = self._with_delta(method, location)
        self._known[name] = location
        return location

    def directions(self, kind: str, method: MethodSpec, setting: Setting) -> Mapping[str, LayerTensors]:
        """The directions in the residual stream per value; quick to find again, and so kept in memory only."""
        name = sha256_of([kind, method.read_roles, setting.locator])
        if name not in self._directions:
            with timed(self.folder, f"directions {kind}"):
                self._directions[name] = find_directions(
                    kind, self.model, self.evidence(method), seed=self.spec.seed, **setting.locator
                )
        return self._directions[name]

    def name(self, method: MethodSpec, setting: Setting) -> str:
        """The name of a location in files. The same neurons with other numbers are another location."""
        what = [method.locator, method.read_roles, setting.locator]
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
        value: make(found, **setting.edit_of(value)) if len(found) else None for value, found in sets.items()
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
