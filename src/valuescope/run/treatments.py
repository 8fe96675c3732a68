"""What is done to the model for each value: an edit of neurons, of the residual stream, a system message, or an adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from valuescope.edit import EDITS, Edit
from valuescope.locate import Location
from valuescope.run.adapters import adapters, adapters_of_others
from valuescope.run.spec import MethodSpec, Setting
from valuescope.run.spec_neva import INTERVENTIONS, Intervention
from valuescope.run.spec_parts import SpecError
from valuescope.run.stages import Locations, edits, neuron_sets
from valuescope.run.system_texts import system_texts, texts_of_others
from valuescope.tune import Adapter
from valuescope.values import load_value_system

OWN_DRAWS = 10_000
"""Draws of random vectors that are a method are numbered from here, and so are none of its control's."""


@dataclass(frozen=True)
class SystemText:
    """A system message that stands before every question (or text) of a value."""

    value: str
    text: str


Treatment = Edit | SystemText | Adapter | None
Treatments = Mapping[str, Treatment]


def treatments(locations: Locations, method: MethodSpec, setting: Setting) -> Treatments:
    """For each value what a setting does; None where nothing was found to do it with."""
    if method.intervention is None:
        return edits(method, setting, locations.of(method, setting))
    kind = INTERVENTIONS[method.intervention]
    if kind.adapter:
        return adapters(locations, method, setting)
    if not kind.edit:
        return {value: SystemText(value, text) for value, text in _texts(locations, setting).items()}
    made = _stream_edits(locations, method, setting, kind)
    if not kind.random:
        return made
    return _random(locations, made, OWN_DRAWS)


def control_treatments(
    locations: Locations, kind: str, method: MethodSpec, setting: Setting, draw: int
) -> tuple[Treatments, Sequence[str]] | None:
    """One draw of a random control of equal size with its warnings; None where there is none of this kind.

    Kind "random": random neurons, random directions of equal length, or the message or adapter
    of another value.
    """
    if method.intervention is None:
        location: Location = locations.control(kind, method, setting, draw)
        return edits(method, setting, location), location.warnings
    if kind != "random":
        return None
    intervention = INTERVENTIONS[method.intervention]
    if intervention.edit:
        return _random(locations, _stream_edits(locations, method, setting, intervention), draw), ()
    if len(locations.material.values) < 2:
        what = "adapter" if intervention.adapter else "message"
        return dict.fromkeys(locations.material.values), (
            f"there is one value only, so there is no other {what} to compare with",
        )
    if intervention.adapter:
        return adapters_of_others(adapters(locations, method, setting), locations.spec.seed, draw), ()
    texts = texts_of_others(_texts(locations, setting), locations.spec.seed, draw)
    return {value: SystemText(value, text) for value, text in texts.items()}, ()


def prepare(locations: Locations, method: MethodSpec, setting: Setting) -> None:
    """Find what a setting needs, so that what cannot be found is known before anything is asked."""
    system = load_value_system(locations.spec.values.system)
    for value in setting.by_value:
        if value not in system:
            raise SpecError(
                f"by_value: {value!r} is no value of {system.id}; its values are "
                f"{', '.join(system.at_level(locations.spec.values.level))}"
            )
    if method.intervention is None:
        locations.of(method, setting)
    else:
        treatments(locations, method, setting)


def sizes(locations: Locations, method: MethodSpec, setting: Setting) -> dict[str, int]:
    """Neurons per value; for an intervention the layers that it acts on, and 0 for a system message or an
    adapter."""
    if method.intervention is None:
        found = neuron_sets(locations.of(method, setting), setting)
        return {value: len(neurons) for value, neurons in found.items()}
    made = treatments(locations, method, setting)
    return {value: len(one.subject) if isinstance(one, Edit) else 0 for value, one in made.items()}


def edit_kind(method: MethodSpec) -> str:
    """The kind of edit that a method makes; empty for a system message or an adapter."""
    return INTERVENTIONS[method.intervention].edit if method.intervention else method.edit


def of_system(treatment: Treatment) -> str:
    """The system message of a treatment, empty for an edit."""
    return treatment.text if isinstance(treatment, SystemText) else ""


def of_edit(treatment: Treatment) -> Edit | None:
    """The edit of a treatment, None for a system message or an adapter."""
    return treatment if isinstance(treatment, Edit) else None


def of_adapter(treatment: Treatment) -> Adapter | None:
    """The adapter of a treatment, None for anything else."""
    return treatment if isinstance(treatment, Adapter) else None


def _texts(locations: Locations, setting: Setting) -> dict[str, str]:
    spec = locations.spec
    language = next((one.language for one in locations.material.questions), "en")
    return system_texts(
        load_value_system(spec.values.system), locations.material, language=language, **setting.edit
    )


def _stream_edits(
    locations: Locations, method: MethodSpec, setting: Setting, kind: Intervention
) -> dict[str, Edit | None]:
    found = locations.directions(kind.directions, method, setting)
    make = EDITS[kind.edit]
    turned = {"direction": "negative"} if method.direction == "down" else {}
    return {
        value: make(one, **{**turned, **setting.edit_of(value)}) if len(one) else None
        for value, one in found.items()
    }


def _random(locations: Locations, made: Mapping[str, Edit | None], draw: int) -> dict[str, Edit | None]:
    return {
        value: None if one is None else one.control(locations.model, seed=locations.spec.seed, draw=draw)
        for value, one in made.items()
    }
