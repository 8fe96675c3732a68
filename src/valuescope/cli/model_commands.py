"""sites and locate: what a model's neurons are, and which belong to a value."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from valuescope.cli.options import (
    ProgressBars,
    add_command,
    add_model_options,
    load_from,
    model_spec,
    parameter,
)
from valuescope.data import SOURCES
from valuescope.edit import EDITS
from valuescope.locate import LOCATORS
from valuescope.models import describe_sites
from valuescope.run import RunFolder, Spec
from valuescope.run.spec_file import make_part
from valuescope.run.stages import Locations, chosen_values, edits, read_activations, read_material

USUAL_EDIT = {
    **dict.fromkeys(("vape", "vape-layer-bar", "specificity", "two-proportion"), "deactivate"),
    "valuelocate": "amplify",
    **dict.fromkeys(("neva", "neva-exclusive", "lpip", "qrnca", "cgvst"), "modulate"),
}


def add_commands(commands: Any) -> None:
    """Add the two commands."""
    sites = add_command(
        commands,
        "sites",
        show_sites,
        "find a model's neurons and prove that reading and editing them works",
        "valuescope sites meta-llama/Llama-3.1-8B-Instruct --dtype bfloat16",
    )
    add_model_options(sites)
    locate = add_command(
        commands,
        "locate",
        locate_neurons,
        "find the neurons of each value and save them as edits",
        "valuescope locate organism --method neva -p alpha=0.01 --only power benevolence --out edits/neva",
    )
    add_model_options(locate)
    methods = [name for name in LOCATORS if name in USUAL_EDIT]
    locate.add_argument("--method", required=True, choices=methods, help="the locator")
    locate.add_argument(
        "-p", "--parameter", type=parameter, action="append", default=[], metavar="NAME=VALUE"
    )
    locate.add_argument(
        "--edit", choices=list(EDITS), help="the edit to save (default: the one of the locator's paper)"
    )
    locate.add_argument(
        "-e", "--edit-parameter", type=parameter, action="append", default=[], metavar="NAME=VALUE"
    )
    locate.add_argument("--top", type=int, help="keep only so many neurons per value")
    locate.add_argument("--values", default="schwartz", help="value system: a built-in name or a TOML file")
    locate.add_argument("--level", default="value", help="level of the value system (default: value)")
    locate.add_argument(
        "--only", nargs="+", metavar="VALUE", help="these values only (default: all of the level)"
    )
    locate.add_argument(
        "--source", default="organism", choices=list(SOURCES), help="where the texts come from"
    )
    locate.add_argument(
        "-d", "--data-parameter", type=parameter, action="append", default=[], metavar="NAME=VALUE"
    )
    locate.add_argument(
        "--roles", nargs=2, metavar=("FOR", "AGAINST"), help="texts to read, such as positive negative"
    )
    locate.add_argument("--seed", type=int, default=0)
    locate.add_argument(
        "--out", type=Path, required=True, help="folder for the edits; an unfinished run resumes"
    )


def show_sites(options: argparse.Namespace) -> None:
    """`valuescope sites`."""
    print(describe_sites(load_from(options)))


def locate_neurons(options: argparse.Namespace) -> None:
    """`valuescope locate`."""
    setting = {"locator": dict(options.parameter), "edit": dict(options.edit_parameter), "top": options.top}
    edit = options.edit or USUAL_EDIT[options.method]
    method = {"locator": options.method, "edit": edit, "roles": options.roles, "default": setting}
    spec = make_part(
        Spec,
        {
            "name": "locate",
            "seed": options.seed,
            "model": model_spec(options).model_dump(),
            "values": {"system": options.values, "level": options.level, "only": options.only},
            "data": {"source": options.source, "parameters": dict(options.data_parameter)},
            "methods": {options.method: method},
        },
        "locate",
    )
    model, folder, progress = load_from(options), RunFolder(options.out), ProgressBars()
    folder.open(spec, model.identity.fingerprint)
    _, values = chosen_values(spec)
    material = read_material(spec, folder, values)
    activations = read_activations(spec, folder, model, material, progress)
    progress.close()
    chosen = spec.methods[options.method]
    location = Locations(spec, folder, model, material, activations).of(chosen, chosen.default)
    for warning in location.warnings:
        print(f"warning: {warning}")
    for value, made in edits(chosen, chosen.default, location).items():
        if made is None:
            print(f"{value}: no neurons")
        else:
            print(f"{made.save(options.out / f'{value}.json')}: {made.describe()}")
