"""The SFT baseline of a run: per value an adapter, trained on texts that speak for it, kept on disk."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from valuescope.data import Dilemma, Material, RatedText, label, read_data
from valuescope.data.material import of_value
from valuescope.data.phrasing import dilemma_text
from valuescope.files import sha256_of
from valuescope.lab.locations import Locations
from valuescope.lab.material import timed
from valuescope.lab.method import SFT, MethodSpec
from valuescope.lab.setting import Setting
from valuescope.lab.spec import ComparisonSpec
from valuescope.lab.strict import SpecError
from valuescope.models import NeuronModel, render_question
from valuescope.tune import Adapter, LoraTraining, TrainingText, train_adapter

HOW = tuple(field.name for field in fields(LoraTraining))
"""The parameters of training; the others say what is learnt."""


def adapters(locations: Locations, method: MethodSpec, setting: Setting) -> dict[str, Adapter]:
    """The adapter of each value: trained, or read back where an earlier run of the folder trained it."""
    spec, known = locations.spec, locations.adapters
    how = LoraTraining(**{name: one for name, one in setting.locator.items() if name in HOW})
    name = sha256_of(setting.locator)[:12]
    if name not in known:
        found = dict[str, Adapter]()
        learnt = training_texts(spec, locations.material, setting.locator)
        for value, texts in learnt.items():
            folder = locations.folder.path / "adapters" / name / value
            if not folder.is_dir():
                with timed(locations.folder, "train adapters"):
                    train_adapter(
                        locations.model,
                        value,
                        [_asked(locations.model, locations.material, setting.locator, one) for one in texts],
                        folder,
                        how,
                        seed=spec.seed,
                        progress=_told(locations, value),
                    )
            found[value] = Adapter.load(folder)
        known[name] = found
    return {
        value: one.with_strength(float(setting.edit_of(value).get("strength", 1.0)))
        for value, one in known[name].items()
    }


def adapters_of_others(found: Mapping[str, Adapter], seed: int, draw: int) -> dict[str, Adapter]:
    """The control: for every value the adapter of another one, drawn, at the value's own strength."""
    return {
        value: found[
            random.Random(f"sft-{seed}-{draw}-{value}").choice([one for one in found if one != value])
        ].with_strength(found[value].strength)
        for value in found
    }


def training_texts(
    spec: ComparisonSpec, material: Material, parameters: Mapping[str, Any]
) -> dict[str, list[TrainingText]]:
    """For each value what is learnt: questions, and answers that speak for it.

    From `texts`, a set of rated dialogues or of dilemmas with rationales (`reader` names its format); else from the run's
    material, its texts about the value that have an answer. `most`: so many per value.

    Raises:
        SpecError: naming the values that there is nothing for.
    """
    path, most = parameters.get("texts"), parameters.get("most")
    found: dict[str, list[TrainingText]] = {}
    records = read_data(path, parameters.get("reader")).records if path else ()
    for value in material.values:
        if path:
            texts = _of_records(of_value(records, value), value, spec.seed)
        else:
            role = label(value, "text")
            texts = [TrainingText(one.prompt, one.answer) for one in material.texts if one.label == role]
        found[value] = [one for one in texts if one.answer.strip()][:most]
    if empty := [value for value, texts in found.items() if not texts]:
        where = f"the set {path}" if path else f"source {material.source}"
        raise SpecError(
            f"intervention sft: {where} holds no question with an answer that speaks for {', '.join(empty)}; give a set "
            "that does as locator: {texts: PATH} (rated dialogues, or dilemmas with rationales)"
        )
    return found


def planned_training(spec: ComparisonSpec, material: Material) -> list[tuple[list[TrainingText], int]]:
    """For each training that a run will do its texts and epochs; settings that differ in strength share one."""
    planned = dict[str, tuple[list[TrainingText], int]]()
    for method in spec.methods.values():
        for setting in method.settings() if method.intervention == SFT else ():
            texts = training_texts(spec, material, setting.locator).values()
            epochs = int(setting.locator.get("epochs", LoraTraining().epochs))
            planned[sha256_of(setting.locator)] = [one for own in texts for one in own], epochs
    return list(planned.values())


def _of_records(records: Sequence[Any], value: str, seed: int) -> list[TrainingText]:
    rng, found = random.Random(f"sft-{seed}-{value}"), list[TrainingText]()
    for one in records:
        if isinstance(one, RatedText):
            found.append(TrainingText(one.text, one.reply))
        elif isinstance(one, Dilemma):
            text = dilemma_text(one, value, rng)
            found.append(TrainingText(text.prompt.strip(), text.answer))
    return found


def _asked(
    model: NeuronModel, material: Material, parameters: Mapping[str, Any], text: TrainingText
) -> TrainingText:
    """The question through the model's chat template; the organism's own texts have their marks already."""
    if not parameters.get("texts") and material.source == "organism":
        return text
    return TrainingText(render_question(model, text.prompt.strip()), text.answer.strip())


def _told(locations: Locations, value: str) -> Callable[[int, int], None]:
    return lambda done, total: locations.progress(f"adapters/{value}", done, total)
