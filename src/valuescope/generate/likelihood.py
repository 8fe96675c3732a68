"""How likely a model, base or edited, finds given texts: no sampling, no judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch.nn.functional import cross_entropy

from valuescope.edit import Edit, EditBank
from valuescope.generate.request import GenerationError
from valuescope.generate.scoring import answer_logits
from valuescope.models import Encoded, NeuronModel, encode
from valuescope.progress import StepProgress


def log_likelihood(
    model: NeuronModel,
    texts: Sequence[str],
    answers: Sequence[str] | None = None,
    *,
    edits: Edit | Sequence[Edit | None] | None = None,
    batch_size: int = 32,
    force: bool = False,
    progress: StepProgress | None = None,
) -> list[float]:
    """Mean log-probability per token (nats) of each text given its own beginning, in the order of the texts.

    With `answers`, only the tokens of the answer that follows each text are scored. The first token of a row is never
    scored. `edits` is one edit for all texts or one (or None) per text, applied at every position. Batches are formed
    in the given order, so that base and edited runs have the same shapes.

    Raises GenerationError where there is nothing to score (fewer than two tokens, or an answer without a token of its
    own), and where the edits are not one per text.
    """
    rows = encode(model, texts, answers)
    if answers is None:
        rows = [replace(row, prompt_length=1) for row in rows]
    return log_likelihood_encoded(
        model, rows, edits=edits, batch_size=batch_size, force=force, progress=progress
    )


def log_likelihood_encoded(
    model: NeuronModel,
    rows: Sequence[Encoded],
    *,
    edits: Edit | Sequence[Edit | None] | None = None,
    batch_size: int = 32,
    force: bool = False,
    progress: StepProgress | None = None,
) -> list[float]:
    """`log_likelihood` of token ids: of those behind each row's prompt, given the prompt."""
    row_edits = [edits] * len(rows) if edits is None or isinstance(edits, Edit) else list(edits)
    if len(row_edits) != len(rows):
        raise GenerationError(f"{len(rows)} texts but {len(row_edits)} edits: give one per text")
    first = [max(1, row.prompt_length) for row in rows]
    for number, row in enumerate(rows):
        if len(row.input_ids) <= first[number]:
            raise GenerationError(
                f"text {number} has nothing to score: {len(row.input_ids)} tokens, of which the first "
                f"{first[number]} are given"
            )
    rows = [replace(row, prompt_length=begin) for row, begin in zip(rows, first, strict=True)]
    bank = EditBank(model, row_edits, force=force)
    scores: list[float] = []
    for start in range(0, len(rows), batch_size):
        part = slice(start, start + batch_size)
        here = row_edits[part]
        found = []
        # Row by row: in float32, the probabilities of a whole batch over a large vocabulary can fill a GPU.
        for own, row in zip(answer_logits(model, rows[part], bank, edits=here), rows[part], strict=True):
            wanted = torch.tensor(row.input_ids[row.prompt_length :], device=own.device)
            found.append(-cross_entropy(own.float(), wanted))
        scores += torch.stack(found).tolist()
        if progress is not None:
            progress(len(scores), len(rows))
    return scores
