"""What is done to the model for each value: an edit of neurons, of the residual stream, a system message, or an adapter."""

from __future__ import annotations

from collections.abc import Mapping

from valuescope.data import Material
from valuescope.edit import EDITS, Edit
from valuescope.lab.adapters import adapters, adapters_of_others
from valuescope.lab.ask import SystemText, Treatment
from valuescope.lab.locations import Locations, edits, neuron_sets
from valuescope.lab.method import INTERVENTIONS, Intervention, MethodSpec
from valuescope.lab.setting import Setting
from valuescope.lab.system_texts import system_texts, texts_of_others
from valuescope.values import ValueSystem, load_value_system

METHOD_DRAWS = 10_000
"""Draws of random vectors that are a method are numbered from here, and so are none of its control's."""
Treatments = Mapping[str, Treatment]
"""What is done to the model for each value; None where nothing was found to do it with."""


class Control(dict[str, Treatment]):
    """The treatments of one draw of a control; `warnings`: where it is not what it should be."""

    warnings: tuple[str, ...] = ()


def treatments(locations: Locations, method: MethodSpec, setting: Setting) -> Treatments:
    """For each value what a setting does."""
    if method.intervention is None:
        return edits(method, setting, locations.of(method, setting))
    kind = INTERVENTIONS[method.intervention]
    if kind.adapter:
        return adapters(locations, method, setting)
    if not kind.edit:
        return {value: SystemText(value, text) for value, text in _texts(locations, setting).items()}
    directed = _stream_edits(locations, method, setting, kind)
    return _random(locations, directed, METHOD_DRAWS) if kind.random else directed


def control(locations: Locations, method: MethodSpec, setting: Setting, kind: str, draw: int) -> Control:
    """One draw of a random control of equal size.

    Kind "random": random neurons, random directions of equal length, or the message or adapter of another value;
    "random-matched", for neurons alone: of the same layers and rates.
    """
    if method.intervention is None:
        location = locations.control(kind, method, setting, draw)
        drawn = Control(edits(method, setting, location))
        drawn.warnings = location.warnings
        return drawn
    intervention, seed, values = (
        INTERVENTIONS[method.intervention],
        locations.spec.seed,
        locations.material.values,
    )
    if intervention.edit:
        return Control(_random(locations, _stream_edits(locations, method, setting, intervention), draw))
    if len(values) < 2:
        drawn = Control(dict.fromkeys(values))
        what = "adapter" if intervention.adapter else "message"
        drawn.warnings = (f"there is one value only, so there is no other {what} to compare with",)
        return drawn
    if intervention.adapter:
        return Control(adapters_of_others(adapters(locations, method, setting), seed, draw))
    texts = texts_of_others(_texts(locations, setting), seed, draw)
    return Control({value: SystemText(value, text) for value, text in texts.items()})


def prepare(locations: Locations, method: MethodSpec, setting: Setting) -> None:
    """Find what a setting needs, so that what cannot be found is known before anything is asked."""
    if method.intervention is None:
        locations.of(method, setting)
    else:
        treatments(locations, method, setting)


def sizes(locations: Locations, method: MethodSpec, setting: Setting) -> dict[str, int]:
    """Neurons per value; for an intervention the layers that it acts on, and 0 for a system message or an
    adapter."""
    if method.intervention is None:
        neurons = neuron_sets(locations.of(method, setting), setting)
        return {value: len(members) for value, members in neurons.items()}
    made = treatments(locations, method, setting)
    return {value: len(edit.subject) if isinstance(edit, Edit) else 0 for value, edit in made.items()}


def messages_of(system: ValueSystem, material: Material, setting: Setting) -> dict[str, str]:
    """The system message of each value, in the language of the questions."""
    language = next((question.language for question in material.questions), "en")
    return system_texts(system, material, language=language, **setting.edit)


def _texts(locations: Locations, setting: Setting) -> dict[str, str]:
    return messages_of(load_value_system(locations.spec.values.system), locations.material, setting)


def _stream_edits(
    locations: Locations, method: MethodSpec, setting: Setting, kind: Intervention
) -> dict[str, Edit | None]:
    make = EDITS[kind.edit]
    turned = {"direction": "negative"} if method.direction == "down" else {}
    return {
        value: make(vectors, **{**turned, **setting.edit_of(value, method.located)}) if len(vectors) else None
        for value, vectors in locations.directions(kind.directions, method, setting).items()
    }


def _random(locations: Locations, directed: Mapping[str, Edit | None], draw: int) -> dict[str, Edit | None]:
    return {
        value: edit and edit.control(locations.model, seed=locations.spec.seed, draw=draw)
        for value, edit in directed.items()
    }
