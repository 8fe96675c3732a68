"""Apply edits to a model for the length of a `with` block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, Literal, get_args

import torch
from torch import Tensor

from valuescope.edit.edit import Edit
from valuescope.edit.layer_tables import EditError, EditTables, SiteTables, TableT
from valuescope.edit.prompt_gaps import PromptGaps
from valuescope.models import NeuronModel, site_hooks

Scope = Literal["both", "prompt", "response"]

_KEPT_EDITS = 32  # beside those that were asked for last


class EditSession:
    """Edits made ready for one model; `active` puts them on it. `rows` is the size a batch must have (None: any).

    `response_mask` is bool [batch, seq] for the tokens of the coming forward pass, True where the input
    token is part of the answer; the caller sets it before each pass when a scope is "prompt" or "response", or an edit
    is one per prompt. The prompt must then be read in one pass. `gaps` is what was read at its end: a session for the
    same rows, or some of them, goes on with it.
    """

    def __init__(
        self,
        model: NeuronModel,
        edits: Sequence[EditTables],
        place: Sequence[int],
        scopes: Sequence[Scope],
        rows: int | None,
    ) -> None:
        self.rows = rows
        self._model = model
        self._product = _RowTables([tables.product for tables in edits], place)
        self._stream = _RowTables([tables.stream for tables in edits], place)
        self.layers = tuple(sorted(self._product.layers | self._stream.layers))
        """The layers that the edits touch."""
        self.gaps = PromptGaps()
        self._scopes = scopes
        self._response_mask: Tensor | None = None
        self._tokens: Tensor | None = None  # those of the coming pass that are edited

    @property
    def response_mask(self) -> Tensor | None:
        """Which tokens of the coming pass are part of the answer."""
        return self._response_mask

    @response_mask.setter
    def response_mask(self, mask: Tensor | None) -> None:
        self._response_mask, self._tokens = mask, None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Run the model with these edits inside the block; no other thread runs its hooked passes meanwhile."""
        product, stream = self._product, self._stream
        with (
            site_hooks(self._model, product=self.apply, layers=sorted(product.layers)),
            site_hooks(self._model, residual=self.move, layers=sorted(stream.layers)),
        ):
            yield

    def apply(self, layer: int, m: Tensor) -> Tensor | None:
        """The edited m [batch, seq, width] of a layer, or None where no neuron of it is touched."""
        table = self._table(self._product, layer, m)
        return None if table is None else self._within_scopes(m, table.apply(m))

    def move(self, layer: int, h: Tensor) -> Tensor | None:
        """The edited residual stream h [batch, seq, hidden] after a layer, or None where it is not touched."""
        table = self._table(self._stream, layer, h)
        if table is None:
            return None

        def of_prompt(gaps: Tensor) -> Tensor:
            answer = self._checked_mask(h, "edits per='prompt'", "per='token'")
            return self.gaps.of_prompt(layer, gaps, answer.to(h.device))

        return self._within_scopes(h, table.apply(h, of_prompt))

    def _table(self, tables: _RowTables[TableT], layer: int, before: Tensor) -> TableT | None:
        """What is done to a tensor of a layer; None where that is not touched."""
        if layer not in tables.layers:
            return None
        if self.rows is not None and before.shape[0] != self.rows:
            raise EditError(
                f"{self.rows} edits were given, one per row, but the batch has {before.shape[0]} rows: give as "
                "many edits as rows (None for a row without one), or a single edit for all rows"
            )
        return tables.at(layer, before.device, before.dtype)

    def _within_scopes(self, before: Tensor, changed: Tensor) -> Tensor:
        """What was changed at the tokens that the scopes let the edits act on, and what was before elsewhere."""
        if set(self._scopes) == {"both"}:
            return changed
        return torch.where(self._edited_tokens(before).unsqueeze(-1), changed, before)

    def _edited_tokens(self, tensor: Tensor) -> Tensor:
        """Which tokens [batch, seq] the scopes let the edits act on; the same for all layers of a pass."""
        scope = next(scope for scope in self._scopes if scope != "both")
        answer = self._checked_mask(tensor, f"edits on={scope!r}", "on='both'")
        if self._tokens is None or self._tokens.device != tensor.device:
            in_answer, in_prompt = (
                torch.tensor([[scope in allowed] for scope in self._scopes], device=tensor.device)
                for allowed in (("both", "response"), ("both", "prompt"))
            )
            answer = answer.to(tensor.device)
            self._tokens = (in_answer & answer) | (in_prompt & ~answer)
        return self._tokens

    def _checked_mask(self, tensor: Tensor, who: str, instead: str) -> Tensor:
        mask = self._response_mask
        if mask is None:
            raise EditError(
                f"{who} need to know the answer's tokens: set session.response_mask "
                f"(bool [batch, seq]) before the forward pass, or use {instead}"
            )
        if mask.dtype != torch.bool or mask.shape != tensor.shape[:2]:
            raise EditError(
                f"session.response_mask is {mask.dtype} {tuple(mask.shape)}, "
                f"this pass needs torch.bool {tuple(tensor.shape[:2])}: set it anew before each forward pass"
            )
        return mask


class _RowTables(Generic[TableT]):
    """The tables of a session's edits at one place, put together row by row; each is built once."""

    def __init__(self, edits: Sequence[SiteTables[TableT]], place: Sequence[int]) -> None:
        self.layers = frozenset[int]().union(*(tables.layers for tables in edits))
        self._edits, self._place = edits, place
        self._ready: dict[tuple[int, torch.device, torch.dtype], TableT] = {}

    def at(self, layer: int, device: torch.device, dtype: torch.dtype) -> TableT:
        """The table of a layer that is touched."""
        key = (layer, device, dtype)
        if key not in self._ready:
            tables = [edit.at(layer, device, dtype) for edit in self._edits]
            table = next(table for table in tables if table is not None)
            # The table of one edit broadcasts over all rows, and nothing is gathered.
            self._ready[key] = table if len(tables) == 1 else table.stack(tables, self._place)
        return self._ready[key]


class EditBank:
    """Edits with their tables, each built once and kept on the device, for any arrangement of them in rows.

    The constructor checks `edits` (see `edited`). `session` also takes edits that the bank does not know yet; so that
    it does not grow for ever, the tables of those that were not asked for in a long time are built anew at need.
    """

    def __init__(self, model: NeuronModel, edits: Sequence[Edit | None] = (), *, force: bool = False) -> None:
        self._model = model
        self._force = force
        self._tables: dict[Edit | None, EditTables] = {}
        for edit in dict.fromkeys(edits):
            _require(model, edit, force)

    def session(
        self, edits: Edit | Sequence[Edit | None] | None, on: Scope | Sequence[Scope] = "both"
    ) -> EditSession:
        """One edit for a batch of any size, or one per row; `on` likewise."""
        rows = None if edits is None or isinstance(edits, Edit) else list(edits)
        number = {edit: place for place, edit in enumerate(dict.fromkeys(_rows(edits)))}
        scopes = [on] if isinstance(on, str) else list(on)
        if rows is not None and len(scopes) == len(rows):
            # Where a row has no edit, its scope says nothing.
            acting = {scope for edit, scope in zip(rows, scopes, strict=True) if edit is not None}
            scopes = scopes if len(acting) > 1 else list(acting or {"both"})
        session = EditSession(
            self._model,
            [self._find(edit) for edit in number],
            [number[edit] for edit in rows or ()],
            scopes,
            None if rows is None else len(rows),
        )
        for edit in [edit for edit in self._tables if edit not in number][:-_KEPT_EDITS]:
            del self._tables[edit]
        return session

    def _find(self, edit: Edit | None) -> EditTables:
        tables = self._tables.pop(edit, None)
        if tables is None:
            _require(self._model, edit, self._force)
            tables = EditTables() if edit is None else edit.tables(self._model.width)
        self._tables[edit] = tables  # last, as the one that was asked for last
        return tables


@contextmanager
def edited(
    model: NeuronModel, edits: Edit | Sequence[Edit | None] | None, *, on: Scope = "both", force: bool = False
) -> Iterator[EditSession]:
    """Run the model with edits inside the block; afterwards nothing is left on it, whatever happened inside.

    One edit (or None) acts on every row of any batch. A sequence gives each row of the batch its own edit
    or None, and a batch of another size raises EditError. `on` limits the edits to the tokens of the prompt
    or of the answer (see EditSession.response_mask). The neuron set of another model raises NeuronSetError, its
    vectors and probes SteeringError, unless `force` (NeuronSet.require). Blocks may be nested: the inner edit sees what the outer one left.
    """
    require_scope(on)
    rows = _rows(edits)
    if not rows:
        raise EditError("an empty sequence of edits: give one edit (or None) per row of the batch, or None")
    session = EditBank(model, rows, force=force).session(edits, on)
    with session.active():
        yield session


def require_scope(on: str) -> None:
    """EditError unless `on` is a Scope."""
    if on not in get_args(Scope):
        raise EditError(f"on must be one of {', '.join(get_args(Scope))}, it is {on!r}")


def _rows(edits: Edit | Sequence[Edit | None] | None) -> list[Edit | None]:
    return [edits] if edits is None or isinstance(edits, Edit) else list(edits)


def _require(model: NeuronModel, edit: Edit | None, force: bool) -> None:
    """EditError for what is no edit; for an edit of another model what `Edit.require` raises (unless `force`)."""
    if edit is None:
        return
    if not isinstance(edit, Edit):
        raise EditError(f"{edit!r} is not an edit: give one such as Modulate(...) or AddVector(...), or None")
    edit.require(model, force=force)
