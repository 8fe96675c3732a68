"""How likely a model, base or edited, finds given texts: no sampling, no judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from valuescope.edit import Edit, edited
from valuescope.generate.decoding import GenerationError
from valuescope.models import NeuronModel, encode, forward_inputs, left_pad


def log_likelihood(
    model: NeuronModel,
    texts: Sequence[str],
    answers: Sequence[str] | None = None,
    *,
    edits: Edit | Sequence[Edit | None] | None = None,
    batch_size: int = 32,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[float]:
    """Mean log-probability per token (nats) of each text given its own beginning, in the order of the texts.

    With `answers`, only the tokens of the answer that follows each text are scored. The first token of a row is never
    scored. `edits` is one edit for all texts or one (or None) per text, applied at
    every position. Batches are formed in the given order, so that base and edited runs have the same shapes.

    Raises GenerationError for a text of fewer than two tokens, and where the edits are not one per text.
    """
    row_edits = None if edits is None or isinstance(edits, Edit) else list(edits)
    if row_edits is not None and len(row_edits) != len(texts):
        raise GenerationError(f"{len(texts)} texts but {len(row_edits)} edits: give one per text")
    encoded = encode(model, texts, answers)
    scores: list[float] = []
    for start in range(0, len(texts), batch_size):
        rows = slice(start, start + batch_size)
        batch = left_pad(model, encoded[rows])
        here = edits if row_edits is None else row_edits[rows]
        with torch.inference_mode(), edited(model, here, force=force):
            logits = model.model(**forward_inputs(model, batch), use_cache=False).logits
        following = batch.input_ids[:, 1:]
        scored = batch.attention_mask[:, :-1].bool() & batch.attention_mask[:, 1:].bool()
        if answers is not None:
            scored = scored & batch.response_mask[:, 1:]
        counts = scored.sum(dim=1)
        if int(counts.min()) == 0:
            short = start + int(counts.argmin())
            raise GenerationError(
                f"text {short} has fewer than two tokens: {texts[short]!r}; nothing to score"
            )
        picked = logits[:, :-1].float().log_softmax(dim=-1).gather(-1, following.unsqueeze(-1)).squeeze(-1)
        scores += (picked.masked_fill(~scored, 0.0).sum(dim=1) / counts).tolist()
        if progress is not None:
            progress(len(scores), len(texts))
    return scores
