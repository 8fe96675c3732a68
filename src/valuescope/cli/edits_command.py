"""edits: what the files of edits say, whether they fit a model, and one file for the three of an edit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from valuescope.cli.command import argument as positional
from valuescope.cli.command import command, option
from valuescope.cli.terminal import estimate_text, printable

if TYPE_CHECKING:
    from valuescope.edit import Bundle, Edit, Measurement
    from valuescope.models import NeuronModel

ACTIONS = ("show", "verify", "convert")
MISSING = "-"


@command(
    "show the files of edits, verify that they fit a model, convert between three files and one",
    "valuescope edits show edits/power.json other.vsedit\n"
    "  valuescope edits verify power.vsedit --model organism\n"
    "  valuescope edits convert edits/power.json --to power.vsedit --licence CC-BY-4.0",
)
def edits(
    action: str = positional(
        "show what they say, verify (needs --model; exit code 1 where one does not fit), or convert (needs --to)",
        "ACTION",
        names=ACTIONS,
    ),
    files: list[Path] = positional("edits, as .json or .vsedit; to show or verify, folders too", "FILE ..."),
    model: str | None = option(None, "the model that they are to fit", "MODEL"),
    dtype: str = option("auto", "of the model: auto, float32, bfloat16 or float16"),
    device: str | None = option(None, "of the model, such as cpu or cuda:0"),
    to: Path | None = option(None, "a .vsedit (one file), or a .json (three)", "FILE"),
    licence: str | None = option(
        None, "what a .vsedit may be used under, such as CC-BY-4.0 (default: as it was)", "TEXT"
    ),
    evidence: Path | None = option(
        None, "what was measured of the edit, a JSON for a .vsedit (default: as it was)", "FILE"
    ),
) -> None:
    """`valuescope edits`."""
    if action == "show":
        print(_table(_described(files)))
    elif action == "verify":
        if model is None:
            raise ValueError("nothing to verify by; give --model MODEL")
        from valuescope.models import load_model

        described = _described(files)
        loaded = load_model(model, dtype=dtype, device=device)
        verdicts = [_verdict(path, bundle.edit, loaded) for path, bundle in described]
        if not all(verdicts):
            raise typer.Exit(1)
    else:
        if to is None or len(files) != 1:
            raise ValueError(f"convert takes one FILE and --to FILE; here are {len(files)} and --to {to}")
        _convert(files[0], to, licence, evidence)


def _described(paths: Sequence[Path]) -> list[tuple[Path, Bundle]]:
    from valuescope.edit import load_bundle
    from valuescope.neurons.edit_files import edit_files

    return [(file, load_bundle(file)) for path in paths for file in edit_files(path)]


def _table(described: Sequence[tuple[Path, Bundle]]) -> str:
    """A column for each file, a row for each thing that is said of it."""
    from valuescope.report.table import plain_table

    columns = [dict(_facts(bundle)) for _, bundle in described]
    rows = [[name, *(printable(column[name]) for column in columns)] for name in columns[0]]
    return plain_table(["", *(str(path) for path, _ in described)], rows, left=len(columns) + 1)


def _facts(bundle: Bundle) -> Iterator[tuple[str, str]]:
    from valuescope.edit import Evidence, NeuronEdit

    edit, evidence = bundle.edit, bundle.evidence or Evidence()
    model = edit.subject.model
    settings = {name: value for name, value in edit.parameters.items() if name != "strength"}
    yield "value", edit.value
    yield "edit", edit.kind
    yield "parameters", ", ".join(f"{name} {value}" for name, value in settings.items()) or MISSING
    yield "strength", f"{edit.strength:g}"
    what, whole = (
        ("neurons", model.layers * model.width) if isinstance(edit, NeuronEdit) else ("layers", model.layers)
    )
    yield "acts on", f"{len(edit.subject)} of {whole} {what}"
    yield "found by", edit.subject.method
    yield "model", model.id if model.revision is None else f"{model.id} at {model.revision}"
    yield "fingerprint", model.fingerprint
    yield "measure", evidence.measure or MISSING
    yield "effect", _measured(evidence.effect, "+.3f")
    yield "effect, random control", _measured(evidence.random_control, "+.3f")
    yield "fluency", _measured(evidence.fluency, ".3f")
    yield "null share", MISSING if evidence.null_share is None else f"{evidence.null_share:.3f}"
    yield "licence", bundle.licence or MISSING
    yield "hash", edit.hash


def _measured(measurement: Measurement | None, form: str) -> str:
    from valuescope.metrics import Estimate

    if measurement is None:
        return MISSING
    return estimate_text(Estimate(**asdict(measurement)), form, "a number")


def _verdict(path: Path, edit: Edit, model: NeuronModel) -> bool:
    """Print whether an edit was found in this very model and, if not, what differs."""
    from valuescope.locate import LayerTensors
    from valuescope.models.identity import fingerprint_difference
    from valuescope.report.table import plain_table

    its, loaded = edit.subject.model, model.identity
    fits = its.fingerprint == loaded.fingerprint
    print(f"{path}: {'fits' if fits else 'does not fit'} {loaded.id}")
    if fits:
        return True
    pairs = {
        "model": (its.id, loaded.id),
        "fingerprint": (its.fingerprint, loaded.fingerprint),
        "layers": (str(its.layers), str(loaded.layers)),
        "neurons in a layer": (str(its.width), str(loaded.width)),
    }
    if isinstance(subject := edit.subject, LayerTensors):
        pairs["width of the residual stream"] = (str(subject.hidden), str(model.hidden))
    rows = [
        [name, printable(mine), theirs, "equal" if mine == theirs else "differs"]
        for name, (mine, theirs) in pairs.items()
    ]
    print(plain_table(["", "edit", "model", ""], rows, left=4))
    if difference := fingerprint_difference(its.fingerprint, loaded.fingerprint):
        print(difference.strip())
    return False


def _convert(source: Path, to: Path, licence: str | None, evidence: Path | None) -> None:
    from valuescope.edit import Bundle, EditError, Evidence, load_bundle
    from valuescope.edit.bundle import SUFFIX
    from valuescope.input_files import read_json

    if to.suffix not in (SUFFIX, ".json"):
        raise EditError(f"--to {to}: give a path that ends in {SUFFIX} (one file) or .json (three)")
    bundle = load_bundle(source)
    if to.suffix == SUFFIX:
        measured = bundle.evidence
        if evidence is not None:
            content = read_json(evidence)
            try:
                measured = Evidence.from_dict(content)
            except EditError as error:
                raise EditError(f"{evidence}: {error}") from error
        Bundle(bundle.edit, measured, licence or bundle.licence).save(to)
    elif licence is not None or evidence is not None:
        raise EditError(f"--to {to}: a .json holds no licence and no evidence; convert to a {SUFFIX}")
    else:
        bundle.edit.save(to)
        if bundle.evidence is not None or bundle.licence is not None:
            print(f"{to}: without the evidence and the licence, which only a {SUFFIX} holds")
    print(f"{to}: {bundle.edit.describe()}")
