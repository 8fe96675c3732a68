"""sites and locate: what a model's neurons are, and which belong to a value."""

from __future__ import annotations

from pathlib import Path

from valuescope.cli.command import NamedSetting, command, option, settings
from valuescope.cli.model_options import ModelOptions, SourceOptions
from valuescope.cli.terminal import ProgressBars

USUAL_EDIT = {
    **dict.fromkeys(("vape", "vape-layer-bar", "specificity", "two-proportion"), "deactivate"),
    "valuelocate": "amplify",
    **dict.fromkeys(("neva", "neva-exclusive", "lpip", "qrnca", "cgvst"), "modulate"),
}
"""Locator -> the edit of its paper."""
EDITS = ("deactivate", "amplify", "modulate", "profile", "add-vector", "probe-shift")


@command(
    "find a model's neurons and prove that reading and editing them works",
    "valuescope sites meta-llama/Llama-3.1-8B-Instruct --dtype bfloat16",
)
def sites(model: ModelOptions) -> None:
    """`valuescope sites`."""
    from valuescope.models import describe_sites

    print(describe_sites(model.load()))


@command(
    "find the neurons of each value and save them as edits",
    "valuescope locate organism --method neva -p alpha=0.01 \\\n      --only power benevolence --out edits/neva",
)
def locate(
    model: ModelOptions,
    source: SourceOptions,
    method: str = option(..., "the locator", names=tuple(USUAL_EDIT)),
    parameters: list[NamedSetting] = settings("of the locator", "-p", "--parameter"),
    edit: str | None = option(None, "the edit to save (default: that of the locator's paper)", names=EDITS),
    edit_parameters: list[NamedSetting] = settings("of the edit", "-e", "--edit-parameter"),
    top: int | None = option(None, "keep only so many neurons per value"),
    values: str = option("schwartz", "value system: a built-in name or a TOML file"),
    level: str = option("value", "level of the value system"),
    only: list[str] = option([], "these values only (default: all of the level)", "VALUE ..."),
    roles: tuple[str, str] | None = option(None, "texts to read, such as positive negative", "FOR AGAINST"),
    seed: int = option(0, "of everything that is drawn"),
    bundle: bool = option(False, "save each edit as one file to share, VALUE.vsedit", "--bundle"),
    out: Path = option(..., "folder for the edits; an unfinished run resumes", "FOLDER"),
) -> None:
    """`valuescope locate`."""
    from valuescope.edit import Bundle
    from valuescope.lab.counted_texts import read_activations, read_texts
    from valuescope.lab.locations import Locations, edits, neuron_sets
    from valuescope.lab.material import chosen_values, read_material, require_marks
    from valuescope.parts.method import selection_fault
    from valuescope.run import RunFolder, Spec
    from valuescope.run.spec_file import make_part

    setting = {"locator": dict(parameters), "edit": dict(edit_parameters), "top": top}
    usual = {"locator": method, "edit": edit or USUAL_EDIT[method], "roles": roles, "default": setting}
    content = {
        "name": "locate",
        "seed": seed,
        "model": model.spec().model_dump(),
        "values": {"system": values, "level": level, "only": only or None},
        "data": {"source": source.named(model.model), "parameters": dict(source.data_parameters)},
        "methods": {method: usual},
    }
    spec = make_part(Spec, content, "locate")
    loaded, folder = model.load(), RunFolder(out)
    folder.open(spec, loaded.identity.fingerprint, loaded.dtype)
    material = read_material(spec, folder, chosen_values(spec)[1])
    require_marks(material.source, loaded)
    counts = ", ".join(f"{count} {role}" for role, count in material.counts().items())
    print(f"source {material.source}: {len(read_texts(spec, material))} texts read of {counts}")
    with ProgressBars() as progress:
        activations = read_activations(spec, folder, loaded, material, progress)
    chosen = spec.methods[method]
    location = Locations(spec, folder, loaded, material, activations).of(chosen, chosen.default)
    for value, accuracy in location.diagnostics.get("validation_accuracy", {}).items():
        kept = [layer + 1 for layer in location.diagnostics["kept_layers"][value]]
        best, texts = accuracy.index(max(accuracy)), location.diagnostics["validation_texts"][value]
        low, high = location.diagnostics["validation_interval"][value][best]
        print(
            f"{value}: best probe {accuracy[best]:.2f} [{low:.2f}, {high:.2f}] of {texts} texts, layers kept: "
            f"{', '.join(map(str, kept)) or 'none'}"
        )
    for warning in location.warnings:
        print(f"warning: {warning}")
    for value, made in edits(chosen, chosen.default, location).items():
        if made is None:
            print(f"{value}: no neurons")
            continue
        path = Bundle(made).save(out / f"{value}.vsedit") if bundle else made.save(out / f"{value}.json")
        print(f"{path}: {made.describe()}")
    taken = {value: len(neurons) for value, neurons in neuron_sets(location, chosen.default).items()}
    if fault := selection_fault(taken, loaded.neurons):
        print(f"WARNING: {method} {fault}")
