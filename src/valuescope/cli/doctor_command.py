"""doctor: what is installed here, what is missing, and what the machine can do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from valuescope.cli.command import command, option
from valuescope.cli.terminal import aligned

if TYPE_CHECKING:
    from valuescope.doctor import CacheFolder, Diagnosis, Extra
    from valuescope.doctor.machine import Machine


@command(
    "say what is installed here, what is missing, and what the machine can do",
    "valuescope doctor --json > doctor.json",
)
def doctor(as_json: bool = option(False, "print everything as JSON", "--json")) -> None:
    """`valuescope doctor`."""
    from valuescope.doctor import diagnose

    diagnosis = diagnose()
    if as_json:
        print(json.dumps(asdict(diagnosis), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print("\n".join(_lines(diagnosis)))
    if diagnosis.faults:
        raise typer.Exit(1)


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    yield f"valuescope {diagnosis.valuescope}, Python {diagnosis.python}, {diagnosis.system}"
    yield ""
    if diagnosis.required:
        packages = [[package.name, package.version or "-", package.needed] for package in diagnosis.required]
        yield from aligned([["package", "version", "needed"], *packages])
        yield ""
        yield from aligned([["extra", "state"], *([extra.name, _state(extra)] for extra in diagnosis.extras)])
    else:
        yield "valuescope is not installed as a package, so what it needs cannot be compared with what is there"
    if diagnosis.machine is not None:
        yield ""
        yield from _machine(diagnosis.machine)
    yield ""
    yield from aligned([["cache", "folder", "files", "size", ""], *map(_folder, diagnosis.folders)])
    yield ""
    models = [[model.name, model.place or model.fault or model.install] for model in diagnosis.models]
    yield from aligned([["model", "where"], *models])
    yield ""
    yield from [f"fault: {fault}" for fault in diagnosis.faults] or ["nothing is broken"]


def _state(extra: Extra) -> str:
    if not extra.lacking:
        return "installed"
    return f"without {', '.join(package.name for package in extra.lacking)}: {extra.install}"


def _machine(machine: Machine) -> Iterator[str]:
    devices = [
        [device.name, device.kind, _size(device.free), _size(device.total)] for device in machine.devices
    ]
    yield from aligned([["device", "kind", "free", "memory"], *devices])
    native = "natively" if machine.native_bfloat16 else "by conversion"
    yield f"models go to {machine.default}, which computes bfloat16 {native}: --dtype auto takes {machine.automatic}"
    for speed in machine.speeds:
        fast = "not possible" if speed.gigaflops is None else f"{speed.gigaflops:,.1f} GFLOP/s"
        yield f"matrix product in {speed.dtype}: {fast}"
    yield f"{machine.threads} {'thread' if machine.threads == 1 else 'threads'} on {machine.cores} cores"


def _folder(folder: CacheFolder) -> list[str]:
    files = "none yet" if folder.files is None else str(folder.files)
    return [
        folder.use,
        folder.path,
        files,
        _size(folder.size),
        "" if folder.writable else "cannot be written",
    ]


def _size(count: int | None) -> str:
    if count is None:
        return "-"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
