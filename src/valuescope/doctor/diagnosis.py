"""Everything that a report of a fault should begin with; made also where torch or transformers cannot be imported."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valuescope.doctor.packages import Extra, Package, declared, packages_of
from valuescope.doctor.places import (
    CacheFolder,
    NamedModel,
    bundled_models,
    examine_folder,
    hub_cache,
    smollm2,
    without_user,
)
from valuescope.files import cache_folder
from valuescope.version import __version__

if TYPE_CHECKING:
    from valuescope.doctor.machine import Machine


@dataclass(frozen=True)
class Diagnosis:
    """What is here. `required` and `extras` are empty where valuescope is not installed but its source is on the path.

    `machine` is None where torch or transformers cannot be imported; then `models` holds the bundled ones alone.
    `faults`: what keeps valuescope from working, each with the way to mend it. No path names the user.
    """

    valuescope: str
    python: str
    system: str
    required: tuple[Package, ...]
    extras: tuple[Extra, ...]
    machine: Machine | None
    folders: tuple[CacheFolder, ...]
    models: tuple[NamedModel, ...]
    faults: tuple[str, ...]


def diagnose() -> Diagnosis:
    """Look at the installation and the machine; nothing is downloaded or written."""
    lines, names = declared() or ([], [])
    required = packages_of(lines)
    models, folders = list(bundled_models()), [examine_folder("valuescope", cache_folder())]
    faults = [package.fault for package in required] + [model.fault for model in models]
    machine = None
    try:
        from valuescope.doctor.machine import examine_machine

        machine = examine_machine()
        models.append(smollm2())
        folders.append(examine_folder("Hugging Face", hub_cache()))
    except Exception as error:  # a damaged package raises whatever it stumbles over
        reason = without_user(" ".join(str(error).split()))
        faults.append(
            f"models cannot be loaded. {type(error).__name__}: {reason}; install that package again"
        )
    return Diagnosis(
        valuescope=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        required=required,
        extras=tuple(Extra(name, packages_of(lines, name)) for name in names),
        machine=machine,
        folders=tuple(folders),
        models=tuple(models),
        faults=tuple(fault for fault in faults if fault),
    )
