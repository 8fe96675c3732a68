"""Where special tokens stand in a batch: chat markers, separators, and the last token."""

from __future__ import annotations

import torch
from torch import Tensor

from valuescope.activations import special_ids
from valuescope.models import Batch, NeuronModel


def special_places(model: NeuronModel, batch: Batch, *, separators: bool) -> Tensor:
    """bool [B, T]: special tokens (a BOS and markers of the chat template included) and each row's last token.

    With `separators` also tokens of line breaks: those that hold one and neither letters nor digits. Padding never.
    """
    wanted = set(special_ids(model.tokenizer))
    if separators:
        present = set(batch.input_ids.flatten().tolist())
        wanted |= {one for one in present if _separates(model.token_text(one))}
    ids = torch.tensor(sorted(wanted), dtype=torch.int64, device=batch.input_ids.device)
    places = torch.isin(batch.input_ids, ids)
    places[:, -1] = True
    return places & batch.attention_mask.bool()


def _separates(text: str) -> bool:
    return "\n" in text and not any(character.isalnum() for character in text)
