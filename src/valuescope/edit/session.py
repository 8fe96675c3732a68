"""Apply edits to a model for the length of a `with` block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, get_args

import torch
from torch import Tensor

from valuescope.edit.edits import Edit
from valuescope.edit.slopes import EditError, Slopes
from valuescope.edit.tables import LayerTable, build_tables
from valuescope.models import NeuronModel, site_hooks

Scope = Literal["both", "prompt", "response"]


class EditSession:
    """The edits that are on a model now.

    `response_mask` is bool [batch, seq] for the tokens of the coming forward pass, True where the input
    token is part of the answer; the caller sets it before each pass when `on` is "prompt" or "response".
    """

    def __init__(self, tables: dict[int, LayerTable], rows: int | None, on: Scope) -> None:
        self.on = on
        self.rows = rows
        self.response_mask: Tensor | None = None
        self._tables = tables
        self._ready: dict[tuple[int, torch.device, torch.dtype], LayerTable] = {}

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that the edits touch."""
        return tuple(self._tables)

    def apply(self, layer: int, m: Tensor) -> Tensor | None:
        """The edited m [batch, seq, width] of a layer, or None where the layer is not touched."""
        table = self._table(layer, m.device, m.dtype)
        if table is None:
            return None
        if self.rows is not None and m.shape[0] != self.rows:
            raise EditError(
                f"{self.rows} edits were given, one per row, but the batch has {m.shape[0]} rows: give as "
                "many edits as rows (None for a row without one), or a single edit for all rows"
            )
        changed = table.apply(m)
        if self.on == "both":
            return changed
        answer = self._checked_mask(m)
        here = answer if self.on == "response" else ~answer
        return torch.where(here.unsqueeze(-1), changed, m)

    def _table(self, layer: int, device: torch.device, dtype: torch.dtype) -> LayerTable | None:
        if layer not in self._tables:
            return None
        key = (layer, device, dtype)
        if key not in self._ready:
            self._ready[key] = self._tables[layer].to(device, dtype)
        return self._ready[key]

    def _checked_mask(self, m: Tensor) -> Tensor:
        if self.response_mask is None:
            raise EditError(
                f"edits on={self.on!r} need to know the answer's tokens: set session.response_mask "
                "(bool [batch, seq]) before the forward pass, or use on='both'"
            )
        if self.response_mask.dtype != torch.bool or self.response_mask.shape != m.shape[:2]:
            raise EditError(
                f"session.response_mask is {self.response_mask.dtype} {tuple(self.response_mask.shape)}, "
                f"this pass needs torch.bool {tuple(m.shape[:2])}: set it anew before each forward pass"
            )
        return self.response_mask.to(m.device)


@contextmanager
def edited(
    model: NeuronModel,
    edits: Edit | Sequence[Edit | None] | None,
    *,
    on: Scope = "both",
    force: bool = False,
) -> Iterator[EditSession]:
    """Run the model with edits inside the block; afterwards nothing is left on it, whatever happened inside.

    One edit (or None) acts on every row of any batch. A sequence gives each row of the batch its own edit
    or None, and a batch of another size raises EditError. `on` limits the edits to the tokens of the prompt
    or of the answer (see EditSession.response_mask). The neuron set of another model raises NeuronSetError
    unless `force` (NeuronSet.require). Blocks may be nested: the inner edit sees what the outer one left.
    """
    if on not in get_args(Scope):
        raise EditError(f"on must be one of {', '.join(get_args(Scope))}, it is {on!r}")
    rows: list[Edit | None] = [edits] if edits is None or isinstance(edits, Edit) else list(edits)
    if not rows:
        raise EditError("an empty sequence of edits: give one edit (or None) per row of the batch, or None")
    slopes = {edit: _own_slopes(model, edit, force) for edit in dict.fromkeys(rows)}
    tables = build_tables([slopes[edit] for edit in rows], model.width)
    for_all = edits is None or isinstance(edits, Edit)
    session = EditSession(tables, rows=None if for_all else len(rows), on=on)
    with site_hooks(model, product=session.apply, layers=session.layers):
        yield session


def _own_slopes(model: NeuronModel, edit: Edit | None, force: bool) -> Slopes | None:
    if edit is None:
        return None
    if not isinstance(edit, Edit):
        raise EditError(f"{edit!r} is not an edit: give Deactivate(...), Amplify(...), Modulate(...) or None")
    edit.neurons.require(model, force=force)
    return edit.slopes()
