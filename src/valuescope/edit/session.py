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
    """Edits made ready for one model; `active` puts them on it. `rows` is the size a batch must have (None: any).

    `response_mask` is bool [batch, seq] for the tokens of the coming forward pass, True where the input
    token is part of the answer; the caller sets it before each pass when a scope is "prompt" or "response".
    """

    def __init__(
        self,
        model: NeuronModel,
        bank: EditBank,
        place: Tensor | None,
        scopes: tuple[Scope, ...],
        rows: int | None,
    ) -> None:
        self.response_mask: Tensor | None = None
        self.rows = rows
        self._model = model
        self._bank = bank
        self._place = place
        self._scopes = scopes
        self._ready: dict[tuple[int, torch.device, torch.dtype], LayerTable] = {}

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that the edits touch."""
        return tuple(self._bank.tables)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Run the model with these edits inside the block; no other thread runs its hooked passes meanwhile."""
        with site_hooks(self._model, product=self.apply, layers=self.layers):
            yield

    def apply(self, layer: int, m: Tensor) -> Tensor | None:
        """The edited m [batch, seq, width] of a layer, or None where the layer is not touched."""
        if layer not in self._bank.tables:
            return None
        if self.rows is not None and m.shape[0] != self.rows:
            raise EditError(
                f"{self.rows} edits were given, one per row, but the batch has {m.shape[0]} rows: give as "
                "many edits as rows (None for a row without one), or a single edit for all rows"
            )
        changed = self._table(layer, m.device, m.dtype).apply(m)
        if set(self._scopes) == {"both"}:
            return changed
        return torch.where(self._edited_tokens(m).unsqueeze(-1), changed, m)

    def _table(self, layer: int, device: torch.device, dtype: torch.dtype) -> LayerTable:
        key = (layer, device, dtype)
        if key not in self._ready:
            table = self._bank.table(layer, device, dtype)
            self._ready[key] = table if self._place is None else table.rows(self._place)
        return self._ready[key]

    def _edited_tokens(self, m: Tensor) -> Tensor:
        """Which tokens [batch, seq] the scopes let the edits act on."""
        answer = self._checked_mask(m)
        if len(self._scopes) == 1:
            return answer if self._scopes == ("response",) else ~answer

        def rows_on(*scopes: Scope) -> Tensor:
            return torch.tensor([[scope in scopes] for scope in self._scopes], device=m.device)

        return (rows_on("both", "response") & answer) | (rows_on("both", "prompt") & ~answer)

    def _checked_mask(self, m: Tensor) -> Tensor:
        if self.response_mask is None:
            raise EditError(
                f"edits on={self._scopes[0]!r} need to know the answer's tokens: set session.response_mask "
                "(bool [batch, seq]) before the forward pass, or use on='both'"
            )
        if self.response_mask.dtype != torch.bool or self.response_mask.shape != m.shape[:2]:
            raise EditError(
                f"session.response_mask is {self.response_mask.dtype} {tuple(self.response_mask.shape)}, "
                f"this pass needs torch.bool {tuple(m.shape[:2])}: set it anew before each forward pass"
            )
        return self.response_mask.to(m.device)


class EditBank:
    """The tables of some distinct edits, built once and kept on the device, for any arrangement of them in rows."""

    def __init__(self, model: NeuronModel, edits: Sequence[Edit | None], *, force: bool = False) -> None:
        distinct = list(dict.fromkeys(edits))
        slopes = [_own_slopes(model, edit, force) for edit in distinct]
        self.tables = build_tables(slopes, model.width)
        self._model = model
        self._number = {edit: number for number, edit in enumerate(distinct)}
        self._moved: dict[tuple[int, torch.device, torch.dtype], LayerTable] = {}

    def __contains__(self, edit: object) -> bool:
        return edit in self._number

    def __len__(self) -> int:
        return len(self._number)

    def session(
        self, edits: Edit | Sequence[Edit | None] | None, on: Scope | Sequence[Scope] = "both"
    ) -> EditSession:
        """Edits of this bank: one for a batch of any size, or one per row; `on` likewise."""
        rows: list[Edit | None] | None = None
        if edits is not None and not isinstance(edits, Edit):
            rows = list(edits)
        alike = [edits] if edits is None or isinstance(edits, Edit) else list(dict.fromkeys(edits))
        # Where all rows are alike the table of one broadcasts, and nothing is gathered.
        numbers = [self._number[edit] for edit in (alike if rows is None or len(alike) == 1 else rows)]
        place = None if len(self) == 1 else torch.tensor(numbers)
        scopes = (on,) if isinstance(on, str) else tuple(on)
        if len(set(scopes)) == 1:
            scopes = scopes[:1]
        return EditSession(self._model, self, place, scopes, None if rows is None else len(rows))

    def table(self, layer: int, device: torch.device, dtype: torch.dtype) -> LayerTable:
        """One row per distinct edit, where and as the activations are."""
        key = (layer, device, dtype)
        if key not in self._moved:
            self._moved[key] = self.tables[layer].to(device, dtype)
        return self._moved[key]


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
    require_scope(on)
    rows: list[Edit | None] = [edits] if edits is None or isinstance(edits, Edit) else list(edits)
    if not rows:
        raise EditError("an empty sequence of edits: give one edit (or None) per row of the batch, or None")
    session = EditBank(model, rows, force=force).session(edits, on)
    with session.active():
        yield session


def require_scope(on: str) -> None:
    """EditError unless `on` is a Scope."""
    if on not in get_args(Scope):
        raise EditError(f"on must be one of {', '.join(get_args(Scope))}, it is {on!r}")


def _own_slopes(model: NeuronModel, edit: Edit | None, force: bool) -> Slopes | None:
    if edit is None:
        return None
    if not isinstance(edit, Edit):
        raise EditError(f"{edit!r} is not an edit: give Deactivate(...), Amplify(...), Modulate(...) or None")
    edit.neurons.require(model, force=force)
    return edit.slopes()
