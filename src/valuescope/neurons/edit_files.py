"""Neuron sets out of edit files, folders of them, and run folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from valuescope.edit import EditError, NeuronEdit, load_edit
from valuescope.edit.bundle import SUFFIX
from valuescope.edit.edit_file import read_description
from valuescope.locate import NeuronSet


def read_neuron_sets(paths: Sequence[Path]) -> dict[str, NeuronSet]:
    """By value the neurons of edits: of files, of the files in a folder, or of a run (its folder `edits`).

    EditError where there are none, two edits of one value, edits of different models, an edit of the residual stream, or a run
    with edits of several methods.
    """
    sets = dict[str, NeuronSet]()
    for file in (file for path in paths for file in edit_files(path)):
        edit = load_edit(file)
        if not isinstance(edit, NeuronEdit):
            raise EditError(f"{file}: {edit.kind} acts on the residual stream and has no neurons")
        if edit.value in sets:
            raise EditError(
                f"{file}: there are neurons of {edit.value!r} already; give one edit of each value"
            )
        sets[edit.value] = edit.neurons
    if len({neurons.model.fingerprint for neurons in sets.values()}) > 1:
        raise EditError(f"{paths[0]}: the edits are of different models; give those of one model")
    return sets


def edit_files(path: Path) -> list[Path]:
    """A file, the edit files of a folder, or those of a run's one method; EditError where there are none."""
    if not path.is_dir():
        return [path]
    methods = sorted(folder for folder in (path / "edits").glob("*") if folder.is_dir())
    if len(methods) > 1:
        names = ", ".join(str(folder) for folder in methods)
        raise EditError(f"{path}: the run has edits of {len(methods)} methods; give one of {names}")
    folder = methods[0] if methods else path
    files = dict[str, Path]()  # by hash: one that lies there as JSON and as a bundle counts once
    for file in (*sorted(folder.glob("*.json")), *sorted(folder.glob(f"*{SUFFIX}"))):
        if (edit_hash := _hash_of(file)) is not None:
            files.setdefault(edit_hash, file)
    if not files:
        raise EditError(
            f"{path}: no edit files there; give edits that `valuescope locate` wrote, or a run whose specification says "
            "`edits: {}` (add it and run the same command again: what was answered is kept)"
        )
    return list(files.values())


def _hash_of(file: Path) -> str | None:
    """The hash of the edit in a file, as the file says it; None where it is a JSON of something else."""
    try:
        content = read_description(file)
    except EditError:
        if file.suffix == SUFFIX:
            raise
        return None
    is_edit = isinstance(content, dict) and {"edit", "parameters", "hash"} <= content.keys()
    return str(content["hash"]) if is_edit else None
