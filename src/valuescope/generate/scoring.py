"""How likely given token ids are: one pass, no sampling."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from valuescope.edit import Edit, EditBank, Scope
from valuescope.generate.answer import TokenLogprob
from valuescope.generate.logprobs import token_logprobs
from valuescope.generate.memory import is_out_of_memory, release_memory
from valuescope.models import Encoded, NeuronModel, forward_inputs, left_pad


def score_rows(
    model: NeuronModel,
    rows: Sequence[Encoded],
    bank: EditBank,
    *,
    edits: Edit | Sequence[Edit | None] | None = None,
    on: Scope | Sequence[Scope] = "both",
    top: int = 0,
) -> list[tuple[TokenLogprob, ...]]:
    """Log-probabilities of what follows each row's prompt, with the `top` most likely tokens at each place."""
    return [
        tuple(token_logprobs(model, logits, wanted, top))
        for logits, wanted in zip(
            answer_logits(model, rows, bank, edits=edits, on=on),
            (row.input_ids[row.prompt_length :] for row in rows),
            strict=True,
        )
    ]


def answer_logits(
    model: NeuronModel,
    rows: Sequence[Encoded],
    bank: EditBank,
    *,
    edits: Edit | Sequence[Edit | None] | None = None,
    on: Scope | Sequence[Scope] = "both",
) -> Iterator[Tensor]:
    """For each row the logits [answer tokens, vocabulary] that predict what follows its prompt.

    All rows are one batch, in halves where it does not fit into memory.
    """
    logits = None
    try:
        logits = _forward(model, rows, bank, edits, on)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or len(rows) == 1:
            raise
    if logits is None:
        release_memory()
        half = len(rows) // 2
        for part in (slice(None, half), slice(half, None)):
            yield from answer_logits(
                model,
                rows[part],
                bank,
                edits=edits if edits is None or isinstance(edits, Edit) else edits[part],
                on=on if isinstance(on, str) else on[part],
            )
        return
    for own, row in zip(logits, rows, strict=True):
        yield own[-(len(row.input_ids) - row.prompt_length) :]


def _forward(
    model: NeuronModel,
    rows: Sequence[Encoded],
    bank: EditBank,
    edits: Edit | Sequence[Edit | None] | None,
    on: Scope | Sequence[Scope],
) -> Tensor:
    # The last token is predicted, never read; so its column, and a position of the context, are saved.
    batch = left_pad(model, [replace(row, input_ids=row.input_ids[:-1]) for row in rows])
    inputs = {**forward_inputs(model, batch), "use_cache": False}
    if "logits_to_keep" in inspect.signature(type(model.model).forward).parameters:
        inputs["logits_to_keep"] = max(len(row.input_ids) - row.prompt_length for row in rows)
    session = bank.session(edits, on)
    session.response_mask = batch.response_mask
    with torch.inference_mode(), session.active():
        logits: Tensor = model.model(**inputs).logits
    return logits
