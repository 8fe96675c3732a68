"""How far each row's prompt is moved: read once at its last token, and kept while its answer is written."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from valuescope.edit.layer_tables import EditError


class PromptGaps:
    """For each layer the gap at the last token of each row's prompt, float32 [rows, 1, 1].

    Whatever pass holds a prompt holds all of it: the last of it decides for the tokens before it.
    """

    def __init__(self, gaps: Mapping[int, Tensor] | None = None) -> None:
        self._gaps = dict(gaps or {})

    def of_prompt(self, layer: int, gaps: Tensor, answer: Tensor) -> Tensor:
        """What the tokens of a pass are moved by, [rows, 1, 1].

        `gaps` [rows, seq, 1] are those of its tokens, `answer` bool [rows, seq] says which of them are answer. A row
        without prompt tokens in this pass keeps the gap that an earlier pass read. EditError where there was none.
        """
        places = torch.arange(answer.shape[1], device=answer.device)
        last = torch.where(answer, -1, places).amax(dim=1)
        read = gaps.detach().gather(1, last.clamp(min=0)[:, None, None])
        kept = self._gaps.get(layer)
        if kept is not None and kept.shape == read.shape:
            read = torch.where((last >= 0)[:, None, None], read, kept)
        elif bool((last < 0).any()):
            raise EditError(
                "a shift per prompt has to see the prompt: the first pass of the session must hold all of it, with "
                "response_mask False there, or take per='token'"
            )
        self._gaps[layer] = read
        return read

    def kept(self, rows: Tensor) -> PromptGaps:
        """Those of some rows, int64 [n]."""
        return PromptGaps({layer: gaps[rows.to(gaps.device)] for layer, gaps in self._gaps.items()})

    def joined(self, rows: int, joining: PromptGaps, more: int) -> PromptGaps:
        """Those of `rows` rows with those of `more` rows behind them; a row that no such edit acts on has gaps of 0."""
        layers = {**joining._gaps, **self._gaps}

        def part(gaps: Mapping[int, Tensor], layer: int, count: int) -> Tensor:
            return gaps[layer] if layer in gaps else layers[layer].new_zeros(count, 1, 1)

        return PromptGaps(
            {
                layer: torch.cat([part(self._gaps, layer, rows), part(joining._gaps, layer, more)])
                for layer in layers
            }
        )
