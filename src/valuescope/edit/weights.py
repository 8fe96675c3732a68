"""Edits written into the weights, where weights can express them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from valuescope.edit.edit import Edit
from valuescope.edit.layer_tables import EditError, Slopes
from valuescope.edit.neuron_edits import NeuronEdit
from valuescope.edit.stream_edits import StreamEdit
from valuescope.files import write_json_atomic
from valuescope.models import NeuronModel
from valuescope.version import __version__

NOTE_FILE = "valuescope_edit.json"


@contextmanager
def weights_edited(model: NeuronModel, edit: Edit, *, force: bool = False) -> Iterator[None]:
    """Scale the value vectors of the edit's neurons by alpha inside the block; restored bit for bit.

    Equals `edited(model, edit)`: exactly for alpha = 0 and powers of two, within rounding otherwise.
    Raises EditError where some beta is not 0 (the factor depends on the sign of m, which no weight can
    know), for an edit of the residual stream (a constant is a bias, not a factor), and where the weights cannot be written (quantised or offloaded). Other threads wait until the block ends.
    """
    edit.require(model, force=force)
    slopes = _linear_slopes(edit)
    plan = [(_writable_vectors(model, layer), slopes.at(layer)) for layer in slopes.touched()]
    saved: list[Tensor] = []
    with model.lock:
        try:
            with torch.no_grad():
                for vectors, here in plan:
                    indices = here.indices.to(vectors.device)
                    saved.append(vectors[indices])
                    vectors[indices] *= here.alpha.to(vectors).unsqueeze(-1)
            yield
        finally:
            with torch.no_grad():
                for (vectors, here), original in zip(plan, saved, strict=False):
                    vectors[here.indices.to(vectors.device)] = original


def export_edited(model: NeuronModel, edit: Edit, folder: Path | str, *, force: bool = False) -> Path:
    """Save the model with the edit in its weights as a Hugging Face folder, with a note beside it.

    `valuescope_edit.json` names the edit, its neuron set and the model it was made from. The folder must
    not exist; it appears whole or not at all. What is saved is another model with another fingerprint, so
    it refuses the original's neuron sets. Raises EditError like `weights_edited`.
    """
    folder = Path(folder)
    if folder.exists():
        raise EditError(f"{folder} exists already: give a folder that does not, an export never overwrites")
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    note = {
        "version": 1,
        "valuescope": __version__,
        "base_model": model.identity.to_dict(),
        "description": edit.describe(),
        "edit": edit.to_dict(),
    }
    aside.mkdir(parents=True)
    try:
        with weights_edited(model, edit, force=force):
            model.model.save_pretrained(aside)
        model.tokenizer.save_pretrained(aside)
        write_json_atomic(aside / NOTE_FILE, note)
        os.replace(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _linear_slopes(edit: Edit) -> Slopes:
    """The edit's slopes; EditError unless it is one factor per neuron, the only kind a down projection can hold."""
    how = "apply the edit with edited(...)"
    if isinstance(edit, StreamEdit):
        raise EditError(f"{edit.describe()} cannot be written into weights: {edit.why_not_weights}; {how}")
    if not isinstance(edit, NeuronEdit):
        raise EditError(f"{edit!r} is not an edit of neurons, and only those can be written into weights")
    slopes = edit.slopes()
    bent = int((slopes.beta != 0).sum())
    if bent:
        raise EditError(
            f"{edit.describe()}: {bent} of {len(slopes)} neurons get a factor that depends on the sign of m, "
            f"and the weights of a down projection hold one factor per neuron, whatever m is: {how}, or choose one "
            "without such neurons (deactivate, or amplify a set in which no neuron is suppressed)"
        )
    return slopes


def _writable_vectors(model: NeuronModel, layer: int) -> Tensor:
    """The value vectors of a layer [width, hidden], as a view through which the weights can be scaled."""
    vectors = model.value_vectors(layer)
    if vectors.is_meta or vectors.dtype not in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        raise EditError(
            f"the weights of {model.sites[layer].down} are "
            f"{'offloaded' if vectors.is_meta else vectors.dtype} and cannot be scaled in place: load the "
            "model in float32, float16 or bfloat16 without offloading, or apply the edit with edited(...)"
        )
    return vectors
